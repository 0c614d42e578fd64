"""How often a password may be tried."""

from collections import OrderedDict

FREE_ATTEMPTS = 5
"""So many wrong ones cost nothing but themselves."""

FIRST_LOCK_S = 30.0
LONGEST_LOCK_S = 900.0
FORGOTTEN_AFTER_S = 3600.0
"""Without an attempt for so long, failures are forgotten."""

PAIRS_KEPT = 10_000


class Throttle:
    """Failures by (account, source), so that nobody can lock out the others.

    After five failures the pair is locked for 30 s; each further failure doubles it, up to 15
    minutes. Bounded: when full, the pair that was quiet for longest is forgotten.
    """

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def begin(self, account: str, source: str, now: float) -> float:
        """0 when an attempt may be made: it counts as a failure until `succeeded`.

        Else the seconds to wait; the attempt is not to be made, and is not counted. Counting
        first leaves nothing to gain by trying many at once.
        """
        failures, last = self._pairs.get((account, source), (0, now))
        if now - last >= FORGOTTEN_AFTER_S:
            failures = 0
        wait_s = last + lock_s(failures) - now
        if wait_s > 0:
            return wait_s
        self._pairs[account, source] = (failures + 1, now)
        self._pairs.move_to_end((account, source))
        if len(self._pairs) > PAIRS_KEPT:
            self._pairs.popitem(last=False)
        return 0.0

    def succeeded(self, account: str, source: str) -> None:
        """The attempt was right: what went before is forgotten."""
        self._pairs.pop((account, source), None)


def lock_s(failures: int) -> float:
    """How long a pair is locked after so many failures in a row."""
    if failures < FREE_ATTEMPTS:
        return 0.0
    return min(FIRST_LOCK_S * 2.0 ** min(failures - FREE_ATTEMPTS, 10), LONGEST_LOCK_S)
