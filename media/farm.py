"""The media plane in processes of its own: `media.door.RelayDoor` over supervised workers."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from media.door import (
    Admission,
    Form,
    MediaError,
    MediaEvent,
    OnMediaEvent,
    StreamAddress,
    StreamFigures,
    StreamId,
    StreamLost,
    Transport,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
    WorkerPorts,
)
from media.errors import ProtocolError
from media.plan import RelayPlan, plans_of_workers
from media.supervisor import Supervisor
from media.wire import (
    AdmitViewer,
    Answer,
    Call,
    Close,
    Expect,
    Figures,
    FiguresOf,
    Leave,
    Link,
    Load,
    ManyFigures,
    Open,
    Patch,
    Reply,
    Snapshot,
)

WORKER_LOST = "worker_lost"
"""Why viewers of a dead worker left."""

STREAM_WEIGHT, VIEWER_WEIGHT = 2.0, 1.0
"""What they cost a worker, roughly, in one unit: a new stream goes where the sum is least. A stream
counts more than its packets cost, because it will have viewers."""

STREAMS_AT_ONCE = 100
"""Whose figures a worker is asked for in one call: packets wait meanwhile."""

_PREFIX = "vms-media-"
_FOLDER_LIMIT_BYTES = 80
"""An address holds 107, the socket's own name in it."""

AdmitIn = Callable[[str, Form, int], Awaitable[Admission]]
"""`media.door.Admit`, told the worker that asks."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as it stands; `pid` and `load` are None while it is gone."""

    worker: int
    is_up: bool
    pid: int | None
    restarts: int
    streams: int
    viewers: int
    load: Load | None


@dataclass(eq=False)
class _Post:
    """What lives in one worker."""

    supervisor: Supervisor
    viewers_of: dict[StreamId, set[ViewerId]] = field(default_factory=dict[StreamId, set[ViewerId]])
    opening: int = 0

    @property
    def viewer_count(self) -> int:
        return sum(map(len, self.viewers_of.values()))

    @property
    def weight(self) -> float:
        streams = len(self.viewers_of) + self.opening
        return streams * STREAM_WEIGHT + self.viewer_count * VIEWER_WEIGHT


