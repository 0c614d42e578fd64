"""Which recordings a device has: asked in slices, gathered in parts (GB/T 28181-2022, 9.7).

A month of a busy recorder takes minutes, so a search is a job with a progress. What is missing is
said in a sentence, and what came is kept.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from vms.clock import Clock
from vms.errors import ExhaustedError, InvalidError, VmsError
from vms.events import EventBus, JobProgress
from vms.gb28181.manscdp.editions import ONLY_2022
from vms.gb28181.manscdp.messages import RecordItem
from vms.signalling.clock_offsets import ClockOffsets
from vms.signalling.commanding import Addressee, Commanding
from vms.signalling.device_queries import DeviceQueries
from vms.signalling.jobs import JobBook, JobState, ending
from vms.signalling.messenger import Messenger
from vms.signalling.record_slices import (
    ITEMS_OF_ONE,
    RecordQuery,
    RecordSlices,
    Slice,
    key_of,
    question,
    silence_of,
    sliced,
)

LONGEST_SPAN = timedelta(days=366)
MISSED_IN_A_ROW = 3
"""So many slices without any answer end a search: the device is not going to."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""No recording is of another time."""

RUNNING_AT_ONCE = 500
"""Those that wait for their turn at a device among them."""

SEARCHES_KEPT = 200
ITEMS_KEPT = 200_000
"""Over all searches that are over."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. `start` and `end` are ours; `item` has them as the device's clock has."""

    start: datetime
    end: datetime
    item: RecordItem


