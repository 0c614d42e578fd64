"""What a receiver knows of one sender: loss and jitter (RFC 3550, 6.4.1, A.3 and A.8)."""

from dataclasses import dataclass

from media.rtp.packet import RtpPacket
from media.rtp.reorder import RESTART_DISTANCE

_JITTER_GAIN = 1 / 16
_JITTER_LIMIT_S = 1.0
"""A larger change is a clock that was set, or a pause, not the network."""


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """One report block's figures: `fraction_lost` in 256ths since the last, the rest in all."""

    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter_ticks: int


class Reception:
    """Counts the packets of one SSRC; `clock_hz` is the payload's RTP clock.

    The owner sets `duplicates`, all since the beginning, as its reorder buffer found them.
    """

    __slots__ = (
        "_clock_hz",
        "_duplicates_before",
        "_first",
        "_highest",
        "_jitter",
        "_lost_before",
        "_packets_before",
        "_reported_expected",
        "_reported_received",
        "_restart",
        "_timestamp",
        "_transit",
        "duplicates",
        "packets",
        "reordered",
    )

    def __init__(self, clock_hz: int = 90_000) -> None:
        self.packets = 0
        self.reordered = 0
        self.duplicates = 0
        self._clock_hz = clock_hz
        self._first: int | None = None
        self._highest = 0
        self._restart: int | None = None
        self._timestamp: int | None = None
        self._transit: float | None = None
        self._jitter = 0.0
        self._lost_before = 0
        self._packets_before = 0
        self._duplicates_before = 0
        self._reported_expected = 0
        self._reported_received = 0

    def received(self, packet: RtpPacket) -> None:
        """Every packet passes here once, in order of arrival; repeated ones too."""
        self.packets += 1
        highest = self._highest
        ahead = (packet.sequence - highest) & 0xFFFF
        if self._first is None:
            self._first = self._highest = packet.sequence
        elif ahead == 1:
            self._highest = highest + 1
        elif ahead < RESTART_DISTANCE:
            self._highest = highest + ahead
        elif ahead > 0x10000 - RESTART_DISTANCE:
            self.reordered += 1
        elif packet.sequence == self._restart:
            self._begin_anew(packet.sequence - 1)
        else:
            self._restart = (packet.sequence + 1) & 0xFFFF
        if packet.timestamp != self._timestamp:
            self.begin_picture(packet.timestamp, packet.received_s)

    @property
    def highest_sequence(self) -> int:
        """Of the packets so far, 16 bits."""
        return self._highest & 0xFFFF

    def advance(self, packets: int) -> None:
        """So many more came, each the next one; of new timestamps among them `begin_picture` was
        told."""
        self.packets += packets
        self._highest += packets

    def begin_picture(self, timestamp: int, received_s: float) -> None:
        """The first packet of a timestamp tells of jitter: the others of it follow by design."""
        self._timestamp = timestamp
        transit = received_s - timestamp / self._clock_hz
        last, self._transit = self._transit, transit
        if last is not None:
            change = abs(transit - last)
            if change < _JITTER_LIMIT_S:
                self._jitter += (change - self._jitter) * _JITTER_GAIN

    @property
    def lost(self) -> int:
        """Packets that never came; repeated ones do not make up for them."""
        received = self.packets - self._packets_before
        missing = self._expected() - received + self.duplicates - self._duplicates_before
        return self._lost_before + max(0, missing)

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter, smoothed as the RFC says."""
        return self._jitter * 1000

    def forget_sequence(self) -> None:
        """The next packet begins a new sequence; what was counted stays counted."""
        self._lost_before = self.lost
        self._packets_before = self.packets
        self._duplicates_before = self.duplicates
        self._reported_expected = self._reported_received = 0
        self._first = self._restart = self._transit = None

    def report(self) -> ReceptionReport:
        """The figures of a receiver report; the next one's fraction counts from here."""
        expected, received = self._expected(), self.packets - self._packets_before
        new_expected = expected - self._reported_expected
        new_lost = new_expected - (received - self._reported_received)
        self._reported_expected, self._reported_received = expected, received
        fraction = new_lost * 256 // new_expected if new_expected > 0 and new_lost > 0 else 0
        return ReceptionReport(
            fraction_lost=min(255, fraction),
            lost=min(self.lost, 0x7FFFFF),
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter_ticks=int(self._jitter * self._clock_hz),
        )

    def _expected(self) -> int:
        return 0 if self._first is None else self._highest - self._first + 1

    def _begin_anew(self, first: int) -> None:
        """Two packets in a row, of which `first` was the first, began a new sequence."""
        self.packets -= 2
        self.forget_sequence()
        self.packets += 2
        self._first = first
        self._highest = first + 1
