"""What happens to sessions is written down and told here: the table's steps, the trace, events."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context

import structlog

from vms.clock import Clock
from vms.errors import VmsError
from vms.events import EventBus, SessionChanged
from vms.sessions.machine import Input, State, follow, is_possible
from vms.sessions.session import Session, TraceEntry

log = structlog.get_logger(__name__)

TRACE_KEPT = 120
TRACE_BEGINNING = 24
"""Of a trace that grows longer, the beginning and the end are kept."""


class Chronicle:
    """Moves sessions by the table and tells it; runs the work that belongs to them."""

    def __init__(self, events: EventBus, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: dict[str, int] = {}

    def fail(self, session: Session, happened: Input, error: VmsError) -> None:
        """The session ends of that, as far as the table has it; the first cause is kept."""
        if session.error is None and not session.is_over:
            session.error = error
            self.failures[error.code] = self.failures.get(error.code, 0) + 1
            log.info(
                "session failed",
                device_id=session.device_id,
                channel_id=session.channel_id,
                session_id=session.session_id,
                error=str(error),
            )
        self.apply(session, happened, error.code)

    def apply(self, session: Session, happened: Input, reason: str) -> None:
        """One step of the table; a late word that the state does not list changes nothing."""
        if not is_possible(session.state, happened):
            return
        session.state = follow(session.state, happened)
        session.reason = reason or session.reason
        if session.is_over:
            session.ended_by = session.ended_by or happened.value
            session.stopping.set()
        if session.state is State.STREAMING and not session.viewers:
            session.idle_since = self._clock.monotonic()
        self.tell(session)
        self.spawn(_wake(session))

    def note(self, session: Session, stage: str, detail: str) -> None:
        """A line of the play trace."""
        since_s = self._clock.monotonic() - session.clicked_s
        session.trace.append(
            TraceEntry(str(stage), self._clock.wall(), detail, since_s, session.attempt)
        )
        if len(session.trace) > TRACE_KEPT:
            del session.trace[TRACE_BEGINNING]

    def tell(self, session: Session) -> None:
        """As events."""
        self._events.publish(
            SessionChanged(
                session_id=session.session_id,
                device_id=session.device_id,
                channel_id=session.channel_id,
                at=self._clock.wall(),
                state=session.state.value,
                viewers=len(session.viewers),
                reason=session.reason,
            )
        )

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Work of a session.

        It outlives the request that began it: its log lines must not carry that one's ID.
        """
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Work whose end nobody awaits."""
        self.start(work).add_done_callback(complain)

    async def all_done(self) -> None:
        """Until no work is left."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


async def _wake(session: Session) -> None:
    async with session.changed:
        session.changed.notify_all()


def complain(task: asyncio.Task[None]) -> None:
    """A fault of our own is logged."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        log.error("a session failed by our own fault", exc_info=fault)
