"""What every `PacketLeaf` does with the same packets; another make is added to `LEAVES`."""

import random
from collections.abc import Callable, Sequence

import pytest

from media.codecs.frame import Frame
from media.errors import ProtocolError
from media.leaves import PacketLeaf
from media.ps.mux import PsMuxer, pes
from media.rtp.packet import build, packetise
from media.rtp.reorder import WAIT_S
from media.rtp.sniff import Container
from media.unit import Codec
from media.unpacker import Unpacker
from tests.media.ps.streams import KEY, KEY_265, SLICE
from tests.media.ts.streams import ASSOCIATION, VIDEO_PID, pes_packets, program_map

Make = Callable[[bool], PacketLeaf]

SSRC = 7
LEAVES: dict[str, Make] = {"python": lambda may_disorder: Unpacker(may_disorder=may_disorder)}


@pytest.fixture(params=LEAVES.values(), ids=list(LEAVES))
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def packets(count: int, *, first: int = 0, size: int = 60, payload_type: int = 96) -> list[bytes]:
    """Pictures of a program stream 40 ms apart, every fourth a key picture."""
    muxer = PsMuxer(Codec.H264)
    out: list[bytes] = []
    for number in range(count):
        is_key = number % 4 == 0
        pack = muxer.picture(KEY if is_key else SLICE, number * 3600, is_key=is_key)
        out += packetise(
            pack,
            payload_type=payload_type,
            sequence=first + len(out),
            timestamp=number * 3600,
            ssrc=SSRC,
            payload_limit=size,
        )
    return out


def taken(leaf: PacketLeaf, arrived: Sequence[bytes], step_s: float = 0.001) -> list[Frame]:
    """All frames, those under way too; packets come `step_s` apart."""
    frames: list[Frame] = []
    for number, packet in enumerate(arrived):
        frames += leaf.take(packet, number * step_s)
    return [*frames, *leaf.flush()]


def taken_by_runs(leaf: PacketLeaf, arrived: Sequence[bytes], burst: int) -> list[Frame]:
    """The same, `burst` packets at a time in memory that is used again, all at one moment."""
    frames: list[Frame] = []
    for start in range(0, len(arrived), burst):
        memory = [bytearray(packet) for packet in arrived[start : start + burst]]
        run = [memoryview(packet) for packet in memory]
        at = 0
        while at < len(run):
            at, complete = leaf.take_run(run, at, 0.0)
            frames += complete
            if at < len(run):
                frames += leaf.take(bytes(run[at]), 0.0)
                at += 1
        for packet in memory:
            packet[:] = b"\xff" * len(packet)
    return [*frames, *leaf.flush()]


def data_of(frames: Sequence[Frame]) -> list[bytes]:
    return [frame.data for frame in frames]


@pytest.mark.parametrize("may_disorder", [True, False])
def test_pictures_come_out_as_they_were_put_in(make: Make, may_disorder: bool) -> None:
    leaf = make(may_disorder)
    sent = packets(5, first=65_530)

    frames = taken(leaf, sent)

    assert data_of(frames) == [KEY, SLICE, SLICE, SLICE, KEY]
    assert [frame.pts for frame in frames] == [0, 3600, 7200, 10_800, 14_400]
    assert [frame.timestamp for frame in frames] == [0, 3600, 7200, 10_800, 14_400]
    assert not any(frame.is_damaged for frame in frames)
    assert (leaf.container, leaf.payload_type) == (Container.PS, 96)
    assert (leaf.packets, leaf.lost, leaf.reordered, leaf.duplicates) == (len(sent), 0, 0, 0)
    assert leaf.payload_bytes == sum(len(packet) - 12 for packet in sent)


def in_disorder(sent: Sequence[bytes]) -> list[bytes]:
    """Some lost, some late, some twice."""
    dice = random.Random(7)  # noqa: S311  a run that can be repeated
    arrived = [packet for packet in sent if dice.random() >= 0.03]
    for place in range(11, len(arrived) - 6, 23):
        arrived.insert(place + 5, arrived.pop(place))
    return [packet for packet in arrived for _ in range(2 if dice.random() < 0.05 else 1)]


