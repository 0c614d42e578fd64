"""Whose packets count on a stream's port (GB/T 28181-2022, annexes D and G)."""

from dataclasses import dataclass, field
from enum import Enum, auto

from media.codecs.g711 import PAYLOAD_TYPES
from media.rtp.packet import RtpPacket

GRACE_S = 1.0
"""How long the expected SSRC is awaited while the right device sends another."""

SILENCE_S = 3.0
"""After this long without packets a new port or a new SSRC of the same device is followed."""

FRESH_S = 1.0
"""A source heard so lately is running: an answer that names it changes nothing."""

_HELD_BYTES = 1024 * 1024
_CANDIDATES = 4

Address = tuple[str, int]


class Verdict(Enum):
    """What becomes of a packet that does not come from the source held so far."""

    FOREIGN = auto()
    HELD = auto()
    SOUND = auto()
    MOVED = auto()
    """The same SSRC from another port: go on."""
    LATCHED = auto()
    """A source is held now, the first or a new one; packets held back before belong to it."""


@dataclass(slots=True)
class _Candidate:
    first_s: float
    last_s: float
    payload_type: int
    held: list[tuple[bytes, float]] = field(default_factory=list[tuple[bytes, float]])
    size: int = 0


class SourceLatch:
    """Holds on to one SSRC from one address; decides when another takes its place.

    A port serves one stream. The expected SSRC is taken at once. Devices exist that send another,
    or zero: theirs is taken after `GRACE_S` if it is the only one that comes from the device, and
    what they sent meanwhile is not lost. Packets of other hosts never count once the host is known;
    a source that was only learnt, from a host nobody named, gives way to the expected SSRC.
    """

    def __init__(self, expected_ssrc: int) -> None:
        self.expected_ssrc = expected_ssrc
        self.ssrc: int | None = None
        self.source: Address | None = None
        self.heard_s = 0.0
        self._host: str | None = None
        self._may_learn_s: float | None = None
        self._candidates: dict[tuple[int, Address], _Candidate] = {}
        self._released: list[tuple[bytes, float]] = []

    @property
    def host(self) -> str | None:
        """The device's host: named by an answer, or else that of the source held."""
        return self.source[0] if self._host is None and self.source is not None else self._host

    def expect(self, ssrc: int, host: str | None, now: float) -> Address | None:
        """The device answered. The source held so far, if it is not the one and was let go.

        The first answer keeps a source of the right host that came before it; a later one only a
        source that is running with the very SSRC.
        """
        is_first = self._may_learn_s is None
        self.expected_ssrc = ssrc
        self._host = host
        self._may_learn_s = now
        source = self.source
        if source is None:
            return None
        is_running = self.ssrc == ssrc and now - self.heard_s < FRESH_S
        if host in {None, source[0]} and (is_first or is_running):
            return None
        self.release()
        return source

    def awaits(self, now: float) -> bool:
        """Would another source be followed: none is held, or the one that is fell silent?"""
        return self.source is None or now - self.heard_s >= SILENCE_S

    def admits_host(self, host: str) -> bool:
        """Whether packets of `host` can count at all."""
        return self._host in {None, host}

    def release(self) -> None:
        """The source held is gone for certain: its connection was closed, or another is awaited."""
        self.ssrc = self.source = None
        self._candidates.clear()

    def judge(self, packet: RtpPacket, data: bytes, source: Address, now: float) -> Verdict:
        """A packet whose SSRC or source is not the one held; `data` is the whole of it."""
        if not self.admits_host(source[0]):
            return Verdict.FOREIGN
        if self.source is None:
            return self._judge_unlatched(packet, data, source, now)
        if source[0] != self.source[0]:
            is_learnt = self.ssrc != self.expected_ssrc
            if is_learnt and packet.ssrc == self.expected_ssrc:
                return self._latch(packet, source, now)
            return Verdict.FOREIGN
        return self._judge_change(packet, source, now)

    def take_released(self) -> list[tuple[bytes, float]]:
        """The packets held back for the source that was latched last, and when they came."""
        released, self._released = self._released, []
        return released

    def _judge_change(self, packet: RtpPacket, source: Address, now: float) -> Verdict:
        """The device held sends from another port, or another SSRC."""
        is_silent = now - self.heard_s >= SILENCE_S
        if packet.ssrc == self.ssrc:
            if not is_silent:
                return Verdict.FOREIGN
            self.source = source
            self.heard_s = now
            return Verdict.MOVED
        if packet.ssrc == self.expected_ssrc or (
            is_silent and packet.payload_type not in PAYLOAD_TYPES
        ):
            return self._latch(packet, source, now)
        return Verdict.SOUND if packet.payload_type in PAYLOAD_TYPES else Verdict.FOREIGN

    def _judge_unlatched(
        self, packet: RtpPacket, data: bytes, source: Address, now: float
    ) -> Verdict:
        if packet.ssrc == self.expected_ssrc:
            return self._latch(packet, source, now)
        self._forget_silent(now)
        key = (packet.ssrc, source)
        candidate = self._candidates.get(key)
        if candidate is None:
            if len(self._candidates) >= _CANDIDATES:
                return Verdict.FOREIGN
            candidate = self._candidates[key] = _Candidate(now, now, packet.payload_type)
        candidate.last_s = now
        since_s = max(candidate.first_s, self._may_learn_s or 0.0)
        is_only_one = sum(self._is_picture(known) for known in self._candidates.values()) <= 1
        is_due = self._may_learn_s is not None and now - since_s >= GRACE_S
        is_sound = packet.payload_type in PAYLOAD_TYPES
        if is_due and is_only_one and (not is_sound or len(self._candidates) == 1):
            self._released = candidate.held
            return self._latch(packet, source, now)
        if candidate.size + len(data) <= _HELD_BYTES:
            candidate.held.append((data, now))
            candidate.size += len(data)
        return Verdict.HELD

    def _latch(self, packet: RtpPacket, source: Address, now: float) -> Verdict:
        self.ssrc = packet.ssrc
        self.source = source
        self.heard_s = now
        self._candidates.clear()
        return Verdict.LATCHED

    def _forget_silent(self, now: float) -> None:
        for key, candidate in tuple(self._candidates.items()):
            if now - candidate.last_s >= SILENCE_S:
                del self._candidates[key]

    def _is_picture(self, candidate: _Candidate) -> bool:
        """A candidate that is not just the sound beside another's pictures."""
        return candidate.payload_type not in PAYLOAD_TYPES
