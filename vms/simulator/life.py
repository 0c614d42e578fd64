"""A simulated device's life: it registers, keeps alive, refreshes, and comes back after a failure.

A step at a time, without a task that sleeps in between: `Rounds` knows who is due.
"""

import asyncio
import heapq
import itertools
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Protocol

from sip.timers import LIMIT_S
from vms.gb28181.manscdp.messages import BasicParam, Keepalive
from vms.simulator.faults import FaultKind
from vms.simulator.link import ServerLink
from vms.simulator.plan import DevicePlan, SimulatorOptions
from vms.simulator.summary import Summary

MISSED_KEEPALIVES_LIMIT = 3
SHORTEST_KEEPALIVE_LIMIT_S = 4.0
REFRESH_AT = 0.8
"""The part of a registration's life after which it is refreshed."""

Spawn = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]
"""Runs work as long as the simulation runs."""

Rebind = Callable[[], Awaitable[None]]
"""Gives the device another port."""

_NEVER = math.inf


class Life:
    """Registration and keepalives of one device."""

    __slots__ = (
        "_expires_s",
        "_keepalive_at",
        "_keepalive_s",
        "_leaves_at",
        "_link",
        "_missed",
        "_options",
        "_plan",
        "_rebind",
        "_refresh_at",
        "_silent_at",
        "_sns",
        "_summary",
        "_was_registered",
        "is_registered",
        "on_registered",
    )

    def __init__(
        self,
        plan: DevicePlan,
        options: SimulatorOptions,
        link: ServerLink,
        summary: Summary,
        sns: Iterator[int],
        rebind: Rebind | None,
    ) -> None:
        self._plan = plan
        self._options = options
        self._link = link
        self._summary = summary
        self._sns = sns
        self._rebind = rebind
        self._keepalive_s = options.keepalive_s
        self._expires_s = options.expires_s
        self._keepalive_at = self._refresh_at = self._leaves_at = self._silent_at = _NEVER
        self._missed = 0
        self._was_registered = False
        self.is_registered = False
        self.on_registered: Callable[[], None] | None = None
        """Called once, after the next successful registration."""

    async def step(self) -> float:
        """Do what is due; when (loop time) there is something to do again."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self.is_registered and now >= self._leaves_at:
            return await self._leave_for_a_while()
        if not self.is_registered or now >= self._refresh_at:
            return await self._register()
        if now >= self._keepalive_at:
            status = await self._keep_alive()
            self._missed = self._missed + 1 if status is None else 0
            if self._missed == MISSED_KEEPALIVES_LIMIT or status not in (None, 200):
                self.is_registered = False
                return loop.time()
            missed_beats = (loop.time() - self._keepalive_at) // self._keepalive_s
            self._keepalive_at += (1 + max(missed_beats, 0)) * self._keepalive_s
        return self._next()

    async def unregister(self) -> bool:
        """Leave as the standard asks; the next step registers again."""
        granted_s = await self._link.register(0)
        self.is_registered = False
        if granted_s is None:
            return False
        self._summary.unregistered += 1
        return True

    def forget(self) -> None:
        """The registration is worth nothing any more: the next step makes another."""
        self.is_registered = False

    def configure(self, basic: BasicParam) -> None:
        """Take over new periods; nonsense stays without effect."""
        if basic.heartbeat_interval_s is not None and basic.heartbeat_interval_s > 0:
            self._keepalive_s = float(basic.heartbeat_interval_s)
        if basic.expiration_s is not None and basic.expiration_s > 0:
            self._expires_s = basic.expiration_s

    def _next(self) -> float:
        at = min(self._keepalive_at, self._refresh_at)
        if at > self._silent_at:
            at = _NEVER
        return min(at, self._leaves_at)

    async def _register(self) -> float:
        loop = asyncio.get_running_loop()
        granted_s = await self._link.register(self._expires_s)
        self.is_registered = granted_s is not None
        now = loop.time()
        if granted_s is None:
            return now + self._options.retry_s
        self._summary.registrations += 1
        if not self._was_registered:
            self._was_registered = True
            self._summary.registered += 1
        faults = self._plan.faults
        self._missed = 0
        self._keepalive_at = now + self._keepalive_s
        refreshes = FaultKind.NO_REFRESH not in faults
        self._refresh_at = now + granted_s * REFRESH_AT if refreshes else _NEVER
        flaps_after_s = faults.value(FaultKind.FLAPPING)
        self._leaves_at = _NEVER if flaps_after_s is None else now + flaps_after_s
        silent_s = faults.value(FaultKind.SILENT)
        if FaultKind.SILENT_AFTER_REGISTER in faults:
            self._keepalive_at = _NEVER
        self._silent_at = _NEVER if silent_s is None else now + silent_s
        if self.on_registered is not None:
            tell, self.on_registered = self.on_registered, None
            tell()
        return self._next()

    async def _leave_for_a_while(self) -> float:
        await self.unregister()
        away_s = self._plan.faults.value(FaultKind.FLAPPING) or 0
        return asyncio.get_running_loop().time() + away_s

    async def _keep_alive(self) -> int | None:
        if self._rebind is not None:
            await self._rebind()
        self._summary.keepalives_sent += 1
        status = await self._link.keep_alive(
            Keepalive(next(self._sns), self._plan.device_id),
            limit_s=_limit_of(self._keepalive_s),
        )
        self._summary.keepalives_answered += status == 200
        return status


def _limit_of(keepalive_s: float) -> float | None:
    """How long to wait for a keepalive's answer; None where SIP itself gives up before."""
    limit_s = max(keepalive_s, SHORTEST_KEEPALIVE_LIMIT_S)
    return None if limit_s >= LIMIT_S else limit_s


class Stepping(Protocol):
    """Whoever has something to do from time to time. `due_at` belongs to the rounds."""

    due_at: float

    async def step(self) -> float:
        """Do what is due; when there is something to do again."""
        ...


class Rounds:
    """Who is due when: one timer for all, and a task only while a step lasts."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[float, int, Stepping]] = []
        self._numbers = itertools.count()
        self._busy: set[Stepping] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER

    def call(self, who: Stepping, at: float) -> None:
        """The next step is at that moment (loop time), in place of the one there was."""
        who.due_at = at
        if who in self._busy or at == _NEVER:
            return
        heapq.heappush(self._due, (at, next(self._numbers), who))
        self._arm()

    def close(self) -> None:
        """No more steps."""
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()

    def _arm(self) -> None:
        if not self._due:
            return
        at = self._due[0][0]
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._reached)

    def _reached(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._due and self._due[0][0] <= now:
            at, _, who = heapq.heappop(self._due)
            # Called anew meanwhile: this entry is stale.
            if who.due_at == at and who not in self._busy:
                self._busy.add(who)
                who.due_at = _NEVER
                _ = self._spawn(self._step(who))
        self._arm()

    async def _step(self, who: Stepping) -> None:
        try:
            at = await who.step()
        finally:
            self._busy.discard(who)
        # Whoever was called while it was busy comes when it was called for.
        self.call(who, min(at, who.due_at))
