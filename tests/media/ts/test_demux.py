"""Transport streams as devices send them: by hand."""

import pytest

from media.codecs.frame import Frame
from media.ps.mux import pes
from media.ts.demux import TsDemuxer
from media.unit import Codec
from tests.media.ps.streams import KEY, KEY_265, SLICE
from tests.media.ts.streams import (
    ASSOCIATION,
    VIDEO_PID,
    packet,
    pes_packets,
    program_map,
)

MAP = program_map((0x1B, VIDEO_PID))
HEAD = ASSOCIATION + MAP


def unbounded(data: bytes, pts: int) -> bytes:
    """A PES packet of a picture, its length not told."""
    whole = pes(0xE0, data, pts)
    return whole[:4] + bytes(2) + whole[6:]


def demuxed(demuxer: TsDemuxer, payloads: list[bytes], *, marks: bool = False) -> list[Frame]:
    frames: list[Frame] = []
    for number, payload in enumerate(payloads):
        frames += demuxer.feed(payload, number, marks, float(number))
    return [*frames, *demuxer.flush()]


def pictures(*units: bytes, counter: int = 0) -> list[bytes]:
    """Each picture's packets as one payload, the counter going on."""
    out: list[bytes] = []
    for number, unit in enumerate(units):
        made = pes_packets(VIDEO_PID, unbounded(unit, number * 3600), counter)
        counter += len(made)
        out.append(b"".join(made))
    return out


def test_a_marker_that_proved_right_ends_a_picture_at_once() -> None:
    demuxer = TsDemuxer()
    first, second, third = pictures(KEY, SLICE, SLICE)

    assert demuxer.feed(HEAD + first, 0, True, 0.0) == []
    assert [frame.data for frame in demuxer.feed(second, 1, True, 0.0)] == [KEY, SLICE]
    assert [frame.data for frame in demuxer.feed(third, 2, True, 0.0)] == [SLICE]


def test_a_marker_that_is_always_set_is_not_believed() -> None:
    key = pes_packets(VIDEO_PID, unbounded(KEY + bytes(2000) + b"\x01", 0))
    frames = demuxed(TsDemuxer(), [HEAD, *key, *pictures(SLICE, counter=len(key))], marks=True)

    assert [frame.data for frame in frames] == [KEY + bytes(2000) + b"\x01", SLICE]


def test_lost_packets_damage_their_picture_and_only_that() -> None:
    demuxer = TsDemuxer()
    big = KEY + b"\x55" * 1000
    first, second, third = pictures(big, big, big)

    frames = demuxed(demuxer, [HEAD + first, second[:188] + second[376:], third])

    assert [frame.is_damaged for frame in frames] == [False, True, False]
    assert demuxer.tolerated == {"continuity-broken": 1}


def test_a_loss_that_rtp_tells_damages_what_is_under_way() -> None:
    demuxer = TsDemuxer()
    first, second = pictures(KEY, SLICE)
    demuxer.feed(HEAD + first, 0, False, 0.0)
    demuxer.lose()

    frames = demuxed(demuxer, [second])

    assert [frame.is_damaged for frame in frames] == [True, False]


def test_packets_sent_twice_count_once_and_counters_that_stand_say_nothing() -> None:
    demuxer = TsDemuxer()
    big = KEY + b"\x55" * 300 + b"\x66" * 300
    once = pes_packets(VIDEO_PID, unbounded(big, 0))
    assert [f.data for f in demuxed(demuxer, [HEAD, *[one + one for one in once]])] == [big]
    assert demuxer.tolerated == {"packet-sent-twice": len(once)}

    demuxer = TsDemuxer()
    stands = [one[:3] + b"\x10" + one[4:] if one[3] & 0x20 == 0 else one for one in once[:-1]]
    frames = demuxed(demuxer, [HEAD, *stands])
    assert not frames[0].is_damaged
    assert demuxer.tolerated == {"continuity-stands": 1}


@pytest.mark.parametrize(("key", "codec"), [(KEY, Codec.H264), (KEY_265, Codec.H265)])
def test_without_tables_the_key_picture_is_found(key: bytes, codec: Codec) -> None:
    demuxer = TsDemuxer()

    frames = demuxed(demuxer, pictures(key, key))

    assert [(frame.codec, frame.data) for frame in frames] == [(codec, key), (codec, key)]
    assert demuxer.tolerated == {"stream-without-map": 1}


def test_a_map_that_names_the_wrong_codec_is_corrected() -> None:
    demuxer = TsDemuxer()

    frames = demuxed(demuxer, [ASSOCIATION + program_map((0x24, VIDEO_PID)), *pictures(KEY)])

    assert [frame.codec for frame in frames] == [Codec.H264]
    assert demuxer.tolerated == {"codec-not-as-mapped": 1}


def test_a_place_that_was_lost_is_found_again() -> None:
    demuxer = TsDemuxer()

    frames = demuxed(demuxer, [HEAD + b"\x00" * 7, *pictures(KEY, SLICE)])

    assert [frame.data for frame in frames] == [KEY, SLICE]
    assert demuxer.tolerated == {"lost-place": 1}


def test_bounded_packets_end_with_their_length() -> None:
    demuxer = TsDemuxer()
    whole = b"".join(pes_packets(VIDEO_PID, pes(0xE0, KEY, 0)))

    assert [frame.data for frame in demuxer.feed(HEAD + whole, 0, False, 0.0)] == [KEY]


def test_a_picture_in_several_long_packets_is_one_picture() -> None:
    demuxer = TsDemuxer()
    big = KEY + b"\x55" * 100_000
    chain = pes_packets(VIDEO_PID, pes(0xE0, big[:65_000], 0))
    chain += pes_packets(VIDEO_PID, pes(0xE0, big[65_000:], None), len(chain))

    frames = demuxed(demuxer, [HEAD, *chain])

    assert [frame.data for frame in frames] == [big]


def test_g711_beside_pictures_is_heard_and_what_nobody_understands_is_named() -> None:
    sound = b"\xd5" * 320
    head = ASSOCIATION + program_map((0x1B, VIDEO_PID), (0x90, 0x101), (0x93, 0x102))
    demuxer = TsDemuxer()

    frames = demuxed(demuxer, [head, *pictures(KEY), *pes_packets(0x101, pes(0xC0, sound, 0))])

    assert {frame.codec: frame.data for frame in frames} == {Codec.H264: KEY, Codec.PCMA: sound}
    assert demuxer.unsupported == ("G.723.1",)


def test_scrambled_packets_are_said_to_be_encrypted() -> None:
    demuxer = TsDemuxer()

    demuxed(demuxer, [HEAD, packet(VIDEO_PID, KEY[:100], 0, is_start=True, scrambling=2)])

    assert demuxer.unsupported == ("encrypted stream",)


def test_the_private_type_with_a_registration_is_h265() -> None:
    head = ASSOCIATION + program_map((0x06, VIDEO_PID), descriptors=b"\x05\x04HEVC")

    assert demuxed(TsDemuxer(), [head, *pictures(KEY_265)])[0].codec is Codec.H265
