"""Packets put back in order, and missing ones given up after a while."""

from collections.abc import Sequence

from media.rtp.packet import RtpPacket
from media.rtp.reorder import RESTART_DISTANCE, WAIT_S, WINDOW_PACKETS, ReorderBuffer


def packet(sequence: int, received_s: float = 0.0) -> RtpPacket:
    return RtpPacket(96, False, sequence & 0xFFFF, 0, 7, b"", received_s)


def sequences(packets: Sequence[RtpPacket]) -> list[int]:
    return [item.sequence for item in packets]


def push(buffer: ReorderBuffer, *order: int, now: float = 0.0) -> list[int]:
    return [
        sequence
        for number in order
        for sequence in sequences(buffer.push(packet(number, now), now))
    ]


def test_packets_in_order_go_straight_through() -> None:
    buffer = ReorderBuffer()

    assert push(buffer, 65_534, 65_535, 0, 1) == [65_534, 65_535, 0, 1]
    assert buffer.deadline is None


def test_packets_that_overtook_others_wait_for_them() -> None:
    buffer = ReorderBuffer()

    assert push(buffer, 1, 3, 4) == [1]
    assert push(buffer, 2) == [2, 3, 4]
    assert buffer.deadline is None


def test_a_missing_packet_is_given_up_at_the_deadline() -> None:
    buffer = ReorderBuffer()
    push(buffer, 1, 3, now=10.0)

    assert buffer.deadline == 10.0 + WAIT_S
    assert sequences(buffer.tick(10.0 + WAIT_S - 0.01)) == []
    assert sequences(buffer.tick(10.0 + WAIT_S)) == [3]


def test_the_next_gap_has_a_wait_of_its_own() -> None:
    buffer = ReorderBuffer()
    push(buffer, 1, 3, now=10.0)
    push(buffer, 5, now=10.1)

    assert sequences(buffer.tick(10.0 + WAIT_S)) == [3]
    assert buffer.deadline == 10.1 + WAIT_S
    assert sequences(buffer.tick(10.1 + WAIT_S)) == [5]


def test_a_missing_packet_is_given_up_when_the_window_is_full() -> None:
    buffer = ReorderBuffer(window=3)

    assert push(buffer, 1, 3, 4, 5) == [1]
    assert push(buffer, 6) == [3, 4, 5, 6]


def test_a_packet_that_comes_too_late_is_dropped_and_counted() -> None:
    buffer = ReorderBuffer(window=1)
    push(buffer, 1, 3, 4)

    assert push(buffer, 2) == []
    assert (buffer.late, buffer.duplicates) == (1, 0)


def test_a_repeated_packet_is_dropped_and_counted() -> None:
    buffer = ReorderBuffer()

    assert push(buffer, 1, 1, 3, 3, 2, 2) == [1, 2, 3]
    assert (buffer.late, buffer.duplicates) == (0, 3)


def test_a_sender_that_begins_anew_is_followed_at_its_second_packet() -> None:
    buffer = ReorderBuffer()
    push(buffer, 1, 3)
    far = 1 + RESTART_DISTANCE * 2

    assert push(buffer, far) == []
    assert push(buffer, far + 1) == [3, far, far + 1]
    assert push(buffer, far + 2) == [far + 2]
    assert buffer.restarts == 1


def test_a_single_stray_packet_changes_nothing() -> None:
    buffer = ReorderBuffer()
    push(buffer, 1)

    assert push(buffer, 30_000) == []
    assert push(buffer, 2, 3) == [2, 3]
    assert buffer.restarts == 0


def test_what_waits_can_be_flushed() -> None:
    buffer = ReorderBuffer()
    push(buffer, 1, 5, 3)

    assert sequences(buffer.flush()) == [3, 5]
    assert push(buffer, 900) == [900]


def test_no_more_than_the_window_ever_waits() -> None:
    buffer = ReorderBuffer()
    out = push(buffer, 0, *range(2, WINDOW_PACKETS + 2))

    assert out == [0]
    assert len(push(buffer, WINDOW_PACKETS + 2)) == WINDOW_PACKETS + 1
