"""One media worker's life: started, greeted, watched, killed when silent, started again."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import structlog

import media
from media.door import MediaError, MediaEvent, WorkerPorts
from media.errors import PortTakenError
from media.plan import Place, RelayPlan, WorkerPlan, read_report, write_plan
from media.wire import DoorAddress, Link, Load, OnAsk, Ping, connect

log = structlog.get_logger(__name__)

PING_PERIOD_S = 1.0
SILENT_LIMIT_S = 3.0
"""A worker that has said nothing for so long hangs: it is killed."""

START_LIMIT_S = 30.0
"""On a machine with too much to do; else a worker starts in less than a second."""

TAKEN_LIMIT_S = 3.0
"""How long a port of ours may be taken at the start."""

END_LIMIT_S = 10.0
"""A worker that is asked to end says farewell to its viewers first."""

PAUSES_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Before it is started again: after one death, two, three in a row."""

SETTLED_S = 60.0
"""A worker that lived so long begins a new row of deaths."""

_LOOK_PERIOD_S = 0.25
_LINE_LIMIT_BYTES = 65_536
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


class Supervisor:
    """Keeps one worker alive.

    `folder` is ours alone and takes the door's socket. `on_ask` answers the worker, `on_event`
    hears it, `on_lost` is told each time it is gone with everything it had.
    """

    def __init__(
        self,
        plan: RelayPlan,
        folder: Path,
        *,
        now: Callable[[], float],
        token: Callable[[], str],
        on_ask: OnAsk,
        on_event: Callable[[MediaEvent], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._plan = self._wanted = plan
        self._folder = folder
        self._now = now
        self._token = token
        self._on_ask = on_ask
        self._on_event = on_event
        self._on_lost = on_lost
        self._process: asyncio.subprocess.Process | None = None
        self._link: Link | None = None
        self._link_ended: asyncio.Future[str] | None = None
        self._ports: WorkerPorts | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: asyncio.Task[None] | None = None
        self.load: Load | None = None
        """As it said at the last ping; None while it is gone."""
        self.restarts = 0

    @property
    def worker(self) -> int:
        """Its number."""
        return self._plan.worker

    @property
    def link(self) -> Link | None:
        """The way to it; None while it is gone."""
        link = self._link
        return link if link is not None and link.is_open else None

    @property
    def ports(self) -> WorkerPorts | None:
        """Where it serves viewers; None while it is gone."""
        return self._ports if self.link is not None else None

    @property
    def pid(self) -> int | None:
        """Its process; None while it is gone."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Returns when it serves. `PortTakenError` when it cannot bind, `OSError` for the rest.

        A port that is taken is asked for again for a while: when this program was killed, a worker
        of its own may still be saying farewell.
        """
        began_s = self._now()
        while True:
            try:
                await self._launch()
                break
            except PortTakenError:
                if self._now() - began_s >= TAKEN_LIMIT_S:
                    raise
                await asyncio.sleep(_LOOK_PERIOD_S)
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """End it: its viewers are told. Idempotent."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_LIMIT_S):
                    await process.wait()
        await self._bury("stopped")

    # Being kept

    async def _keep(self) -> None:
        deaths = 0
        while True:
            began_s = self._now()
            why = await self._until_dead()
            await self._bury(why)
            self._on_lost(why)
            deaths = 1 if self._now() - began_s > SETTLED_S else deaths + 1
            log.error("a media worker died", worker=self.worker, why=why, deaths=deaths)
            while True:
                await asyncio.sleep(PAUSES_S[min(deaths, len(PAUSES_S)) - 1])
                try:
                    await self._launch()
                    break
                except OSError as error:
                    deaths += 1
                    log.warning(
                        "a media worker cannot be started", worker=self.worker, why=str(error)
                    )
            self.restarts += 1
            log.info("a media worker is back", worker=self.worker, pid=self.pid)

    async def _until_dead(self) -> str:
        process, link, ended = self._process, self._link, self._link_ended
        if process is None or link is None or ended is None:
            return "it was never there"
        loop = asyncio.get_running_loop()
        exited, silent = loop.create_task(process.wait()), loop.create_task(self._watch(link))
        signs: set[asyncio.Future[Any]] = {exited, silent, ended}
        try:
            await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
            silent.cancel()
            await asyncio.gather(exited, silent, return_exceptions=True)
        if process.returncode is not None:
            return f"it ended with status {process.returncode}"
        return ended.result() if ended.done() else f"silent for {SILENT_LIMIT_S:.0f} s"

    async def _watch(self, link: Link) -> None:
        """Returns when the worker has been silent for too long."""
        heard, heard_s, pinged_s = link.heard, self._now(), 0.0
        while True:
            looked_s = self._now()
            if looked_s - pinged_s >= PING_PERIOD_S:
                pinged_s = looked_s
                _ = self._spawn(self._ping(link))
            await asyncio.sleep(_LOOK_PERIOD_S)
            now_s = self._now()
            # When this process itself stood still, its silence says nothing about the worker.
            if link.heard != heard or now_s - looked_s > PING_PERIOD_S:
                heard, heard_s = link.heard, now_s
            elif now_s - heard_s >= SILENT_LIMIT_S:
                return

    async def _ping(self, link: Link) -> None:
        with contextlib.suppress(MediaError):
            self.load = await link.ask(Ping(), Load)

    # Beginning and end of a process

    async def _launch(self) -> None:
        token = self._token()
        door = DoorAddress(path=str(self._folder / f"worker-{self.worker}.sock"))
        process = self._process = await asyncio.create_subprocess_exec(
            # Without the folder it is started in: that is nobody's package.
            *(sys.executable, "-P", "-m", "media.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT_BYTES,
            env=_environment(os.environ),
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await self._greet(process, WorkerPlan(self._wanted, door, token))
        except BaseException as error:
            await self._bury("could not be started")
            if isinstance(error, PortTakenError):
                self._wanted = self._plan  # a port that was free to choose is chosen anew
            if isinstance(error, TimeoutError | MediaError | ValueError):
                raise OSError(f"media worker {self.worker} did not start: {error}") from error
            raise
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(door.path)  # noqa: PTH108  one call, in memory

    async def _greet(self, process: asyncio.subprocess.Process, plan: WorkerPlan) -> None:
        stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
        if stdin is None or stdout is None or stderr is None:
            raise OSError("a process without pipes")
        _ = self._spawn(self._pass_on_log(stderr))
        stdin.write(write_plan(plan))
        line = await stdout.readline()
        if not line:
            raise OSError(f"media worker {self.worker} ended before it served")
        report = read_report(line)
        if report.door is None and not report.taken:
            raise OSError(report.errno, report.error)
        if report.door is None:
            raise PortTakenError(report.taken, report.port, OSError(report.errno, report.error))
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_closed(_link: Link, why: str) -> None:
            if not ended.done():
                ended.set_result(why)

        self._link, self._ports = await connect(
            report.door, plan.token, self._on_ask, self._on_event, on_closed
        )
        self._link_ended = ended
        self._wanted = replace(
            self._plan,
            webrtc=replace(self._plan.webrtc, port=self._ports.webrtc),
            http=_at(self._plan.http, self._ports.http),
            rtsp=_at(self._plan.rtsp, self._ports.rtsp),
        )

    async def _bury(self, why: str) -> None:
        """Whatever is left of it goes. Idempotent."""
        link, self._link, self.load = self._link, None, None
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if link is not None:
            link.close(why)

    async def _pass_on_log(self, lines: asyncio.StreamReader) -> None:
        """The worker's log in the form of ours; what is no line of it, as it stands."""
        while True:
            try:
                line = await lines.readline()
            except ValueError:  # longer than any line of a log; the rest of it comes as the next
                continue
            if not line:
                return
            try:
                facts = msgspec.json.decode(line, type=dict[str, object])
            except ValueError:
                text = line.decode(errors="replace").rstrip()
                log.warning("a media worker said", worker=self.worker, text=text[:1000])
                continue
            event, level = str(facts.pop("event", "")), facts.pop("level", "")
            facts.pop("timestamp", None)
            tell = {"warning": log.warning, "error": log.error}.get(str(level), log.info)
            tell(event, **facts)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _at(place: Place | None, port: int) -> Place | None:
    return None if place is None else replace(place, port=port)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What a worker needs of our environment: none of our settings, which hold secrets."""
    passed_on = {name: ours[name] for name in _PASSED_ON if name in ours}
    return passed_on | {"PYTHONPATH": str(Path(media.__file__).resolve().parent.parent)}