@pytest.mark.parametrize("payload_type", [96, 33], ids=["PS", "TS"])
@pytest.mark.parametrize("may_disorder", [True, False])
@pytest.mark.parametrize("burst", [1, 7, 64])
def test_runs_give_what_their_packets_give_one_by_one(
    make: Make, burst: int, may_disorder: bool, payload_type: int
) -> None:
    sent = packets(60, first=65_300, payload_type=96)
    if payload_type == 33:
        tables = ASSOCIATION + program_map((0x24, VIDEO_PID))
        pictures = (pes_packets(VIDEO_PID, pes(0xE0, KEY_265, n * 3600)) for n in range(60))
        sent = list(
            packetise(
                b"".join(tables + b"".join(picture) for picture in pictures),
                payload_type=33,
                sequence=65_530,
                timestamp=0,
                ssrc=SSRC,
                payload_limit=188,
            )
        )
    arrived = in_disorder(sent) if may_disorder else sent
    one_by_one, by_runs = make(may_disorder), make(may_disorder)

    expected = taken(one_by_one, arrived, step_s=0.0)

    assert taken_by_runs(by_runs, arrived, burst) == expected
    assert len(expected) > 25
    for leaf in (one_by_one, by_runs):
        assert leaf.packets == len(arrived)
    assert (by_runs.payload_bytes, by_runs.lost, by_runs.reordered, by_runs.duplicates) == (
        one_by_one.payload_bytes,
        one_by_one.lost,
        one_by_one.reordered,
        one_by_one.duplicates,
    )
    assert (by_runs.tolerated, by_runs.jitter_ms) == (one_by_one.tolerated, one_by_one.jitter_ms)


@pytest.mark.parametrize(
    "odd",
    [
        build(b"\xd5" * 20, payload_type=96, marker=False, sequence=1, timestamp=0, ssrc=SSRC + 1),
        b"\x80\x60\x00\x01",
        b"",
        bytes(65_507),
    ],
    ids=["another sender's", "a head cut short", "nothing", "the largest datagram"],
)
def test_a_run_stops_where_a_closer_look_is_needed(make: Make, odd: bytes) -> None:
    leaf = make(True)
    sent = packets(1, size=20)
    leaf.take(sent[0], 0.0)

    at, _ = leaf.take_run([odd, sent[1]], 0, 0.0)

    assert at == 0
    assert leaf.packets == 1
    assert data_of(taken_by_runs(leaf, sent[1:], 64)) == [KEY]


def test_a_frame_bears_the_time_of_its_last_packet(make: Make) -> None:
    leaf = make(True)
    sent = packets(2)
    boundary = next(n for n, packet in enumerate(sent) if packet[4:8] == (3600).to_bytes(4))

    frames = taken(leaf, sent, step_s=1 / 1024)

    assert frames[0].received_s == (boundary - 1) / 1024


def test_disorder_and_repetition_change_nothing_and_are_counted(make: Make) -> None:
    leaf = make(True)
    sent = packets(12)
    arrived = list(sent)
    for place in range(4, len(arrived) - 1, 7):
        arrived[place], arrived[place + 1] = arrived[place + 1], arrived[place]
    swaps = len(range(4, len(sent) - 1, 7))
    again = [packet for packet in arrived for _ in range(2)]

    frames = taken(leaf, again)

    assert data_of(frames) == data_of(taken(make(True), sent))
    assert (leaf.lost, leaf.duplicates) == (0, len(sent))
    assert leaf.reordered >= swaps


def test_what_is_lost_damages_its_picture_and_is_counted(make: Make) -> None:
    leaf = make(True)
    sent = packets(6, size=20)
    of_second = [n for n, packet in enumerate(sent) if packet[4:8] == (3600).to_bytes(4)]
    del sent[of_second[-1]]

    frames: list[Frame] = []
    for number, packet in enumerate(sent):
        frames += leaf.take(packet, number / 1000)
    frames += leaf.tick(len(sent) / 1000 + WAIT_S)
    frames += leaf.flush()

    assert [frame.is_damaged for frame in frames].count(True) == 1
    assert data_of([frame for frame in frames if not frame.is_damaged]) == [
        KEY,
        SLICE,
        SLICE,
        KEY,
        SLICE,
    ]
    assert leaf.lost == 1


def test_a_picture_that_was_whole_before_the_loss_is_not_damaged(make: Make) -> None:
    leaf = make(True)
    sent = packets(3, size=20)
    of_last = [n for n, packet in enumerate(sent) if packet[4:8] == (7200).to_bytes(4)]
    del sent[of_last[1]]

    frames = taken(leaf, sent)

    assert [(frame.data, frame.is_damaged) for frame in frames[:2]] == [
        (KEY, False),
        (SLICE, False),
    ]


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.1])
def test_the_share_that_is_lost_is_told_to_half_a_percent(make: Make, loss: float) -> None:
    leaf = make(True)
    dice = random.Random(5)  # noqa: S311  a run that can be repeated
    sent = packets(1500)
    arrived = [packet for packet in sent[:-1] if dice.random() >= loss] + sent[-1:]
    lost = len(sent) - len(arrived)
    for place in range(97, len(arrived) - 6, 97):
        arrived.insert(place + 5, arrived.pop(place))
    arrived = [packet for packet in arrived for _ in range(2 if dice.random() < 0.02 else 1)]

    taken(leaf, arrived)

    assert leaf.lost == lost
    assert leaf.packets == len(arrived)
    assert leaf.duplicates == len(arrived) - (len(sent) - lost)