class Farm:
    """`media.door.RelayDoor` over `workers` processes. `start` it before use, `stop` it after.

    What lived in a worker that died is told at once, of each stream its viewers first, by
    `ViewerLeft` with `worker_lost`, then `StreamLost`; calls in flight fail with `NO_WORKER`.
    """

    def __init__(
        self,
        plan: RelayPlan,
        workers: int,
        *,
        now: Callable[[], float],
        token: Callable[[], str],
        on_event: OnMediaEvent,
        admit: AdmitIn,
    ) -> None:
        """`ValueError` when `plan` has too few ports for so many workers."""
        plans = plans_of_workers(plan, workers)
        self._on_event = on_event
        self._admit = admit
        self._folder = _folder_for_doors()
        self._posts = [self._post(each, now, token) for each in plans]
        self._post_of: dict[StreamId, _Post] = {}
        self._stream_of: dict[ViewerId, StreamId] = {}

    def _post(self, plan: RelayPlan, now: Callable[[], float], token: Callable[[], str]) -> _Post:
        async def on_ask(call: Call) -> Reply:
            if not isinstance(call, AdmitViewer):
                raise ProtocolError(f"a worker asks for {type(call).__name__}")
            return await self._judge(post, call)

        post = _Post(
            Supervisor(
                plan,
                self._folder,
                now=now,
                token=token,
                on_ask=on_ask,
                on_event=lambda event: self._hear(post, event),
                on_lost=lambda _why: self._lose(post),
            )
        )
        return post

    # Its own life

    async def start(self) -> None:
        """Every worker serves. `PortTakenError` or `OSError` when one cannot; then none is left."""
        starts = [post.supervisor.start() for post in self._posts]
        failures = [
            found
            for found in await asyncio.gather(*starts, return_exceptions=True)
            if found is not None
        ]
        if failures:
            await self.stop()
            raise failures[0]

    async def stop(self) -> None:
        """End every worker and what lives there. Idempotent."""
        await asyncio.gather(*(post.supervisor.stop() for post in self._posts))
        for post in self._posts:
            self._lose(post)
        shutil.rmtree(self._folder, ignore_errors=True)

    def workers(self) -> Sequence[WorkerStatus]:
        """How each stands."""
        return [
            WorkerStatus(
                worker=post.supervisor.worker,
                is_up=post.supervisor.link is not None,
                pid=post.supervisor.pid,
                restarts=post.supervisor.restarts,
                streams=len(post.viewers_of),
                viewers=post.viewer_count,
                load=post.supervisor.load,
            )
            for post in self._posts
        ]

    # The door

    def place(self) -> int:
        """The worker that has the least to do; `MediaError` with `NO_WORKER` when none is there."""
        there = [post for post in self._posts if post.supervisor.link is not None]
        if not there:
            raise MediaError(MediaError.NO_WORKER, "no media worker is there")
        return min(there, key=lambda post: post.weight).supervisor.worker

    def ports(self, worker: int) -> WorkerPorts:
        """Where that worker serves viewers."""
        ports = self._at(worker).supervisor.ports
        if ports is None:
            raise MediaError(MediaError.NO_WORKER, f"media worker {worker} is gone")
        return ports

    async def open(
        self, transport: Transport, ssrc: int, host: str, worker: int = 0
    ) -> StreamAddress:
        """Lend a port on `host` in that worker and await RTP with `ssrc` there."""
        post = self._at(worker)
        link = _link_of(post)
        post.opening += 1
        try:
            address = await link.ask(
                Open(transport, ssrc, host),
                StreamAddress,
                undo=lambda address: Close(address.stream_id),
            )
        finally:
            post.opening -= 1
        if post.supervisor.link is not link:
            raise MediaError(MediaError.NO_WORKER, f"media worker {worker} is gone")
        self._post_of[address.stream_id] = post
        post.viewers_of[address.stream_id] = set()
        return address

    async def expect(
        self,
        stream_id: StreamId,
        ssrc: int,
        remote_host: str | None,
        remote_port: int | None = None,
    ) -> None:
        """The device answered."""
        call = Expect(stream_id, ssrc, remote_host, remote_port)
        await self._link_to(stream_id).ask(call, type(None))

    async def answer(self, stream_id: StreamId, viewer_id: ViewerId, offer: str) -> str:
        """A WHEP viewer's SDP offer -> our SDP answer."""
        link = self._link_to(stream_id)
        self._note_viewer(stream_id, viewer_id)
        try:
            return await link.ask(
                Answer(stream_id, viewer_id, offer), str, undo=lambda _answer: Leave(viewer_id)
            )
        except BaseException:
            self._forget_viewer(viewer_id)
            raise

    async def patch(self, viewer_id: ViewerId, fragment: str) -> str:
        """A WHEP viewer's trickle or ICE restart; `NO_STREAM` when it is not here."""
        stream_id = self._stream_of.get(viewer_id)
        if stream_id is None:
            raise MediaError(MediaError.NO_STREAM, f"no viewer {viewer_id}")
        return await self._link_to(stream_id).ask(Patch(viewer_id, fragment), str)

    async def leave(self, viewer_id: ViewerId) -> None:
        """A viewer ends. Idempotent."""
        stream_id = self._stream_of.get(viewer_id)
        if stream_id is not None:
            with contextlib.suppress(MediaError):
                await self._link_to(stream_id).ask(Leave(viewer_id), type(None))

    async def snapshot(self, stream_id: StreamId) -> bytes:
        """The last key picture as JPEG."""
        return await self._link_to(stream_id).ask(Snapshot(stream_id), bytes)

    async def figures(self, stream_id: StreamId) -> StreamFigures:
        """How the stream stands."""
        return await self._link_to(stream_id).ask(Figures(stream_id), StreamFigures)

    async def figures_of(self, stream_ids: Sequence[StreamId]) -> Sequence[StreamFigures]:
        """How many streams stand; a worker that is gone leaves its own out."""
        asked: list[Awaitable[list[StreamFigures]]] = []
        for post in self._posts:
            own = [each for each in stream_ids if self._post_of.get(each) is post]
            if own:
                asked.append(_figures_from(post, own))
        return [figures for found in await asyncio.gather(*asked) for figures in found]

    async def close(self, stream_id: StreamId) -> None:
        """Give back port, receiver, hub and viewers. Idempotent."""
        post = self._post_of.get(stream_id)
        if post is None:
            return
        try:
            with contextlib.suppress(MediaError):
                await _link_of(post).ask(Close(stream_id), type(None))
        finally:
            self._forget_stream(stream_id)

    # What workers say

    def _hear(self, post: _Post, event: MediaEvent) -> None:
        if self._post_of.get(event.stream_id) is not post:
            return
        match event:
            case ViewerJoined(stream_id, viewer_id):
                self._note_viewer(stream_id, viewer_id)
            case ViewerLeft(viewer_id=viewer_id):
                self._forget_viewer(viewer_id)
            case _:
                pass
        self._on_event(event)

    async def _judge(self, post: _Post, call: AdmitViewer) -> Admission:
        link = post.supervisor.link
        admission = await self._admit(call.token, call.form, post.supervisor.worker)
        if admission.place is None and self._post_of.get(admission.stream_id) is post:
            self._note_viewer(admission.stream_id, admission.viewer_id)
        if link is not post.supervisor.link and admission.place is None:
            self._on_event(ViewerLeft(admission.stream_id, admission.viewer_id, WORKER_LOST))
        return admission

    def _lose(self, post: _Post) -> None:
        """Everything that lived in that worker is gone."""
        lost = {stream_id: tuple(viewers) for stream_id, viewers in post.viewers_of.items()}
        for stream_id in lost:
            self._forget_stream(stream_id)
        for stream_id, viewers in lost.items():
            for viewer_id in viewers:
                self._on_event(ViewerLeft(stream_id, viewer_id, WORKER_LOST))
            self._on_event(StreamLost(stream_id))

    # Who is where

    def _at(self, worker: int) -> _Post:
        if not 0 <= worker < len(self._posts):
            raise MediaError(MediaError.NO_WORKER, f"there is no media worker {worker}")
        return self._posts[worker]

    def _link_to(self, stream_id: StreamId) -> Link:
        post = self._post_of.get(stream_id)
        if post is None:
            raise MediaError(MediaError.NO_STREAM, f"no stream {stream_id}")
        return _link_of(post)

    def _note_viewer(self, stream_id: StreamId, viewer_id: ViewerId) -> None:
        post = self._post_of.get(stream_id)
        if post is not None:
            self._stream_of[viewer_id] = stream_id
            post.viewers_of[stream_id].add(viewer_id)

    def _forget_viewer(self, viewer_id: ViewerId) -> None:
        stream_id = self._stream_of.pop(viewer_id, None)
        if stream_id is not None:
            self._post_of[stream_id].viewers_of[stream_id].discard(viewer_id)

    def _forget_stream(self, stream_id: StreamId) -> None:
        post = self._post_of.pop(stream_id, None)
        if post is not None:
            for viewer_id in post.viewers_of.pop(stream_id):
                self._stream_of.pop(viewer_id, None)


def _folder_for_doors() -> Path:
    """Ours alone, with a path that a Unix socket's address can hold."""
    folder = tempfile.mkdtemp(prefix=_PREFIX)
    if len(os.fsencode(folder)) > _FOLDER_LIMIT_BYTES:
        os.rmdir(folder)  # noqa: PTH106  it was made one line before
        folder = tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp")
    return Path(folder)


async def _figures_from(post: _Post, stream_ids: Sequence[StreamId]) -> list[StreamFigures]:
    found: list[StreamFigures] = []
    with contextlib.suppress(MediaError):
        for start in range(0, len(stream_ids), STREAMS_AT_ONCE):
            wanted = FiguresOf(tuple(stream_ids[start : start + STREAMS_AT_ONCE]))
            found += (await _link_of(post).ask(wanted, ManyFigures)).streams
    return found


def _link_of(post: _Post) -> Link:
    link = post.supervisor.link
    if link is None:
        raise MediaError(MediaError.NO_WORKER, f"media worker {post.supervisor.worker} is gone")
    return link
