"""Lends the SSRCs of running streams (2022 annex G: four digits unique in the domain)."""

from collections import deque

from vms.errors import ExhaustedError
from vms.gb28181.ssrc import Ssrc, live_ssrc

SEQUENCES = 10_000


class SsrcPool:
    """Each live SSRC of our domain, lent to one stream at a time.

    Given-back numbers go to the end of the queue: a device that goes on sending an old stream is
    then unlikely to meet a new one with its SSRC.
    """

    def __init__(self, server_id: str) -> None:
        self._free = deque(live_ssrc(server_id, sequence) for sequence in range(1, SEQUENCES))
        self._lent: set[Ssrc] = set()

    @property
    def lent(self) -> int:
        """How many are out."""
        return len(self._lent)

    def lend(self) -> Ssrc:
        """One that nobody has; raises `ExhaustedError`."""
        if not self._free:
            raise ExhaustedError("all live SSRCs of this domain are in use", what="ssrc")
        ssrc = self._free.popleft()
        self._lent.add(ssrc)
        return ssrc

    def give_back(self, ssrc: Ssrc) -> None:
        """Return a lent one; a second return changes nothing."""
        if ssrc in self._lent:
            self._lent.discard(ssrc)
            self._free.append(ssrc)
