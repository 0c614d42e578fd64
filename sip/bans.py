"""Sources that only ever fail are not read for a while; in bounded memory.

Failures drain away as time passes, so that a device which is set up wrongly and tries once in a
while never gets there; a scanner does within seconds. A network is banned when its hosts fail
together. Who has a registered device is never banned: the caller does not ask for those.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sip.allowance import host_of, network_of

MAX_BANS: Final = 100_000
MAX_FAILING: Final = 100_000
"""Of each kind the ones longest unseen make room."""

WINDOW_S: Final = 60.0
"""So many seconds without a failure, and all is forgotten."""

NETWORK_SHARE: Final = 16
"""A network may fail so many times as often as one host."""

UNANSWERED_CHALLENGE: Final = 0.2
"""What a 401 counts until somebody at that host has answered one rightly: first ones are normal."""

BEYOND_ALLOWANCE: Final = 0.05
"""What a request counts for that is dropped because the allowance is used up, where its port sends
more of them than a device would."""


@dataclass(frozen=True, slots=True)
class Ban:
    """`host` is an address, or a network such as `192.0.2.0/24`; times are monotonic seconds."""

    host: str
    since: float
    until: float
    why: str
    dropped: int


class Bans:
    """Bans whoever fails more than `after_failures` times in a minute (0: nobody) for `lasts_s`."""

    def __init__(self, after_failures: float, lasts_s: float) -> None:
        self._after_failures = after_failures
        self._lasts_s = lasts_s
        self._bans: OrderedDict[str, Ban] = OrderedDict()
        self._dropped: dict[str, int] = {}
        # source -> (failures left over, as of when)
        self._failing: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.imposed = 0

    def __len__(self) -> int:
        return len(self._bans)

    def note_failure(self, host: str, why: str, now: float, weight: float = 1.0) -> None:
        """A message of that host was of no use; `why` is kept with a ban that follows."""
        limit = self._after_failures
        if limit <= 0:
            return
        self._fail(host_of(host), why, now, weight, limit)
        self._fail(network_of(host), why, now, weight, limit * NETWORK_SHARE)

    def note_success(self, host: str, now: float) -> None:
        """That host proved to be a device's: its failures are forgotten, by its network too."""
        if not self._failing:
            return
        limit = self._after_failures
        forgiven = self._left(host_of(host), now, limit)
        self._failing.pop(host_of(host), None)
        network = network_of(host)
        left = self._left(network, now, limit * NETWORK_SHARE)
        if left > forgiven:
            self._failing[network] = (left - forgiven, now)
        else:
            self._failing.pop(network, None)

    def _left(self, source: str, now: float, limit: float) -> float:
        """Its failures that have not drained away."""
        failures, since = self._failing.get(source, (0.0, now))
        return max(0.0, failures - (now - since) * limit / WINDOW_S)

    def _fail(self, source: str, why: str, now: float, weight: float, limit: float) -> None:
        failures = self._left(source, now, limit) + weight
        if failures > limit:
            self._failing.pop(source, None)
            self._impose(source, why, now)
            return
        self._failing[source] = (failures, now)
        self._failing.move_to_end(source)
        if len(self._failing) > MAX_FAILING:
            self._failing.popitem(last=False)

    def _impose(self, source: str, why: str, now: float) -> None:
        self.imposed += 1
        self._bans[source] = Ban(source, now, now + self._lasts_s, why, 0)
        self._bans.move_to_end(source)
        self._dropped[source] = 0
        if len(self._bans) > MAX_BANS:
            oldest, _ = self._bans.popitem(last=False)
            del self._dropped[oldest]

    def holds(self, host: str, now: float) -> bool:
        """Whether messages of that host are dropped unread; each question counts as one."""
        if not self._bans:
            return False
        for source in (host_of(host), network_of(host)):
            ban = self._bans.get(source)
            if ban is None:
                continue
            if now < ban.until:
                self._dropped[source] += 1
                return True
            self._end(source)
        return False

    def lift(self, host: str) -> bool:
        """End the ban of this address or network, as `listed` names it; False where none is."""
        sources = {host, host_of(host)} if "/" not in host else {host}
        lifted = [self._end(source) for source in sources]
        for source in sources:
            self._failing.pop(source, None)
        return any(lifted)

    def listed(self, now: float) -> Sequence[Ban]:
        """Those in force, the oldest first."""
        for source in [source for source, ban in self._bans.items() if ban.until <= now]:
            self._end(source)
        return [replace(ban, dropped=self._dropped[ban.host]) for ban in self._bans.values()]

    def _end(self, source: str) -> bool:
        self._dropped.pop(source, None)
        return self._bans.pop(source, None) is not None
