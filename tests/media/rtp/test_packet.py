"""RTP headers: what is read, what is refused, what is written."""

import pytest

from media.errors import ProtocolError
from media.rtp.packet import build, is_rtcp, packetise, parse

HEADER = bytes.fromhex("80E01234000DC9B00BEBC201")


def test_a_header_is_read() -> None:
    packet = parse(HEADER + b"\x00\x00\x01\xba", 7.5)

    assert (packet.payload_type, packet.marker, packet.sequence) == (96, True, 0x1234)
    assert (packet.timestamp, packet.ssrc) == (903_600, 200_000_001)
    assert (packet.payload, packet.received_s) == (b"\x00\x00\x01\xba", 7.5)


def test_a_header_is_written_as_it_is_read() -> None:
    written = build(
        b"payload",
        payload_type=96,
        marker=True,
        sequence=0x1234,
        timestamp=903_600,
        ssrc=200_000_001,
    )

    assert written == HEADER + b"payload"


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("82600001000000010000000700000001 00000002") + b"payload",
        bytes.fromhex("906000010000000100000007BEDE000100000000") + b"payload",
        bytes.fromhex("A06000010000000100000007") + b"payload" + b"\x00\x02",
    ],
    ids=["contributing sources", "extension", "padding"],
)
def test_what_stands_around_the_payload_is_taken_off(data: bytes) -> None:
    assert parse(data, 0).payload == b"payload"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "short-rtp"),
        (HEADER[:-1], "short-rtp"),
        (b"\x00" + HEADER[1:], "not-rtp"),
        (b"\x8f" + HEADER[1:], "bad-rtp-lengths"),
        (b"\x90" + HEADER[1:] + b"\x00\x00", "short-rtp-extension"),
        (b"\x90" + HEADER[1:] + b"\x00\x00\xff\xff", "bad-rtp-lengths"),
        (b"\xa0" + HEADER[1:] + b"\xff", "bad-rtp-lengths"),
    ],
)
def test_lengths_that_cannot_be_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        parse(data, 0)


def test_a_pack_is_cut_into_packets_of_one_timestamp_and_the_last_has_the_marker() -> None:
    data = bytes(range(256)) * 10

    packets = [
        parse(raw, 0)
        for raw in packetise(
            data, payload_type=96, sequence=0xFFFF, timestamp=3600, ssrc=7, payload_limit=1000
        )
    ]

    assert b"".join(packet.payload for packet in packets) == data
    assert [packet.sequence for packet in packets] == [0xFFFF, 0, 1]
    assert [packet.marker for packet in packets] == [False, False, True]
    assert {packet.timestamp for packet in packets} == {3600}


def test_rtcp_on_the_same_port_is_told_apart() -> None:
    assert is_rtcp(bytes.fromhex("80C9000100000007"))
    assert not is_rtcp(HEADER)
    assert not is_rtcp(b"")
