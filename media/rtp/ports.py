"""Lends RTP ports: even ones, each with the odd one above it for RTCP (RFC 3550, 11)."""

from collections import deque
from collections.abc import Callable

QUARANTINE_S = 30.0
"""How long a returned port rests: a device may go on sending to it for a while."""


class NoPortError(Exception):
    """All ports are lent out or at rest."""


class PortLender:
    """Even ports of `first`..`last`; the one returned longest ago is lent first."""

    def __init__(
        self, first: int, last: int, now: Callable[[], float], quarantine_s: float = QUARANTINE_S
    ) -> None:
        if not 0 < first < last <= 65_535:
            raise ValueError(f"{first}-{last} is no range of ports")
        self._now = now
        self._quarantine_s = quarantine_s
        self._free = deque((port, -1.0) for port in range(first + (first & 1), last, 2))
        self._lent: set[int] = set()
        if not self._free:
            raise ValueError(f"{first}-{last} holds no pair of ports")

    def lend(self) -> int:
        """An even port whose quarantine is over; `NoPortError` when there is none."""
        if not self._free or self._free[0][1] > self._now():
            raise NoPortError(f"{len(self._lent)} ports lent, {len(self._free)} at rest")
        port, _ = self._free.popleft()
        self._lent.add(port)
        return port

    def give_back(self, port: int) -> None:
        """The port rests from now on. One that was not lent is our own mistake: `ValueError`."""
        if port not in self._lent:
            raise ValueError(f"port {port} was not lent")
        self._lent.discard(port)
        self._free.append((port, self._now() + self._quarantine_s))

    @property
    def lent(self) -> int:
        """How many are lent out."""
        return len(self._lent)
