"""`python -m media.worker`: one relay in a process of its own, behind the door of `media.wire`.

Its plan and token come by standard input, and it ends when that closes; it prints one line, where
its door is, and logs JSON to standard error. It holds no secret but the token, opens no database
and gains no privileges.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import secrets
import sys
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager

import uvloop

from media import worker_log as log
from media.door import Admission, Form, MediaError, MediaEvent
from media.errors import PortTakenError, ProtocolError
from media.plan import StartReport, WorkerPlan, read_plan, write_report
from media.relay import Relay
from media.wire import (
    AdmitViewer,
    Answer,
    Call,
    Close,
    DoorAddress,
    Expect,
    Figures,
    FiguresOf,
    Hello,
    Leave,
    Link,
    Load,
    ManyFigures,
    Open,
    Patch,
    Ping,
    Reply,
    Snapshot,
    serve,
)

GREETING_LIMIT_S = 5.0
"""Who has not said the token by then is sent away."""

STRANGERS_AT_ONCE = 16
"""Connections that have not said the token."""

PLAN_LIMIT_BYTES = 65_536

_PR_SET_NO_NEW_PRIVS = 38
_GARBAGE_THRESHOLDS = (20_000, 10, 10)
"""Looked for seldom, for it costs: streams and viewers that end lie in no cycle of references, so
that none of them waits for it."""


class Worker:
    """A relay and the links to it. The link that greeted last is its owner's."""

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._owner: Link | None = None
        self._strangers: set[Link] = set()
        self.relay = Relay(
            plan.relay,
            now=time.monotonic,
            token=lambda: secrets.token_hex(16),
            on_event=self._tell,
            admit=self._admit,
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[DoorAddress]:
        """Every port is bound inside the block; `PortTakenError` when one cannot be had."""
        await self.relay.start()
        try:
            door = await self._open_door()
            try:
                yield self._address(door)
            finally:
                door.close()
                for link in (*self._strangers, *([self._owner] if self._owner else [])):
                    link.close()
        finally:
            await self.relay.stop()

    async def _open_door(self) -> asyncio.Server:
        try:
            return await serve(self._plan.door, self._link)
        except OSError as error:
            raise PortTakenError("door", self._plan.door.port, error) from error

    def _address(self, door: asyncio.Server) -> DoorAddress:
        if self._plan.door.path:
            return self._plan.door
        host, port = door.sockets[0].getsockname()[:2]
        return DoorAddress(host=host, port=port)

    def _link(self) -> Link:
        def on_ask(call: Call) -> Awaitable[Reply]:
            return self._serve(link, call)

        link = Link(on_ask, self._take_no_event, self._link_closed, self._plan.token)
        if len(self._strangers) >= STRANGERS_AT_ONCE:
            link.close("too many strangers")
            return link
        self._strangers.add(link)
        self._loop.call_later(GREETING_LIMIT_S, self._send_away, link)
        return link

    def _send_away(self, link: Link) -> None:
        if link in self._strangers:
            link.close("no greeting")

    def _link_closed(self, link: Link, why: str) -> None:
        if link is self._owner:
            self._owner = None
            log.info("the owner's link ended", why=why)
        elif link in self._strangers:
            log.warning("a stranger at the door was sent away", why=why)
        self._strangers.discard(link)

    def _take_no_event(self, event: MediaEvent) -> None:
        log.warning("an event came from the owner", kind=type(event).__name__)

    def _tell(self, event: MediaEvent) -> None:
        if self._owner is not None:
            self._owner.tell(event)

    async def _admit(self, token: str, form: Form) -> Admission:
        if self._owner is None:
            raise MediaError(MediaError.NOT_ADMITTED, "nobody is here to judge a token")
        return await self._owner.ask(AdmitViewer(token, form), Admission)

    async def _serve(self, link: Link, call: Call) -> Reply:
        relay, reply = self.relay, None
        match call:
            case Hello():
                return self._greeted_by(link)
            case Ping():
                return self._load()
            case Open(transport, ssrc, host):
                return await relay.open(transport, ssrc, host)
            case Figures(stream_id):
                return await relay.figures(stream_id)
            case FiguresOf(stream_ids):
                return ManyFigures(tuple(await relay.figures_of(stream_ids)))
            case Expect(stream_id, ssrc, remote_host, remote_port):
                await relay.expect(stream_id, ssrc, remote_host, remote_port)
            case Close(stream_id):
                await relay.close(stream_id)
            case _:
                reply = await self._serve_viewer(call)
        return reply

    async def _serve_viewer(self, call: Answer | Patch | Leave | Snapshot | AdmitViewer) -> Reply:
        relay = self.relay
        match call:
            case Answer(stream_id, viewer_id, offer):
                return await relay.answer(stream_id, viewer_id, offer)
            case Patch(viewer_id, fragment):
                return await relay.patch(viewer_id, fragment)
            case Snapshot(stream_id):
                return await relay.snapshot(stream_id)
            case Leave(viewer_id):
                await relay.leave(viewer_id)
                return None
            case AdmitViewer():
                raise ProtocolError("a worker admits nobody")

    def _greeted_by(self, link: Link) -> Reply:
        self._strangers.discard(link)
        former, self._owner = self._owner, link
        if former is not None and former is not link:
            former.close("another owner came")
        return self.relay.ports(self._plan.relay.worker)

    def _load(self) -> Load:
        return Load(
            streams=self.relay.stream_count,
            viewers=self.relay.viewer_count,
            transcoders=self.relay.transcoder_count,
            cpu_s=time.process_time(),
            memory_bytes=_resident_bytes(),
            refused_tokens=self.relay.refused_tokens,
        )


async def work(plan: WorkerPlan, owner: asyncio.StreamReader) -> None:
    """Until the owner closes its end of our standard input."""
    worker = Worker(plan)
    async with worker.at_work() as door:
        _report(StartReport(door=door))
        gc.collect()
        gc.freeze()
        log.info("media worker is up", pid=os.getpid())
        while await owner.read(4096):
            pass
    log.info("media worker ends")


async def main() -> int:
    """The exit status: 1 when a port is taken, 2 for a plan that is none."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log.loop_failed)
    owner = asyncio.StreamReader(limit=PLAN_LIMIT_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(owner), sys.stdin)
    try:
        plan = read_plan(await owner.readline())
    except ValueError as error:
        log.error("the plan cannot be read", why=str(error))
        return 2
    log.set_worker(plan.relay.worker)
    try:
        await work(plan, owner)
    except PortTakenError as error:
        reason, number = error.reason, error.errno or 0
        _report(StartReport(taken=error.what, port=error.port, error=reason, errno=number))
        return 1
    except OSError as error:
        _report(StartReport(error=str(error), errno=error.errno or 0))
        return 1
    return 0


def _report(report: StartReport) -> None:
    """The one line of our standard output; what anybody prints later goes where the log goes."""
    os.write(1, write_report(report))
    os.dup2(2, 1)


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  read every second
        return int(statm.read().split()[1]) * resource.getpagesize()


def lower_privileges() -> None:
    """No core files (they hold pictures), no set-uid programs, as many sockets as there may be."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.umask(0o077)


if __name__ == "__main__":
    lower_privileges()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main()))
