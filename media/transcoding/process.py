"""The parent's side of one transcoding process: what was sent and is not answered yet."""

import asyncio
import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from media.errors import ProtocolError
from media.transcoding.messages import Flag, Kind, Message, Splitter

_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONPATH")
_COMMAND = (sys.executable, "-m", "media.transcoding")

STDIN, STDOUT = 0, 1


class Client(Protocol):
    """Who has a job done: `media.transcoding.pool.Job`."""

    def ready(self) -> None:
        """The process has started."""
        ...

    def receive(self, message: Message) -> None:
        """A unit that was made."""
        ...

    def done(self, *, is_damaged: bool) -> None:
        """One more of the units sent is dealt with."""
        ...

    def lost(self, *, is_suspect: bool) -> None:
        """The process is gone; `is_suspect`: by one of this job's units, it seems."""
        ...


class Process(asyncio.SubprocessProtocol):
    """One child and the jobs in it. `on_exit` is called once, when it is gone.

    What is sent before the child runs waits here; who sends bounds it.
    """

    def __init__(self, now: Callable[[], float], on_exit: Callable[["Process"], None]) -> None:
        self.jobs: dict[int, Client] = {}
        self.is_gone = False
        self.is_ready = False
        """It has started: what it is asked can be answered."""
        self.ends = False
        """It was told to."""
        self._now = now
        self._on_exit = on_exit
        self._next_job = 1
        self._splitter = Splitter()
        self._in_flight: deque[tuple[int, float]] = deque()
        self._early: list[bytes] = []
        self._pipe: asyncio.WriteTransport | None = None
        self._transport: asyncio.SubprocessTransport | None = None
        self._progress_s = now()
        self._exited = asyncio.get_running_loop().create_future()
        self._starting = asyncio.get_running_loop().create_task(self._start())

    @property
    def pid(self) -> int | None:
        """Its number; None before it runs."""
        return None if self._transport is None else self._transport.get_pid()

    @property
    def silent_s(self) -> float:
        """Seconds since it should have said something; 0 when it has nothing to say."""
        if not self.is_ready:
            return self._now() - self._progress_s
        if not self._in_flight:
            return 0.0
        return self._now() - max(self._progress_s, self._in_flight[0][1])

    def open(self, client: Client, message: Message) -> int:
        """Begin a job; its number."""
        message.job = self._next_job
        self._next_job += 1
        self.jobs[message.job] = client
        self._write(message)
        return message.job

    def send(self, message: Message) -> None:
        """A unit of a job."""
        self._in_flight.append((message.job, self._now()))
        self._write(message)

    def close(self, job: int) -> None:
        """End a job."""
        if self.jobs.pop(job, None) is not None and not self.is_gone:
            self._write(Message(Kind.CLOSE, job))

    def kill(self) -> None:
        """It hangs: `on_exit` follows."""
        if self._transport is not None:
            with contextlib.suppress(ProcessLookupError):
                self._transport.kill()

    def end(self) -> None:
        """It is not needed any more. Idempotent."""
        self.ends = True
        self.jobs.clear()
        self._early.clear()
        self.kill()

    async def wait(self) -> None:
        """Until it is gone."""
        await self._exited

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        try:
            await loop.subprocess_exec(lambda: self, *_COMMAND, stderr=None, env=environment)
        except OSError:
            self._gone()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It runs."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._pipe = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(STDIN))
        early, self._early = self._early, []
        if self.ends:
            self.kill()
        elif early:
            self._pipe.write(b"".join(early))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """What it says. A child that talks nonsense is killed: it is no longer ours."""
        if fd != STDOUT or self.ends:
            return
        self._progress_s = self._now()
        try:
            for message in self._splitter.feed(data):
                self._take(message)
        except ProtocolError:
            self.kill()

    def process_exited(self) -> None:
        """Gone, by itself or not."""
        if self._transport is not None:
            self._transport.close()
        self._gone()

    def _take(self, message: Message) -> None:
        client = self.jobs.get(message.job)
        if message.kind is Kind.READY:
            self.is_ready = True
            for starter in tuple(self.jobs.values()):
                starter.ready()
            return
        if message.kind is Kind.UNIT:
            if client is not None:
                client.receive(message)
            return
        if message.kind is not Kind.DONE or not self._in_flight:
            raise ProtocolError("a child has nothing to ask")
        self._in_flight.popleft()
        if client is not None:
            client.done(is_damaged=Flag.DAMAGED in message.flags)

    def _write(self, message: Message) -> None:
        data = message.to_bytes()
        if self._pipe is None:
            self._early.append(data)
        elif not self._pipe.is_closing():
            self._pipe.write(data)

    def _gone(self) -> None:
        if self.is_gone:
            return
        self.is_gone = True
        self._exited.set_result(None)
        suspect = self.jobs.get(self._in_flight[0][0]) if self._in_flight else None
        jobs, self.jobs = tuple(self.jobs.values()), {}
        self._on_exit(self)
        for client in jobs:
            # One that dies before it is at anything may be any job's fault.
            client.lost(is_suspect=suspect in {None, client})
