"""Every transcode of this process: how many may run, in which child, and again after a crash."""

import asyncio
from collections import deque
from collections.abc import Callable

from media.door import MediaError
from media.group import Group
from media.transcoding.messages import LIMIT_BYTES, Flag, Kind, Message, unit_message
from media.transcoding.process import Process
from media.unit import AccessUnit, Codec

QUEUE_UNITS = 32
"""Units of a job that its process has not dealt with; 1.3 s of pictures."""

SHARED_JOBS = 32
"""Jobs that share a process: of sound, 5 ms of CPU a second each; or of key pictures alone."""

HANG_LIMIT_S = 5.0
START_LIMIT_S = 20.0
WATCH_S = 1.0
RESTART_LIMIT_S = 30.0
RESTART_FORGOTTEN_S = 60.0
"""A job that ran this long since its last crash begins again without delay."""


class Job:
    """One transcode; lent by the pool. `deliver` gets what is made, on the event loop.

    Of the pictures that come while its process starts only the last is shown, so that viewers need
    not watch the past; the others are decoded for it. When `QUEUE_UNITS` wait, pictures are dropped
    up to the next key picture, sound one by one: `dropped` counts both, `damaged` what did not
    decode, `restarts` the processes it lost. `on_key_wanted` is called when a key picture is what
    it waits for: it has to begin again, or too many came while it started.
    """

    def __init__(
        self,
        pool: "TranscoderPool",
        opening: Message,
        deliver: Callable[[AccessUnit], None],
        on_key_wanted: Callable[[], None],
    ) -> None:
        self.codec = opening.codec
        self.damaged = 0
        self.dropped = 0
        self.restarts = 0
        self._pool = pool
        self._opening = opening
        self._deliver = deliver
        self._on_key_wanted = on_key_wanted
        self._process: Process | None = None
        self._number = 0
        self._early: Group[AccessUnit] = Group()
        """Pictures that came while the process starts."""
        self._waiting: deque[bool] = deque()
        self._shown_waiting = 0
        self._awaits_key = False
        self._key_wanted = False
        self._closed = False
        self._delay_s = 0.0
        self._began_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process it runs in; None while there is none."""
        return None if self._process is None else self._process.pid

    def begin(self) -> None:
        """The pool calls this when it has written the job down."""
        self._timer = None
        self._began_s = asyncio.get_running_loop().time()
        self._process = self._pool.process_for(self)
        self._number = self._process.open(self, self._opening)
        self._awaits_key = self.codec.is_video
        if self.restarts:
            self._on_key_wanted()

    def feed(self, unit: AccessUnit, *, is_shown: bool = True) -> None:
        """Have `unit` converted; never blocks. What is not shown is bounded by who feeds it."""
        if self._closed:
            return
        process = self._process
        if process is not None and not process.is_ready and unit.codec.is_video:
            self._keep(unit)
            return
        if process is None or len(unit.data) > LIMIT_BYTES or not self._has_room(unit, is_shown):
            self.dropped += 1
            self._awaits_key = unit.codec.is_video
            self._early.clear()
            return
        flags = Flag.SHOWN if is_shown else Flag.NONE
        if is_shown and self._key_wanted:
            flags |= Flag.WANTS_KEY
            self._key_wanted = False
        self._waiting.append(is_shown)
        self._shown_waiting += is_shown
        process.send(unit_message(self._number, unit, flags))

    def want_key(self) -> None:
        """The next picture made shall be one that a decoder can begin with."""
        self._key_wanted = True

    def close(self) -> None:
        """End; nothing is delivered after this. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._early.clear()
        # Who gets what is made holds the job: neither shall wait for the garbage collector.
        self._deliver, self._on_key_wanted = _forget, _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pool.give_back(self, self._process, self._number)
        self._process = None

    def ready(self) -> None:
        """`media.transcoding.process.Client.ready`."""
        early = self._early.pictures
        self._early.clear()
        for unit in early:
            self.feed(unit, is_shown=unit is early[-1])

    def receive(self, message: Message) -> None:
        """`media.transcoding.process.Client.receive`."""
        self._deliver(message.unit())

    def done(self, *, is_damaged: bool) -> None:
        """`media.transcoding.process.Client.done`."""
        self.damaged += is_damaged
        self._shown_waiting -= self._waiting.popleft()

    def lost(self, *, is_suspect: bool) -> None:
        """`media.transcoding.process.Client.lost`: begin again, later and later if it was us."""
        self._process = None
        self._waiting.clear()
        self._shown_waiting = 0
        self.restarts += 1
        loop = asyncio.get_running_loop()
        if loop.time() - self._began_s > RESTART_FORGOTTEN_S:
            self._delay_s = 0.0
        if is_suspect and self._delay_s:
            self._timer = loop.call_later(self._delay_s, self.begin)
        else:
            self.begin()
        if is_suspect:
            self._delay_s = min(2 * self._delay_s or 1.0, RESTART_LIMIT_S)

    def _keep(self, unit: AccessUnit) -> None:
        could_follow = unit.is_key or bool(self._early.pictures)
        self.dropped += self._early.add(unit, unit.is_key)
        if could_follow and not self._early.pictures:
            self._on_key_wanted()

    def _has_room(self, unit: AccessUnit, is_shown: bool) -> bool:
        is_full = is_shown and self._shown_waiting >= QUEUE_UNITS
        if not unit.codec.is_video:
            return not is_full
        if unit.is_key and not is_full:
            self._awaits_key = False
        return not (is_full or self._awaits_key)


