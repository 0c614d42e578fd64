"""RTCP from viewers, as another implementation writes it, and our reports as it reads them."""

import pytest
from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from media.errors import ProtocolError
from media.outputs.webrtc_rtcp import (
    Nack,
    PictureWanted,
    Report,
    parse_feedback,
    sender_report,
)

OURS = 0xCAFE0001


def test_a_report_a_nack_and_a_pli_in_one_packet_are_all_read() -> None:
    block = RtcpReceiverInfo(OURS, 64, 10, 500, 3, 0, 0)
    compound = b"".join(
        bytes(packet)
        for packet in (
            RtcpRrPacket(ssrc=1, reports=[block]),
            RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=OURS, lost=[3, 4, 19, 90]),
            RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=OURS),
            RtcpByePacket(sources=[1]),
        )
    )

    assert parse_feedback(compound) == [
        Report(OURS, 0.25, lost=10, highest=500, jitter=3),
        Nack(OURS, (3, 4, 19, 90)),
        PictureWanted(OURS),
    ]


def test_lost_packets_are_counted_on_over_the_wrap() -> None:
    packet = bytes.fromhex("81cd0003") + bytes(4) + OURS.to_bytes(4) + bytes.fromhex("ffff0005")

    assert parse_feedback(packet) == [Nack(OURS, (65_535, 0, 2))]


def test_a_full_intra_request_names_its_media_in_the_entry() -> None:
    entry = OURS.to_bytes(4) + bytes(4)
    packet = RtcpPsfbPacket(fmt=RTCP_PSFB_FIR, ssrc=1, media_ssrc=0, fci=entry)

    assert parse_feedback(bytes(packet)) == [PictureWanted(OURS)]


@pytest.mark.parametrize("name", ["s", "st", "str", "stream"])
def test_another_implementation_reads_our_sender_report(name: str) -> None:
    data = sender_report(OURS, 1_000.5, (1 << 32) + 77, 12, 3_400, name)

    report, description = RtcpPacket.parse(data)

    assert isinstance(report, RtcpSrPacket)
    assert report.ssrc == OURS
    assert report.sender_info.ntp_timestamp == 1_000 << 32 | 1 << 31
    assert report.sender_info.rtp_timestamp == 77
    assert report.sender_info.packet_count == 12
    assert report.sender_info.octet_count == 3_400
    assert isinstance(description, RtcpSdesPacket)
    assert description.chunks[0].items == [(1, name.encode())]


@given(st.binary(max_size=120))
def test_any_bytes_are_feedback_or_a_protocol_error(data: bytes) -> None:
    try:
        parse_feedback(data)
    except ProtocolError:
        return


@given(st.integers(0, 31), st.sampled_from([200, 201, 205, 206]), st.binary(max_size=96))
def test_any_body_is_feedback_or_a_protocol_error(count: int, kind: int, body: bytes) -> None:
    body = bytes(4) + body[: len(body) // 4 * 4]
    head = bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2)

    parse_feedback(head + body)
