"""Loss and jitter as RFC 3550 counts them."""

import pytest

from media.rtp.packet import RtpPacket
from media.rtp.reception import Reception


def receive(reception: Reception, *order: int, at_s: float = 0.0, timestamp: int = 0) -> None:
    for number in order:
        reception.received(RtpPacket(96, False, number & 0xFFFF, timestamp, 7, b"", at_s))


def test_missing_packets_are_counted_across_the_wrap() -> None:
    reception = Reception()
    receive(reception, 65_534, 65_535, 2, 3)

    assert (reception.packets, reception.lost) == (4, 2)
    assert reception.report().highest_sequence == 0x10003


def test_a_packet_that_was_overtaken_is_not_lost() -> None:
    reception = Reception()
    receive(reception, 1, 3, 2, 4)

    assert (reception.lost, reception.reordered) == (0, 1)


def test_repeated_packets_do_not_make_up_for_lost_ones() -> None:
    reception = Reception()
    receive(reception, 1, 1, 3, 3)
    reception.duplicates = 2

    assert reception.lost == 1


def test_the_fraction_counts_from_the_last_report() -> None:
    reception = Reception()
    receive(reception, *range(10))
    assert reception.report().fraction_lost == 0
    receive(reception, *range(15, 20))

    report = reception.report()

    assert (report.fraction_lost, report.lost) == (128, 5)
    assert reception.report().fraction_lost == 0


def test_a_sender_that_begins_anew_loses_nothing_of_what_was_counted() -> None:
    reception = Reception()
    receive(reception, 1, 2, 4)
    receive(reception, 40_000, 40_001, 40_003)

    assert reception.lost == 2
    assert reception.packets == 6


def test_jitter_grows_with_uneven_pictures_and_ignores_the_packets_within_one() -> None:
    reception = Reception()
    for number in range(200):
        late_s = 0.02 if number % 2 else 0.0
        receive(reception, 2 * number, at_s=number / 25 + late_s, timestamp=number * 3600)
        receive(reception, 2 * number + 1, at_s=number / 25 + 0.03, timestamp=number * 3600)

    assert reception.jitter_ms == pytest.approx(20, abs=0.5)
    assert reception.report().jitter_ticks == pytest.approx(1800, abs=45)


def test_a_clock_that_jumps_is_no_jitter() -> None:
    reception = Reception()
    receive(reception, 1, at_s=0.0, timestamp=0)
    receive(reception, 2, at_s=0.04, timestamp=0x7FFFFFFF)

    assert reception.jitter_ms == 0


def test_before_the_first_packet_there_is_nothing_to_report() -> None:
    report = Reception().report()

    assert (report.fraction_lost, report.lost, report.jitter_ticks) == (0, 0, 0)
