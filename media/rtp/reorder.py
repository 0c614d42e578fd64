"""Puts RTP packets back in order, and gives up on a missing one after a while."""

from collections import deque
from collections.abc import Sequence

from media.rtp.packet import RtpPacket

WINDOW_PACKETS = 500
WAIT_S = 0.2
RESTART_DISTANCE = 3000
"""A jump further than this is a sender that began anew, when its next packet follows suit."""

_RESTART_LIMIT_S = 1.0
_REMEMBERED_GAPS = 512
_NONE: tuple[RtpPacket, ...] = ()


class ReorderBuffer:
    """Packets in, the same packets out: ordered, none twice (RFC 3550, 6.4.1 and A.1).

    A missing packet is awaited until `deadline`, or until `window` later ones wait. Packets that
    come after they were given up are dropped and counted in `late`; repeated ones in `duplicates`.
    """

    __slots__ = (
        "_given_up",
        "_held",
        "_next",
        "_restart",
        "_wait_s",
        "_window",
        "deadline",
        "duplicates",
        "late",
        "restarts",
    )

    def __init__(self, window: int = WINDOW_PACKETS, wait_s: float = WAIT_S) -> None:
        self.deadline: float | None = None
        self.duplicates = 0
        self.late = 0
        self.restarts = 0
        self._window = window
        self._wait_s = wait_s
        self._next: int | None = None
        self._held: dict[int, RtpPacket] = {}
        self._given_up: deque[int] = deque(maxlen=_REMEMBERED_GAPS)
        self._restart: RtpPacket | None = None

    def push(self, packet: RtpPacket, now: float) -> Sequence[RtpPacket]:
        """What can go on now that `packet` is there."""
        sequence = packet.sequence
        if sequence == self._next and not self._held:
            self._next = (sequence + 1) & 0xFFFF
            return (packet,)
        if self._next is None:
            self._next = (sequence + 1) & 0xFFFF
            return (packet,)
        return self._push_out_of_order(packet, self._next, now)

    def advance(self, packets: int) -> None:
        """So many went by in order while nothing was held."""
        if self._next is not None:
            self._next = (self._next + packets) & 0xFFFF

    def tick(self, now: float) -> Sequence[RtpPacket]:
        """Gives up the packets whose wait is over."""
        out: list[RtpPacket] = []
        while self.deadline is not None and now >= self.deadline:
            out += self._skip_gap()
        return out

    def flush(self) -> Sequence[RtpPacket]:
        """All that waits, in order; the stream ends or begins anew here."""
        out: list[RtpPacket] = []
        while self._held:
            out += self._skip_gap()
        self._next = None
        self._restart = None
        self._given_up.clear()
        return out

    def _push_out_of_order(
        self, packet: RtpPacket, awaited: int, now: float
    ) -> Sequence[RtpPacket]:
        ahead = (packet.sequence - awaited) & 0xFFFF
        if RESTART_DISTANCE < ahead < 0x10000 - RESTART_DISTANCE:
            return self._push_far(packet)
        self._restart = None
        if ahead >= 0x8000:
            self._count_behind(packet.sequence)
            return _NONE
        if packet.sequence in self._held:
            self.duplicates += 1
            return _NONE
        self._held[packet.sequence] = packet
        if ahead == 0:
            return self._release()
        if self.deadline is None:
            self.deadline = now + self._wait_s
        return self._skip_gap() if len(self._held) > self._window else _NONE

    def _push_far(self, packet: RtpPacket) -> Sequence[RtpPacket]:
        first, self._restart = self._restart, packet
        if (
            first is None
            or packet.sequence != (first.sequence + 1) & 0xFFFF
            or packet.received_s - first.received_s > _RESTART_LIMIT_S
        ):
            return _NONE
        out = [*self.flush(), first, packet]
        self.restarts += 1
        self._next = (packet.sequence + 1) & 0xFFFF
        return out

    def _count_behind(self, sequence: int) -> None:
        if sequence in self._given_up:
            self._given_up.remove(sequence)
            self.late += 1
        else:
            self.duplicates += 1

    def _skip_gap(self) -> list[RtpPacket]:
        awaited = self._next or 0
        first = min(self._held, key=lambda sequence: (sequence - awaited) & 0xFFFF)
        for missing in range((first - awaited) & 0xFFFF):
            self._given_up.append((awaited + missing) & 0xFFFF)
        self._next = first
        return self._release()

    def _release(self) -> list[RtpPacket]:
        """The run of packets that is complete; the next gap's wait counts from its first packet."""
        out: list[RtpPacket] = []
        sequence = self._next or 0
        while (packet := self._held.pop(sequence, None)) is not None:
            out.append(packet)
            sequence = (sequence + 1) & 0xFFFF
        self._next = sequence
        if self._held:
            oldest = min(waiting.received_s for waiting in self._held.values())
            self.deadline = oldest + self._wait_s
        else:
            self.deadline = None
        return out
