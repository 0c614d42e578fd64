"""Streams as odd as devices send them: their first key picture plays, the oddity is named."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from media.door import FirstPicture
from media.ps.mux import PsMuxer, pack_header, pes, program_stream_map
from media.rtp.latch import GRACE_S
from media.rtp.packet import build
from media.unit import Codec
from tests.media.intake_port import DEVICE, SSRC, STREAM, Port
from tests.media.ps.streams import KEY, SLICE
from tests.media.ts.streams import ASSOCIATION, VIDEO_PID, pes_packets, program_map

MAP = program_stream_map(Codec.H264, None)
Pack = Callable[[bytes, int], bytes]
"""A picture and its PTS into a pack."""


def standard(data: bytes, pts: int) -> bytes:
    return PsMuxer(Codec.H264).picture(data, pts, is_key=data is KEY)


def without_map(data: bytes, pts: int) -> bytes:
    return pack_header(pts) + pes(0xE0, data, pts)


def with_wrong_checksum(data: bytes, pts: int) -> bytes:
    return pack_header(pts) + MAP[:-4] + b"\xde\xad\xbe\xef" + pes(0xE0, data, pts)


def with_private_stream(data: bytes, pts: int) -> bytes:
    private = pes(0xBD, b"\x00\x00\x01\xe0" * 9, pts)
    return pack_header(pts) + MAP + private + pes(0xE0, data, pts)


def without_length(data: bytes, pts: int) -> bytes:
    packet = pes(0xE0, data, pts)
    return pack_header(pts) + MAP + packet[:4] + bytes(2) + packet[6:]


def with_constant_pts(data: bytes, _: int) -> bytes:
    return pack_header(0) + MAP + pes(0xE0, data, 0)


def with_cut_pack_header(data: bytes, pts: int) -> bytes:
    return pack_header(pts)[:4] + MAP + pes(0xE0, data, pts)


def transport_stream(data: bytes, pts: int) -> bytes:
    counter = pts // 3600 * len(pes_packets(VIDEO_PID, pes(0xE0, data, pts)))
    video = b"".join(pes_packets(VIDEO_PID, pes(0xE0, data, pts), counter))
    return ASSOCIATION + program_map((0x1B, VIDEO_PID)) + video


@pytest.mark.parametrize(
    ("pack", "named"),
    [
        (standard, ""),
        (without_map, "picture-without-map"),
        (with_wrong_checksum, "map-checksum"),
        (with_private_stream, "private-stream"),
        (without_length, "pes-without-length"),
        (with_constant_pts, "picture-without-new-pts"),
        (with_cut_pack_header, "cut-pack-header"),
        (transport_stream, ""),
    ],
)
@pytest.mark.parametrize("marker", ["last", "never", "always"])
@pytest.mark.parametrize("ssrc", [SSRC, 0], ids=["its SSRC", "SSRC 0"])
def test_the_first_key_picture_plays(pack: Pack, named: str, marker: str, ssrc: int) -> None:
    port = Port()
    port.intake.expect(SSRC, DEVICE[0])
    for number in range(int(GRACE_S / 0.04) + 6):
        data = KEY if number % 4 == 0 else SLICE
        size = 7 * 188 if pack is transport_stream else 60
        ticks = number * 3600
        packets = port.packets(pack(data, ticks), ssrc=ssrc, timestamp=ticks, size=size)
        if marker != "last":
            bit = 0x80 if marker == "always" else 0
            packets = [p[:1] + bytes((p[1] & 0x7F | bit,)) + p[2:] for p in packets]
        port.receive(packets)
        port.pass_time(0.04)

    taken = port.taken()
    assert FirstPicture(STREAM, "h264", 320, 240) in port.events
    assert (taken[0].data, taken[0].is_key, taken[0].is_damaged) == (KEY, True, False)
    assert all(one.pts < other.pts for one, other in pairwise(taken))
    tolerated = dict(port.intake.figures().tolerated)
    assert ("other-ssrc" in tolerated) is (ssrc != SSRC)
    assert not named or named in tolerated


def test_an_elementary_stream_in_the_type_of_program_streams_plays() -> None:
    port = Port()
    units = [unit for unit in KEY.split(b"\x00\x00\x00\x01") if unit]
    for unit in units:
        port.receive(
            [
                build(
                    unit,
                    payload_type=96,
                    marker=unit is units[-1],
                    sequence=port.sequence,
                    timestamp=0,
                    ssrc=SSRC,
                )
            ]
        )
        port.sequence += 1

    assert FirstPicture(STREAM, "h264", 320, 240) in port.events
    assert dict(port.intake.figures().tolerated) == {"elementary-stream-as-ps": 1}


def test_parameter_sets_nobody_can_read_are_said_to_be_encrypted() -> None:
    port = Port()
    sps = KEY.index(b"\x67") + 1
    secret = KEY[:sps] + bytes(byte ^ 0xA5 for byte in KEY[sps : sps + 16]) + KEY[sps + 16 :]
    for number in range(3):
        pack = PsMuxer(Codec.H264).picture(secret, number * 3600, is_key=True)
        port.receive(port.packets(pack, timestamp=number * 3600))

    figures = port.intake.figures()
    assert figures.unsupported == ("encrypted stream",)
    assert figures.video_codec is None
    assert not any(isinstance(event, FirstPicture) for event in port.events)