def test_a_connection_that_begins_again_is_followed(make: Make) -> None:
    leaf = make(False)
    whole = packets(4, first=30_000)

    frames = taken(leaf, [*whole, *packets(4, first=5)])

    assert data_of(frames) == [KEY, SLICE, SLICE, SLICE, KEY, SLICE, SLICE, SLICE]
    assert leaf.lost == 0


def test_another_sender_is_recognised_anew(make: Make) -> None:
    leaf = make(True)
    frames = [*taken(leaf, packets(2)), *leaf.begin_anew()]
    tables = ASSOCIATION + program_map((0x24, VIDEO_PID))
    pictures = b"".join(pes_packets(VIDEO_PID, pes(0xE0, KEY_265, 0)))
    whole = build(
        tables + pictures, payload_type=33, marker=True, sequence=9, timestamp=0, ssrc=SSRC
    )

    frames += taken(leaf, [whole])

    assert [(frame.codec, frame.data) for frame in frames] == [
        (Codec.H264, KEY),
        (Codec.H264, SLICE),
        (Codec.H265, KEY_265),
    ]
    assert (leaf.container, leaf.payload_type) == (Container.TS, 33)


@pytest.mark.parametrize("first", range(1, 12))
def test_a_stream_joined_anywhere_is_recognised_by_its_next_key_picture(
    make: Make, first: int
) -> None:
    leaf = make(True)

    frames = taken(leaf, packets(5, size=20)[first:])

    assert leaf.container is Container.PS
    assert frames[-1].data == KEY


def test_a_container_that_was_mistaken_is_seen_at_the_next_pack(make: Make) -> None:
    leaf = make(True)
    sps = build(KEY[4:20], payload_type=96, marker=False, sequence=0, timestamp=9, ssrc=SSRC)

    frames = taken(leaf, [sps, *packets(5, first=1)])

    assert leaf.container is Container.PS
    assert data_of(frames)[-5:] == [KEY, SLICE, SLICE, SLICE, KEY]
    assert leaf.tolerated["container-mistaken"] == 1


@pytest.mark.parametrize(
    ("payload_type", "codec"), [(8, Codec.PCMA), (0, Codec.PCMU), (18, Codec.G729)]
)
def test_sound_in_packets_of_its_own_bears_its_own_clock(
    make: Make, payload_type: int, codec: Codec
) -> None:
    leaf = make(True)
    sound = build(
        b"\xd5" * 20,
        payload_type=payload_type,
        marker=False,
        sequence=40_000,
        timestamp=160,
        ssrc=SSRC,
    )

    frames = taken(leaf, [*packets(2), sound])

    (heard,) = [frame for frame in frames if not frame.codec.is_video]
    assert (heard.codec, heard.timestamp, heard.has_own_clock) == (codec, 160, True)


@pytest.mark.parametrize("sequence", [1, 40_000], ids=["in step", "a sequence of its own"])
@pytest.mark.parametrize(
    ("payload_type", "name"), [(9, "G.722.1"), (20, "SVAC audio"), (102, "AAC by RFC 3640")]
)
def test_sound_nobody_understands_is_named_and_harms_no_picture(
    make: Make, sequence: int, payload_type: int, name: str
) -> None:
    leaf = make(True)
    sent = packets(2, size=5000)
    sound = build(
        b"\x00\x00\x01\xe0" * 10,
        payload_type=payload_type,
        marker=False,
        sequence=sequence,
        timestamp=160,
        ssrc=SSRC,
    )
    second = sent[1][:2] + (sequence + 1 if sequence == 1 else 1).to_bytes(2) + sent[1][4:]

    assert data_of(taken(leaf, [sent[0], sound, second])) == [KEY, SLICE]
    assert leaf.unsupported == (name,)


@pytest.mark.parametrize("data", [b"", b"\x80\x60", b"\x00" * 40, b"\xbf" + bytes(11)])
def test_what_is_no_packet_is_refused_and_harms_nothing(make: Make, data: bytes) -> None:
    leaf = make(True)
    sent = packets(2)
    frames = [*leaf.take(sent[0], 0.0)]

    with pytest.raises(ProtocolError):
        leaf.take(data, 0.0)

    assert data_of([*frames, *taken(leaf, sent[1:])]) == [KEY, SLICE]


def test_a_report_tells_the_share_lost_since_the_last_one(make: Make) -> None:
    leaf = make(True)
    sent = packets(8)
    last = int.from_bytes(sent[-1][2:4])
    for packet in sent[:-3]:
        leaf.take(packet, 0.0)
    assert leaf.report().fraction_lost == 0

    leaf.take(sent[-1], 0.0)
    report = leaf.report()

    assert (report.fraction_lost, report.lost) == (2 * 256 // 3, 2)
    assert report.highest_sequence == last
