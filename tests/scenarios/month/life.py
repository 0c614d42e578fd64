"""A server that lives as long as the script says, on a clock that goes when the script says."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from itertools import chain
from typing import Self

import pytest

import vms.server
from config.settings import Settings
from tests.scenarios.month.expected import MONTH_STARTS_S
from tests.support.clock import FakeClock
from tests.vms.signalling.stage import PATIENT
from vms.figures.upkeep import Upkeep
from vms.inventory.inventory import Inventory
from vms.server import Server
from vms.signalling import greeter


class SteeredInventory(Inventory):
    """Time passes when the script says so, and the end may come without a goodbye."""

    is_killed = False

    async def run(self) -> None:
        """`pass_time` is called instead."""
        await _sleep(self)

    async def stop(self) -> None:
        """Whoever is killed writes nothing more."""
        if not self.is_killed:
            await super().stop()


def steer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the server wakes up by itself: neither the inventory, nor who asks newcomers, nor
    who counts finished days."""
    monkeypatch.setattr(vms.server, "Inventory", SteeredInventory)
    monkeypatch.setattr(greeter, "GREETING_DELAY_S", 1e9)
    monkeypatch.setattr(Upkeep, "run", _sleep)


async def _sleep(_: object) -> None:
    await asyncio.Event().wait()


class Life:
    """One server after the other on one database. `now_s` is ledger time, 0 where the month starts.

    `looks_s` are the seconds at which the server looks at its deadlines, besides those at which
    something happens.
    """

    def __init__(self, settings: Settings, clock: FakeClock, looks_s: Iterable[int]) -> None:
        self._settings = settings
        self._clock = clock
        self._looks_s = sorted(set(looks_s))
        self._stack = AsyncExitStack()
        self._server: Server | None = None
        self.now_s = int(clock.wall().timestamp()) - MONTH_STARTS_S

    @property
    def server(self) -> Server:
        """The one that lives."""
        assert self._server is not None
        return self._server

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.server.endpoint.address.host, self.server.endpoint.address.port

    async def begin(self) -> None:
        """It starts."""
        self._stack = AsyncExitStack()
        opening = Server.open(self._settings, self._clock, PATIENT)
        self._server = await self._stack.enter_async_context(opening)

    async def end(self, *, is_killed: bool = False) -> None:
        """In order, or within a moment."""
        inventory = self.server.inventory
        assert isinstance(inventory, SteeredInventory)
        inventory.is_killed = is_killed
        self._server = None
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        """The first start."""
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        """The last end."""
        await self.end()

    async def restart(self, down_s: int, resumes_s: int, *, is_killed: bool = False) -> None:
        """It is away for `down_s` seconds, and its ledger goes on at `resumes_s`."""
        await self.end(is_killed=is_killed)
        self._clock.advance(down_s)
        await self.begin()
        self.now_s = resumes_s

    async def until(self, at_s: int) -> None:
        """Time passes up to a second of the ledger; the server looks then, and on the way."""
        between = [look_s for look_s in self._looks_s if self.now_s < look_s < at_s]
        for look_s in chain(between, (at_s,)):
            self._clock.advance(look_s - self.now_s)
            self.now_s = look_s
            await self.server.inventory.pass_time()

    async def pass_unseen(self, seconds: int) -> None:
        """Time passes, and the server does not get to look."""
        self._clock.advance(seconds)
        self.now_s += seconds

    def set_wall_clock(self, step_s: int) -> None:
        """Somebody does."""
        self._clock.step_wall(step_s)