@dataclass(frozen=True, slots=True)
class RecordSearchJob:
    """A search: `slices_done` of `slices`; `received` distinct recordings of `announced`.

    `clock_offset_s` is what was taken off the device's times; `sentence` says what is missing, or
    why there is nothing.
    """

    job_id: str
    query: RecordQuery
    state: JobState
    started_at: datetime
    slices: int
    slices_done: int = 0
    received: int = 0
    announced: int = 0
    clock_offset_s: float = 0.0
    recordings: tuple[Recording, ...] = ()
    sentence: str = ""
    finished_at: datetime | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every slice was answered in full."""
        return self.state is JobState.COMPLETE

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.state is not JobState.RUNNING


class RecordSearch:
    """Searches; one at a time at each device, and a second wish for the same joins the first."""

    def __init__(
        self,
        commanding: Commanding,
        messenger: Messenger,
        basics: DeviceQueries,
        offsets: ClockOffsets,
        events: EventBus,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._commanding = commanding
        self._messenger = messenger
        self._slices = RecordSlices(messenger)
        self._basics = basics
        self._offsets = offsets
        self._events = events
        self._clock = clock
        self._new_id = new_id
        self._jobs: JobBook[RecordSearchJob] = JobBook(
            SEARCHES_KEPT, lambda job: len(job.recordings), ITEMS_KEPT
        )
        self._running: dict[RecordQuery, tuple[str, asyncio.Task[None]]] = {}
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}
        """By device, with how many searches are at it or wait for it."""

    async def close(self) -> None:
        """Give up what runs."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self, query: RecordQuery, *, force: bool = False) -> RecordSearchJob:
        """Begin a search, or join the one that runs; `job` tells how it goes.

        Raises `NotFoundError`, `DeviceOfflineError`, `UnsupportedError`, and `InvalidError` for a
        span that is none or longer than a year, `ExhaustedError` when too many run.
        """
        if query.start.tzinfo is None or query.end.tzinfo is None:
            raise InvalidError("a time needs a zone", field="start")
        if not timedelta(0) < query.end - query.start <= LONGEST_SPAN:
            raise InvalidError("a search covers a second to a year", field="end")
        if not EARLIEST <= query.start < query.end <= LATEST:
            span = f"from {EARLIEST.year} to {LATEST.year}"
            raise InvalidError(f"recordings are {span}", field="start")
        to = self._commanding.addressee(query.device_id, query.channel_id)
        self._commanding.require_message(to, question(to, query, 0), force=force)
        if query.methods or query.types or query.stream_number:
            name = "RecordInfo by alarm, or for another than the main stream"
            self._commanding.require(to, name, ONLY_2022, force=False)
        self._messenger.flow(to.device_id)
        running = self._running.get(query)
        if running is not None:
            return self._jobs.of(running[0])
        if len(self._running) >= RUNNING_AT_ONCE:
            raise ExhaustedError(f"{RUNNING_AT_ONCE} searches run already", what="searches")
        spans = sliced(query.start, query.end, to.profile.record_info_slice_s)
        job = RecordSearchJob(
            self._new_id(), query, JobState.RUNNING, self._clock.wall(), len(spans)
        )
        self._jobs.put(job)
        task = asyncio.get_running_loop().create_task(self._run(job.job_id, to, query, spans))
        self._running[query] = job.job_id, task
        task.add_done_callback(lambda _: self._running.pop(query, None))
        return job

    def job(self, job_id: str) -> RecordSearchJob:
        """One of the last searches; raises `NotFoundError`."""
        return self._jobs.of(job_id)

    async def searched(self, query: RecordQuery, *, force: bool = False) -> RecordSearchJob:
        """Search and wait for the end. Raises `NoAnswerError` or what else kept all of it away."""
        job = self.start(query, force=force)
        await asyncio.wait([self._running[query][1]])
        return self._jobs.of(job.job_id)

    async def _run(
        self,
        job_id: str,
        to: Addressee,
        query: RecordQuery,
        spans: list[tuple[datetime, datetime]],
    ) -> None:
        turn, waiting = self._turns.get(to.device_id, (asyncio.Lock(), 0))
        self._turns[to.device_id] = turn, waiting + 1

        def refused() -> JobState:
            return JobState.INCOMPLETE if self._jobs.of(job_id).received else JobState.FAILED

        try:
            with ending(partial(self._finish, job_id), refused=refused):
                async with turn:
                    await self._search(job_id, to, query, spans)
        finally:
            turn, waiting = self._turns.pop(to.device_id)
            if waiting > 1:
                self._turns[to.device_id] = turn, waiting - 1

    async def _search(
        self,
        job_id: str,
        to: Addressee,
        query: RecordQuery,
        spans: list[tuple[datetime, datetime]],
    ) -> None:
        offset = timedelta(seconds=await self._offset(to))
        missed: list[str] = []
        unanswered = 0
        for number, (start, end) in enumerate(spans, start=1):
            piece = await self._slices.answered(to, replace(query, start=start, end=end), offset)
            unanswered = unanswered + 1 if piece.announced is None else 0
            if piece.announced is None:
                missed.append(f"no answer for {start:%Y-%m-%d %H:%M}")
                if number == 1 or unanswered >= MISSED_IN_A_ROW:
                    self._keep(job_id, piece, number, offset)
                    break
            elif not piece.is_complete:
                missed.append(f"{len(piece.items)} of {piece.announced} recordings came")
            self._keep(job_id, piece, number, offset)
        self._conclude(job_id, missed)

    def _conclude(self, job_id: str, missed: list[str]) -> None:
        job = self._jobs.of(job_id)
        if not missed:
            self._finish(job_id, JobState.COMPLETE, "")
        elif not job.received and not job.announced:
            self._finish(job_id, JobState.FAILED, silence_of(job.query.device_id))
        else:
            told = f"{job.received} of {job.announced} recordings came"
            more = "; ".join(missed[:3]) if job.slices > 1 else ""
            self._finish(job_id, JobState.INCOMPLETE, f"{told} ({more})" if more else told)

    async def _offset(self, to: Addressee) -> float:
        """The device's clock against ours, asked for where it is not known."""
        known = self._offsets.known(to.device_id)
        if known is None:
            try:
                await self._basics.query_status(to.device_id)
            except VmsError:
                return 0.0
            known = self._offsets.known(to.device_id)
        return known or 0.0

    # The job

    def _keep(self, job_id: str, piece: Slice, slices_done: int, offset: timedelta) -> None:
        job = self._jobs.of(job_id)
        found = {key_of(known.item): known for known in job.recordings}
        for key, item in piece.items.items():
            if len(found) < ITEMS_OF_ONE:
                found[key] = Recording(item.start - offset, item.end - offset, item)
        announced = len(piece.items) if piece.announced is None else piece.announced
        # A recording that crosses midnight is announced by both days, and is one.
        doubled = len(job.recordings) + len(piece.items) - len(found)
        progressed = replace(
            job,
            slices_done=slices_done,
            received=len(found),
            announced=max(len(found), job.announced + announced - doubled),
            clock_offset_s=offset.total_seconds(),
            recordings=tuple(sorted(found.values(), key=lambda each: each.start)),
        )
        self._jobs.put(progressed)
        self._tell(progressed)

    def _finish(self, job_id: str, state: JobState, sentence: str) -> None:
        job = self._jobs.find(job_id)
        if job is None:
            return
        done = replace(job, state=state, sentence=sentence, finished_at=self._clock.wall())
        self._jobs.put(done)
        self._tell(done)

    def _tell(self, job: RecordSearchJob) -> None:
        self._events.publish(
            JobProgress(
                job.job_id,
                job.query.device_id,
                self._clock.wall(),
                kind="records",
                state=job.state.value,
                done=job.slices_done,
                total=job.slices,
            )
        )
