"""Sender reports read, receiver reports written (RFC 3550, 6)."""

import pytest

from media.errors import ProtocolError
from media.rtp.reception import ReceptionReport
from media.rtp.rtcp import Goodbye, SenderReport, parse, receiver_report

SENDER_REPORT = bytes.fromhex("80C800060BEBC201E8A1B2C3D4E5F607000DC9B00000006400002710")
DESCRIPTION = bytes.fromhex("81CA00030BEBC2010104666F6F6F0000")
GOODBYE = bytes.fromhex("81CB00010BEBC201")


def test_a_sender_report_is_found_in_a_compound_packet() -> None:
    assert parse(SENDER_REPORT + DESCRIPTION + GOODBYE) == [
        SenderReport(200_000_001, 0xE8A1B2C3D4E5F607, 903_600, 100, 10_000),
        Goodbye((200_000_001,)),
    ]


def test_a_receiver_report_carries_one_block_and_our_name() -> None:
    packet = receiver_report(
        1,
        200_000_001,
        ReceptionReport(fraction_lost=128, lost=5, highest_sequence=0x10003, jitter_ticks=90),
        last_sender_report=0xB2C3D4E5,
        since_sender_report_s=0.5,
        cname="vms",
    )

    assert packet == bytes.fromhex(
        "81C9000700000001 0BEBC201 80000005 00010003 0000005A B2C3D4E5 00008000"
        "81CA000300000001 0103766D73000000"
    )
    assert parse(packet) == []


def test_without_a_sender_report_there_is_no_delay_since_one() -> None:
    packet = receiver_report(
        1, 2, ReceptionReport(0, 0, 0, 0), since_sender_report_s=9, cname="vms"
    )

    assert packet[24:32] == bytes(8)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80",
        b"\x00\xc8\x00\x00",
        SENDER_REPORT[:-1],
        bytes.fromhex("80C8000100000001"),
        bytes.fromhex("82CB000100000001"),
    ],
)
def test_lengths_that_cannot_be_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(data)
