"""One writer, many callers, few commits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from vms.errors import UnavailableError, VmsError
from vms.persistence.failures import FAILURES, judged

GATHER_LIMIT_S = 0.02
"""How long a change may wait for company; an idle writer does not wait at all."""

BACKLOG_LIMIT_S = 2.0
"""When the oldest change has waited longer than this, further ones are refused."""

BATCH_LIMIT = 1000
"""Changes in one transaction; so many do not wait for more."""

PATIENT_LIMIT = 200
"""Patient changes in one transaction: whoever comes while it is under way waits for its end."""

Change = TypeVar("Change")
Outcome = TypeVar("Outcome")

Perform = Callable[[AsyncConnection, Sequence[Change]], Awaitable[Sequence[Outcome]]]
"""Writes the changes inside the open transaction; one outcome for each, in their order."""

Begin = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


class _Waiting(Generic[Change, Outcome]):
    """A caller in the queue."""

    __slots__ = ("arrived_s", "change", "future")

    def __init__(self, change: Change, arrived_s: float, future: asyncio.Future[Outcome]) -> None:
        self.change = change
        self.arrived_s = arrived_s
        self.future = future

    def succeed(self, outcome: Outcome) -> None:
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: VmsError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Line(Generic[Change, Outcome]):
    """Callers that wait, and those of them whose batch is under way, in the order they came."""

    __slots__ = ("under_way", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Waiting[Change, Outcome]] = deque()
        self.under_way: list[_Waiting[Change, Outcome]] = []

    def begin(self, limit: int) -> list[_Waiting[Change, Outcome]]:
        """Their turn has come, for so many of them at most."""
        count = min(len(self.waiting), limit)
        self.under_way = [self.waiting.popleft() for _ in range(count)]
        return self.under_way

    def waited_s(self, now_s: float) -> float:
        """For how long the first of them does."""
        first = self.under_way or self.waiting
        return now_s - first[0].arrived_s if first else 0.0


class GroupCommit(Generic[Change, Outcome]):
    """The one writer of a database: what arrives together is committed together.

    Callers go on after the commit. When a change cannot be stored the others of its batch are, and
    it alone gets the error. When the database cannot serve, the whole batch gets
    `UnavailableError`; if it was lost while it committed, the batch may be stored all the same. A
    change whose caller was cancelled while waiting is stored too.

    Patient changes stand in a line of their own and get what the others leave of a batch: however
    many there are, one that is not patient waits for no more than the batch under way. Each line
    keeps its order, and is refused by its own backlog.
    """

    def __init__(self, begin: Begin, perform: Perform[Change, Outcome]) -> None:
        self._begin = begin
        self._perform = perform
        self._first: _Line[Change, Outcome] = _Line()
        self._patient: _Line[Change, Outcome] = _Line()
        self._arrival = asyncio.Event()
        self._closing = False
        self.commits = 0
        self.changes = 0

    async def write(self, change: Change, *, is_patient: bool = False) -> Outcome:
        """Store it, with whatever else arrives within 20 ms; returns after the commit."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        if self._closing:
            raise UnavailableError("the database is closed")
        line = self._patient if is_patient else self._first
        if line.waited_s(now_s) > BACKLOG_LIMIT_S:
            raise UnavailableError(f"the database is more than {BACKLOG_LIMIT_S:g} s behind")
        waiting: _Waiting[Change, Outcome] = _Waiting(change, now_s, loop.create_future())
        line.waiting.append(waiting)
        self._arrival.set()
        return await waiting.future

    async def run(self) -> None:
        """Write until `close`; then what was accepted before is still written."""
        try:
            while not (self._closing and not self._is_awaited):
                await self._arrival.wait()
                self._arrival.clear()
                # Whoever is about to speak in this round of the loop comes along.
                await asyncio.sleep(0)
                while self._is_awaited:
                    await self._commit_batch()
                    await self._gather()
        finally:
            self._closing = True
            for line in (self._first, self._patient):
                for waiting in (*line.under_way, *line.waiting):
                    waiting.fail(
                        UnavailableError("the database was closed before this was written")
                    )

    @property
    def backlog_s(self) -> float:
        """For how long the oldest change has waited that is not patient."""
        return self._first.waited_s(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Accept nothing more; `run` returns when nobody waits."""
        self._closing = True
        self._arrival.set()

    async def _gather(self) -> None:
        """Under load: let the oldest wait up to its limit, so that more come along."""
        first, patient = self._first, self._patient
        is_full = len(first.waiting) >= BATCH_LIMIT or len(patient.waiting) >= PATIENT_LIMIT
        if self._is_awaited and not is_full and not self._closing:
            now_s = asyncio.get_running_loop().time()
            waited_s = max(first.waited_s(now_s), patient.waited_s(now_s))
            await asyncio.sleep(max(0.0, GATHER_LIMIT_S - waited_s))

    @property
    def _is_awaited(self) -> bool:
        return bool(self._first.waiting or self._patient.waiting)

    async def _commit_batch(self) -> None:
        """Patient changes come last: they may need a device of the batch, and none needs them."""
        first = self._first.begin(BATCH_LIMIT)
        batch = [*first, *self._patient.begin(min(PATIENT_LIMIT, BATCH_LIMIT - len(first)))]
        try:
            async with self._begin() as connection:
                outcomes = await self._perform(connection, [waiting.change for waiting in batch])
        except FAILURES as error:
            await self._after_failure(batch, judged(error))
        else:
            self._count(len(batch))
            for waiting, outcome in zip(batch, outcomes, strict=True):
                waiting.succeed(outcome)
        self._first.under_way = []
        self._patient.under_way = []

    async def _after_failure(
        self, batch: Sequence[_Waiting[Change, Outcome]], error: VmsError
    ) -> None:
        if isinstance(error, UnavailableError) or len(batch) == 1:
            for waiting in batch:
                waiting.fail(error)
            return
        try:
            stored = await self._store_one_by_one(batch)
        except FAILURES as failure:
            for waiting in batch:
                waiting.fail(judged(failure))
        else:
            self._count(len(stored))
            for waiting, outcome in stored:
                waiting.succeed(outcome)

    async def _store_one_by_one(
        self, batch: Sequence[_Waiting[Change, Outcome]]
    ) -> Sequence[tuple[_Waiting[Change, Outcome], Outcome]]:
        """One transaction with a savepoint around each change, so that one failure stays alone."""
        stored: list[tuple[_Waiting[Change, Outcome], Outcome]] = []
        async with self._begin() as connection:
            for waiting in batch:
                try:
                    async with connection.begin_nested():
                        [outcome] = await self._perform(connection, [waiting.change])
                except FAILURES as error:
                    verdict = judged(error)
                    if isinstance(verdict, UnavailableError):
                        raise
                    waiting.fail(verdict)
                else:
                    stored.append((waiting, outcome))
        return stored

    def _count(self, changes: int) -> None:
        self.commits += 1
        self.changes += changes
