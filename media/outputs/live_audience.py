"""All viewers by endless answer or WebSocket, and the streams that are packed for them."""

from collections.abc import Callable
from dataclasses import dataclass
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
from media.http.connection import Connection
from media.http.request import BadRequestError, Request
from media.outputs.feed import open_variant
from media.outputs.flv import CONTENT_TYPE as FLV_TYPE
from media.outputs.flv import FlvPacker
from media.outputs.fmp4 import CONTENT_TYPE as MP4_TYPE
from media.outputs.fmp4 import Fmp4Packer
from media.outputs.live import LiveStream, LiveViewer
from media.outputs.output import Streams
from media.variants import Wanted

GOING_AWAY = 1001
NORMAL = 1000

_NOBODYS_WISH = frozenset({"stream_closed", "stopped", "no_transcoder"})
"""Why viewers are ended whom nobody sends away: they may ask again."""


class _Key(NamedTuple):
    stream_id: StreamId
    is_flv: bool
    wanted: Wanted


@dataclass(slots=True)
class _Seat:
    connection: Connection
    viewer: LiveViewer
    key: _Key


def why_ended(delivery: str) -> str:
    """The reason told to viewers whose hub closed."""
    return delivery if delivery == "no_transcoder" else "stream_closed"


class LiveAudience:
    """FLV and fMP4. A stream is packed from its first viewer to its last."""

    def __init__(self, streams: Streams, now: Callable[[], float], on_event: OnMediaEvent) -> None:
        self._streams = streams
        self._now = now
        self._on_event = on_event
        self._packed: dict[_Key, LiveStream] = {}
        self._seats: dict[ViewerId, _Seat] = {}
        self._by_connection: dict[Connection, ViewerId] = {}

    @property
    def viewer_count(self) -> int:
        """Viewers that are here."""
        return len(self._seats)

    def has(self, viewer_id: ViewerId) -> bool:
        """Is this viewer here?"""
        return viewer_id in self._seats

    def add(
        self,
        connection: Connection,
        request: Request,
        form: Form,
        admission: Admission,
        wanted: Wanted,
    ) -> None:
        """Begin. `MediaError` when the stream is not to be had; `BadRequestError`: no handshake."""
        is_flv = form in {Form.FLV, Form.WS_FLV}
        key = _Key(admission.stream_id, is_flv, wanted)
        stream = self._stream(key)
        try:
            if request.wants_websocket:
                connection.begin_websocket(request)
            else:
                connection.begin_stream(FLV_TYPE if is_flv else MP4_TYPE)
        except BadRequestError:
            self._close_if_empty(key)
            raise
        viewer = LiveViewer(
            admission.viewer_id,
            form,
            connection.remote_address,
            is_framed=request.wants_websocket,
            now=self._now,
            write=connection.write,
            waiting_bytes=connection.waiting_bytes,
        )
        self._seats[admission.viewer_id] = _Seat(connection, viewer, key)
        self._by_connection[connection] = admission.viewer_id
        self._on_event(
            ViewerJoined(admission.stream_id, admission.viewer_id, connection.remote_address)
        )
        stream.add(viewer)

    def leave(self, viewer_id: ViewerId, reason: str) -> None:
        """End one viewer; one that is not here changes nothing."""
        seat = self._forget(viewer_id, reason)
        if seat is not None:
            code = GOING_AWAY if reason in _NOBODYS_WISH else NORMAL
            seat.connection.close(reason, code, reason)

    def leave_all(self, stream_id: StreamId, reason: str) -> None:
        """End every viewer of a stream."""
        for viewer_id, seat in tuple(self._seats.items()):
            if seat.key.stream_id == stream_id:
                self.leave(viewer_id, reason)

    def lost(self, connection: Connection, reason: str) -> None:
        """A connection is over; it may have been a viewer's."""
        viewer_id = self._by_connection.get(connection)
        if viewer_id is not None:
            self._forget(viewer_id, reason)

    def figures(self, stream_id: StreamId) -> list[ViewerFigures]:
        """The stream's viewers as they stand."""
        return [
            viewer
            for key, stream in self._packed.items()
            if key.stream_id == stream_id
            for viewer in stream.figures()
        ]

    def tick(self) -> None:
        """Now and then."""
        for stream in self._packed.values():
            stream.tick()

    def stop(self) -> None:
        """End all."""
        for viewer_id in tuple(self._seats):
            self.leave(viewer_id, "stopped")

    def _stream(self, key: _Key) -> LiveStream:
        stream = self._packed.get(key)
        if stream is None:
            variant, source = open_variant(self._streams, key.stream_id, key.wanted)
            stream = self._packed[key] = LiveStream(
                key.stream_id,
                variant,
                source,
                FlvPacker() if key.is_flv else Fmp4Packer(),
                now=self._now,
                on_ended=lambda: self._end(key),
            )
        return stream

    def _forget(self, viewer_id: ViewerId, reason: str) -> _Seat | None:
        seat = self._seats.pop(viewer_id, None)
        if seat is None:
            return None
        del self._by_connection[seat.connection]
        self._packed[seat.key].remove(seat.viewer)
        self._close_if_empty(seat.key)
        self._on_event(ViewerLeft(seat.key.stream_id, viewer_id, reason))
        return seat

    def _close_if_empty(self, key: _Key) -> None:
        stream = self._packed.get(key)
        if stream is not None and not stream.viewers:
            del self._packed[key]
            stream.close()

    def _end(self, key: _Key) -> None:
        """The hub was closed: the camera's, or that of what was made of it."""
        stream = self._packed.get(key)
        reason = "stream_closed" if stream is None else why_ended(stream.delivery)
        for viewer_id, seat in tuple(self._seats.items()):
            if seat.key == key:
                self.leave(viewer_id, reason)
