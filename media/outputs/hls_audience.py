"""All viewers by HLS: known by the secret in their paths, here while they poll."""

import re
import secrets
from collections.abc import Callable
from typing import NamedTuple

from media.door import (
    Admission,
    Form,
    OnMediaEvent,
    StreamId,
    ViewerFigures,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from media.outputs.feed import open_variant
from media.outputs.fmp4 import CONTENT_TYPE as MP4_TYPE
from media.outputs.hls import TARGET_S, HlsStream
from media.outputs.live_audience import why_ended
from media.outputs.output import Streams
from media.outputs.rates import Rate
from media.variants import Wanted

PLAYLIST = "index.m3u8"
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"

POLL_LIMIT_S = 15.0
"""A viewer that asked for nothing for so long has left."""

FIRST_LIMIT_S = 12.0
"""The first playlist waits so long for the first segment."""

BLOCK_LIMIT_S = 3.0 * TARGET_S
"""As long as the standard lets a playlist wait for a part (RFC 8216bis, 6.2.5.2)."""

_FILE = re.compile(r"(init|seg|part)([0-9]{1,12})\.mp4")
_NUMBER = re.compile(r"[0-9]{1,12}")


class Reply(NamedTuple):
    """What is answered."""

    status: int
    content_type: str = ""
    body: bytes = b""


class _Key(NamedTuple):
    stream_id: StreamId
    wanted: Wanted


class _Viewer:
    """One viewer: when it asked last, and what it got.

    `secret` stands in its paths and is told to nobody else: its identifier is shown to whoever may
    see who watches, and gives no right to watch.
    """

    def __init__(self, viewer_id: ViewerId, key: _Key, now: Callable[[], float]) -> None:
        self.viewer_id = viewer_id
        self.key = key
        self.secret = secrets.token_urlsafe(24)
        self.has_joined = False
        self.remote_address = ""
        self.replies = 0
        self.sent_bytes = 0
        self._now = now
        self._connected_s = self.polled_s = now()
        self._rate = Rate(now)

    def figures(self, delivery: str) -> ViewerFigures:
        """How it stands."""
        return ViewerFigures(
            viewer_id=self.viewer_id,
            protocol=Form.HLS,
            remote_address=self.remote_address,
            connected_s=self._now() - self._connected_s,
            packets_sent=self.replies,
            bytes_sent=self.sent_bytes,
            lost_percent=0.0,
            pictures_dropped=0,
            bitrate_bps=self.sample_rate(),
            delivery=delivery,
        )

    def sample_rate(self) -> int:
        """Now and then, so that its bit rate is known."""
        return self._rate.bits_per_s(self.sent_bytes)


class HlsAudience:
    """HLS. A stream is cut into segments from its first viewer to its last."""

    def __init__(self, streams: Streams, now: Callable[[], float], on_event: OnMediaEvent) -> None:
        self._streams = streams
        self._now = now
        self._on_event = on_event
        self._cut: dict[_Key, HlsStream] = {}
        self._viewers: dict[ViewerId, _Viewer] = {}
        self._by_secret: dict[str, _Viewer] = {}

    @property
    def viewer_count(self) -> int:
        """Viewers that are here."""
        return len(self._viewers)

    def has(self, viewer_id: ViewerId) -> bool:
        """Is this viewer here?"""
        return viewer_id in self._viewers

    def add(self, admission: Admission, wanted: Wanted) -> str:
        """Let a viewer in; gives its playlist, relative to what it asked for.

        `MediaError` when the stream is not to be had.
        """
        key = _Key(admission.stream_id, wanted)
        if key not in self._cut:
            variant, source = open_variant(self._streams, key.stream_id, wanted)
            self._cut[key] = HlsStream(
                variant, source, now=self._now, on_ended=lambda: self._end(key)
            )
        viewer = _Viewer(admission.viewer_id, key, self._now)
        self._viewers[viewer.viewer_id] = self._by_secret[viewer.secret] = viewer
        return f"{viewer.secret}/{PLAYLIST}"

    async def get(
        self, secret: str, name: str, query: dict[str, str], remote_address: str
    ) -> Reply:
        """One of a viewer's files; waits for what is about to be made."""
        viewer = self._by_secret.get(secret)
        if viewer is None:
            return Reply(404)
        viewer.polled_s = self._now()
        viewer.remote_address = remote_address
        if not viewer.has_joined:
            viewer.has_joined = True
            self._on_event(ViewerJoined(viewer.key.stream_id, viewer.viewer_id, remote_address))
        stream = self._cut[viewer.key]
        reply = await (
            self._playlist(stream, query) if name == PLAYLIST else self._file(stream, name)
        )
        viewer.polled_s = self._now()
        viewer.replies += 1
        viewer.sent_bytes += len(reply.body)
        return reply

    def leave(self, viewer_id: ViewerId, reason: str) -> None:
        """End one viewer; one that is not here changes nothing."""
        viewer = self._viewers.pop(viewer_id, None)
        if viewer is None:
            return
        del self._by_secret[viewer.secret]
        if all(other.key != viewer.key for other in self._viewers.values()):
            self._cut.pop(viewer.key).close()
        self._on_event(ViewerLeft(viewer.key.stream_id, viewer_id, reason))

    def leave_all(self, stream_id: StreamId, reason: str) -> None:
        """End every viewer of a stream."""
        for viewer_id, viewer in tuple(self._viewers.items()):
            if viewer.key.stream_id == stream_id:
                self.leave(viewer_id, reason)

    def figures(self, stream_id: StreamId) -> list[ViewerFigures]:
        """The stream's viewers as they stand."""
        return [
            viewer.figures(self._cut[viewer.key].delivery)
            for viewer in self._viewers.values()
            if viewer.key.stream_id == stream_id
        ]

    def tick(self) -> None:
        """Now and then: those that stopped asking have left."""
        now_s = self._now()
        for viewer in tuple(self._viewers.values()):
            viewer.sample_rate()
            if now_s - viewer.polled_s > POLL_LIMIT_S:
                self.leave(viewer.viewer_id, "left")

    def stop(self) -> None:
        """End all."""
        for viewer_id in tuple(self._viewers):
            self.leave(viewer_id, "stopped")

    def _end(self, key: _Key) -> None:
        stream = self._cut.get(key)
        reason = "stream_closed" if stream is None else why_ended(stream.delivery)
        for viewer_id, viewer in tuple(self._viewers.items()):
            if viewer.key == key:
                self.leave(viewer_id, reason)

    async def _playlist(self, stream: HlsStream, query: dict[str, str]) -> Reply:
        wanted = query.get("_HLS_msn", "")
        if not wanted:
            if not await stream.until(lambda: stream.has_segment, FIRST_LIMIT_S):
                return Reply(503)
            return Reply(200, PLAYLIST_TYPE, stream.playlist())
        part_wanted = query.get("_HLS_part")
        if not _NUMBER.fullmatch(wanted) or not (
            part_wanted is None or _NUMBER.fullmatch(part_wanted)
        ):
            return Reply(400)
        number, part = int(wanted), None if part_wanted is None else int(part_wanted)
        if not stream.is_near(number):
            return Reply(400)
        if not await stream.until(lambda: stream.has(number, part), BLOCK_LIMIT_S):
            return Reply(503)
        return Reply(200, PLAYLIST_TYPE, stream.playlist())

    async def _file(self, stream: HlsStream, name: str) -> Reply:
        found = _FILE.fullmatch(name)
        if found is None:
            return Reply(404)
        kind, number = found[1], int(found[2])
        if kind == "part" and stream.is_next_part(number):
            await stream.until(lambda: stream.has_part(number), BLOCK_LIMIT_S)
        get = {"init": stream.init, "seg": stream.segment, "part": stream.part}[kind]
        data = get(number)
        return Reply(404) if data is None else Reply(200, MP4_TYPE, data)
