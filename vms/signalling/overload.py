"""More REGISTERs than can be served: noticed by our own lag, and put off (RFC 3261, 21.5.4).

A newcomer waits its turn for a second at most. Beyond that newcomers get 503 with Retry-After,
before anything else is spent on them; who comes back when he was told to goes before those who come
for the first time. Keepalives, answers and everything else of registered devices pass by meanwhile
(`sip.net.lobby`). Whoever has no hurry asks `is_storming` and waits.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from vms.clock import Clock, next_beat

if TYPE_CHECKING:
    from sip.net.lobby import Lobby

log = structlog.get_logger(__name__)

CROWD = 64
"""Fewer that wait are no overload, however long: then something else is slow."""

OVERLOADED_S = 1.0
RELIEVED_S = 0.25
"""The waiting time of the first in the lobby at which newcomers are put off, and let in again."""

PROMISED_S = 4.0
"""Who comes back when told to is put off again only where waiting takes longer than this: he would
repeat himself again and again, and give up in the end."""

CALM_S = 3.0
"""A storm is over when nobody had to wait for so long."""

SHORTEST_RETRY_S = 5
LONGEST_RETRY_S = 60
BRIEF_SPREAD_S = 5
SERVED_PER_S = 200.0
"""What a slow machine serves: believed until it is known what this one does."""

SLOWEST_PER_S = 50.0
LEARNING = 0.1
"""How much the newest of four looks a second counts."""

EARLY_S = 1.0
"""Whoever comes so much before his time is in time: clocks and roads differ."""

APPOINTMENTS = 131_072
"""Devices that were told when to come back; the oldest are forgotten first."""

UNDER_WAY = 1_000
"""REGISTERs that wait for their commit at one time: one batch. More wait in the lobby."""

BACKLOG_S = 0.5
"""No REGISTER is begun while the first change waits longer to be stored: more work here would only
keep the writer from its own."""

YIELDING_LIMIT_S = 60.0
"""Work without hurry waits so long, and then goes on at this pace: storms may be made."""

LOOK_S = 0.25
LAG_S = 1.0
"""An event loop that turns so late is a sign of overload, where REGISTERs wait too."""

_FROM_USER = re.compile(rb"\n(?:From|f)[ \t]*:[^\r\n]{0,128}?sips?:([0-9]{1,20})@", re.IGNORECASE)


class Overload:
    """`under_way` tells how many REGISTERs wait for their commit, `backlog_s` for how long the
    first change does; `dice` gives numbers from 0 to 1."""

    def __init__(
        self,
        clock: Clock,
        dice: Callable[[], float],
        *,
        under_way: Callable[[], int],
        backlog_s: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._dice = dice
        self._under_way = under_way
        self._backlog_s = backlog_s
        self._appointments: OrderedDict[bytes, float] = OrderedDict()
        self._waited_at: float | None = None
        self._lag_s = 0.0
        self._served_per_s = SERVED_PER_S
        self.lobby: Lobby | None = None
        """Where REGISTERs wait, once there is an endpoint."""
        self.is_overloaded = False
        self.put_off = 0
        """REGISTERs answered with 503."""
        self.episodes = 0
        """Times that it became too much."""

    # sip.net.lobby.Turnstile

    def may_begin(self) -> bool:
        """See `Turnstile`."""
        return self._under_way() < UNDER_WAY and self._backlog_s() < BACKLOG_S

    def retry_after_s(self, datagram: bytes, waiting: int, waited_s: float) -> int:
        """See `Turnstile`."""
        self._judge(waiting, waited_s)
        if not self.is_overloaded:
            return 0
        found = _FROM_USER.search(datagram)
        if found is None:
            return 0  # the general way has the right answer
        return self._put_off(found[1], waited_s)

    # What others ask

    @property
    def is_storming(self) -> bool:
        """REGISTERs had to wait a moment ago: what has no hurry yields."""
        at = self._waited_at
        return at is not None and self._clock.monotonic() - at < CALM_S

    def retry_s(self) -> int:
        """For a 503 that has another reason: not all are to come back together."""
        return self._later(LONGEST_RETRY_S)

    def _later(self, longest_s: float) -> int:
        return round(SHORTEST_RETRY_S + self._dice() * (longest_s - SHORTEST_RETRY_S))

    async def calm(self) -> None:
        """Returns when the storm is over, at the latest after `YIELDING_LIMIT_S`."""
        for _ in range(round(YIELDING_LIMIT_S / LOOK_S)):
            if not self.is_storming:
                return
            await asyncio.sleep(LOOK_S)

    @property
    def warning(self) -> str:
        """What `/readyz` says; empty where nothing is wrong."""
        if not self.is_overloaded:
            return ""
        return f"registrations are put off, {self.put_off} so far"

    def note_served(self, newcomers: int, within_s: float) -> None:
        """So many had their turn. Only an overload shows what can be done; those who are put off
        are spread over the time in which that serves them all."""
        if self.is_overloaded:
            news = newcomers / within_s - self._served_per_s
            self._served_per_s = max(SLOWEST_PER_S, self._served_per_s + LEARNING * news)

    async def run(self) -> None:
        """Watch the event loop and the lobby; until cancelled."""
        now, served = asyncio.get_running_loop().time, 0
        while True:
            asleep_at = now()
            self._lag_s = await next_beat(LOOK_S)
            passed_s = now() - asleep_at
            if self.lobby is not None:
                self.note_served(self.lobby.served - served, passed_s)
                served = self.lobby.served
                self._judge(len(self.lobby), self.lobby.waited_s())

    # Judging

    def _judge(self, waiting: int, waited_s: float) -> None:
        """Above one mark it begins, below the other it ends."""
        is_crowded = waiting >= CROWD
        if is_crowded or waited_s > RELIEVED_S:
            self._waited_at = self._clock.monotonic()
        behind_s = max(waited_s, self._backlog_s() if is_crowded else 0.0)
        if self.is_overloaded:
            if behind_s < RELIEVED_S:
                self.is_overloaded = False
                log.warning("registrations are served again", put_off=self.put_off)
        elif is_crowded and (behind_s > OVERLOADED_S or self._lag_s > LAG_S):
            self.is_overloaded = True
            self.episodes += 1
            self._forget_who_never_came()
            log.warning("more registrations than can be served", waiting=waiting)

    def _forget_who_never_came(self) -> None:
        latest = self._clock.monotonic() - LONGEST_RETRY_S
        for device in [device for device, due in self._appointments.items() if due < latest]:
            del self._appointments[device]

    def _put_off(self, device: bytes, waited_s: float) -> int:
        now = self._clock.monotonic()
        due = self._appointments.get(device)
        if due is not None and now < due - EARLY_S:
            self.put_off += 1
            return max(1, round(due - now))
        if due is not None and waited_s < PROMISED_S:
            del self._appointments[device]
            return 0
        self.put_off += 1
        spread_s = BRIEF_SPREAD_S + len(self._appointments) / self._served_per_s
        wait_s = self._later(min(LONGEST_RETRY_S, SHORTEST_RETRY_S + spread_s))
        self._appointments[device] = now + wait_s
        self._appointments.move_to_end(device)
        if len(self._appointments) > APPOINTMENTS:
            self._appointments.popitem(last=False)
        return wait_s