class TranscoderPool:
    """All jobs; `video_limit` of them may make pictures at a time, each in a process of its own.

    Sound, and key pictures alone, cost too little to be counted: many share a process. Once
    pictures were made, one process is kept ready, and once sound was made, its first process stays:
    who comes next need not wait for a start.
    """

    def __init__(self, video_limit: int) -> None:
        self.crashes = 0
        """Processes that ended without being told to, and such as hung."""
        self._video_limit = video_limit
        self._jobs: set[Job] = set()
        self._video: set[Job] = set()
        self._keys: set[Job] = set()
        self._processes: set[Process] = set()
        self._sound_processes: list[Process] = []
        self._key_processes: list[Process] = []
        self._spare: Process | None = None
        self._watch: asyncio.TimerHandle | None = None

    @property
    def has_room(self) -> bool:
        """True while one more transcode of pictures may start."""
        return len(self._video) < self._video_limit

    @property
    def in_use(self) -> int:
        """How many jobs there are, pictures and sound."""
        return len(self._jobs)

    @property
    def process_count(self) -> int:
        """Processes that run or end, the one kept ready among them."""
        return len(self._processes)

    def picture_pids(self) -> list[int]:
        """The processes that make pictures, those that are starting left out."""
        return [job.pid for job in self._video if job.pid is not None]

    def open_pictures(
        self,
        codec: Codec,
        height: int,
        deliver: Callable[[AccessUnit], None],
        on_key_wanted: Callable[[], None],
        *,
        key_pictures_only: bool = False,
    ) -> Job:
        """`codec` to H.264 of `height` lines at most. `MediaError` when no place is free.

        With `key_pictures_only` none is needed; its user feeds it nothing else.
        """
        if not key_pictures_only and not self.has_room:
            raise MediaError(
                MediaError.TOO_MANY,
                f"{len(self._video)} of {self._video_limit} picture transcodes are running",
            )
        opening = Message(Kind.OPEN, 0, codec, Codec.H264, pts=height)
        return self._open(
            opening, deliver, on_key_wanted, self._keys if key_pictures_only else self._video
        )

    def open_sound(
        self, source: Codec, target: Codec, deliver: Callable[[AccessUnit], None]
    ) -> Job:
        """One coding of sound to another. What cannot be decoded is counted as damaged."""
        return self._open(Message(Kind.OPEN, 0, source, target), deliver, _nothing, set())

    def process_for(self, job: Job) -> Process:
        """Where `job` shall run: `Job` asks when it begins."""
        if job in self._video:
            process, self._spare = self._spare or self._start(), None
            if self.has_room:
                self._spare = self._start()
            return process
        shared = self._key_processes if job in self._keys else self._sound_processes
        for process in shared:
            if len(process.jobs) < SHARED_JOBS:
                return process
        shared.append(process := self._start())
        return process

    def give_back(self, job: Job, process: Process | None, number: int) -> None:
        """`Job.close` calls this."""
        self._jobs.discard(job)
        self._video.discard(job)
        self._keys.discard(job)
        if process is not None:
            process.close(number)
            if not process.jobs and process not in self._sound_processes[:1]:
                self._forget(process)
                process.end()

    async def close(self) -> None:
        """End all and wait until their processes are gone."""
        for job in tuple(self._jobs):
            job.close()
        if self._watch is not None:
            self._watch.cancel()
        for process in tuple(self._processes):
            process.end()
            await process.wait()

    def _open(
        self,
        opening: Message,
        deliver: Callable[[AccessUnit], None],
        on_key_wanted: Callable[[], None],
        kind: set[Job],
    ) -> Job:
        job = Job(self, opening, deliver, on_key_wanted)
        kind.add(job)
        self._jobs.add(job)
        job.begin()
        return job

    def _start(self) -> Process:
        loop = asyncio.get_running_loop()
        process = Process(loop.time, self._on_exit)
        self._processes.add(process)
        if self._watch is None:
            self._watch = loop.call_later(WATCH_S, self._look)
        return process

    def _look(self) -> None:
        """Kill what hangs."""
        self._watch = None
        for process in self._processes:
            if process.silent_s > (HANG_LIMIT_S if process.is_ready else START_LIMIT_S):
                process.kill()
        if self._processes:
            self._watch = asyncio.get_running_loop().call_later(WATCH_S, self._look)

    def _on_exit(self, process: Process) -> None:
        self.crashes += not process.ends
        self._processes.discard(process)
        self._forget(process)

    def _forget(self, process: Process) -> None:
        for shared in (self._sound_processes, self._key_processes):
            if process in shared:
                shared.remove(process)
        if process is self._spare:
            self._spare = None


def _nothing() -> None:
    pass


def _forget(_unit: AccessUnit) -> None:
    pass
