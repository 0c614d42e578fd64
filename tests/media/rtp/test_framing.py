"""RTP over a connection: two bytes of length and a packet, or what devices make of it."""

import pytest

from media.errors import ProtocolError
from media.rtp.framing import RESYNC_LIMIT, Deframer, frame
from media.rtp.packet import build

RTCP = bytes.fromhex("80C9000100000007")


def rtp(sequence: int, *, ssrc: int = 0x0BEBC201, size: int = 100) -> bytes:
    return build(
        bytes(size), payload_type=96, marker=False, sequence=sequence, timestamp=0, ssrc=ssrc
    )


def test_a_packet_follows_its_length() -> None:
    framed = bytes.fromhex("001080E01234000DC9B00BEBC201000001BA")

    assert frame(framed[2:]) == framed
    assert Deframer().feed(framed) == [framed[2:]]


def test_packets_of_rtp_and_rtcp_share_the_connection() -> None:
    packets = [rtp(1), RTCP, rtp(2), RTCP]

    assert Deframer().feed(b"".join(map(frame, packets))) == packets


def test_packets_of_64_kilobytes_are_taken() -> None:
    packets = [rtp(1, size=65_523), rtp(2, size=65_523)]

    assert Deframer().feed(b"".join(map(frame, packets))) == packets


def test_a_length_of_zero_is_passed_over() -> None:
    assert Deframer().feed(b"\x00\x00" + frame(rtp(1)) + b"\x00\x00" + frame(rtp(2))) == [
        rtp(1),
        rtp(2),
    ]


def test_the_framing_of_rtsp_is_understood() -> None:
    packets = [rtp(1), rtp(2), RTCP, rtp(3)]

    stream = b"".join(b"$\x00" + frame(packet) for packet in packets)

    assert Deframer().feed(stream) == packets


def test_a_second_sender_on_the_connection_is_heard() -> None:
    packets = [rtp(1), rtp(500, ssrc=9), rtp(2), rtp(501, ssrc=9), rtp(3)]

    assert Deframer().feed(b"".join(map(frame, packets))) == packets


@pytest.mark.parametrize("junk", [b"\x01", b"\xff\xff" * 40, bytes(range(255)), b"\x80" * 50])
def test_after_bytes_that_belong_to_no_packet_it_finds_the_next(junk: bytes) -> None:
    deframer = Deframer()
    before, after = [rtp(1), rtp(2)], [rtp(number) for number in range(3, 400)]

    packets = deframer.feed(b"".join(map(frame, before)) + junk + b"".join(map(frame, after)))

    assert packets == before + after
    assert deframer.resyncs == 1
    assert deframer.skipped == len(junk)


def test_a_connection_without_any_packet_is_given_up() -> None:
    deframer = Deframer()

    assert deframer.feed(b"\x01" * RESYNC_LIMIT) == []

    with pytest.raises(ProtocolError, match="no-rtp-on-connection"):
        deframer.feed(b"\x01" * 1000)


def test_a_connection_that_speaks_something_else_gives_no_packet() -> None:
    assert Deframer().feed(b"GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n") == []
