"""Reads the transport stream of a device (ISO 13818-1, 2.4) that comes in RTP (RFC 2250, 2).

Packets of 188 bytes, seven to a datagram as a rule. Tables that are missing, late or wrong are done
without; continuity counters tell what is lost, where they count at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from media.codecs import aac, annexb, h264, h265
from media.codecs.frame import Frame
from media.codecs.sound import guess_sound
from media.codecs.splitter import PictureSplitter
from media.errors import ProtocolError
from media.ps.pes import UNBOUNDED, PesHeader, pes_header
from media.ps.stream_types import ENCRYPTED, NAMES, is_audio, is_video
from media.ts.tables import STREAM_LIMIT, SectionReader, program_map_pid, streams_of
from media.unit import Codec

PACKET = 188
SYNC = 0x47

PICTURE_LIMIT_BYTES = 8 * 1024 * 1024
"""A larger picture is dropped: its end was never seen."""

_SYNC_BYTE = bytes((SYNC,))
_START = b"\x00\x00\x01"
_NAL_STARTS = frozenset({_START, b"\x00\x00\x00"})
_ASSOCIATION_PID = 0
_NULL_PID = 0x1FFF
_HEAD_LIMIT_BYTES = 512
_CHAINED_BYTES = 60_000
"""A PES packet so long may be the first of several that make one picture."""


@dataclass(slots=True)
class _Stream:
    """One elementary stream, and what has come of its PES packet under way."""

    pid: int
    is_video: bool
    stream_type: int | None = None
    codec: Codec | None = None
    continuity: int | None = None
    counts: bool = True
    last: bytes = b""
    head: bytes | None = None
    parts: list[bytes] = field(default_factory=list[bytes])
    is_open: bool = False
    left: int = 0
    size: int = 0
    pts: int | None = None
    timestamp: int = 0
    received_s: float = 0.0
    is_damaged: bool = False


class TsDemuxer:
    """RTP payloads of one transport stream in, in order; pictures and sound out.

    Nothing a device sends raises; `tolerated` counts by name what was put up with.
    """

    def __init__(self) -> None:
        self.tolerated: dict[str, int] = {}
        self._tail = b""
        self._timestamp = 0
        self._map_pid: int | None = None
        self._map = b""
        self._sections: dict[int, SectionReader] = {_ASSOCIATION_PID: SectionReader()}
        self._streams: dict[int, _Stream] = {}
        self._announced: list[tuple[int, Codec | None]] = []
        self._is_scrambled = False
        self._codec_is_proven = False
        self._splitter: PictureSplitter | None = None
        self._sound_rest = b""
        self._was_lost = False
        self._is_marked = False
        self._marker_is_right = False
        self._marker_is_wrong = False
        self._out: list[Frame] = []

    @property
    def unsupported(self) -> tuple[str, ...]:
        """What the map announces and nobody here understands, by name."""
        found = [NAMES[kind] for kind, codec in self._announced if codec is None and kind in NAMES]
        if self._is_scrambled:
            found.append(ENCRYPTED)
        return tuple(found)

    def feed(
        self, payload: bytes, timestamp: int, marker: bool, received_s: float
    ) -> Sequence[Frame]:
        """The frames that are complete with this payload."""
        self._out = []
        self._timestamp = timestamp
        data = self._tail + payload if self._tail else payload
        at = 0
        size = len(data)
        while at + PACKET <= size:
            if data[at] == SYNC:
                self._packet(data[at : at + PACKET], received_s)
                at += PACKET
            else:
                self._tolerate("lost-place")
                at = _next_sync(data, at)
        self._tail = data[at:]
        if marker:
            self._end_at_marker()
        return self._out

    def lose(self) -> Sequence[Frame]:
        """RTP packets are missing: what is under way is damaged."""
        self._tail = b""
        self._is_marked = False
        self._was_lost = True
        for stream in self._streams.values():
            stream.is_damaged = stream.is_damaged or stream.is_open
        return ()

    def flush(self) -> Sequence[Frame]:
        """The last picture: nothing more will come."""
        self._out = []
        for stream in self._streams.values():
            if stream.left > 0:
                stream.is_damaged = True
            self._end(stream)
        if self._splitter is not None:
            for stream in self._streams.values():
                if stream.is_video:
                    self._emit_split(stream, self._splitter.flush())
        return self._out

    def _packet(self, packet: bytes, received_s: float) -> None:
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        flags = packet[3]
        if pid == _NULL_PID or not flags & 0x10:
            return
        start = 4
        is_set_anew = False
        if flags & 0x20:
            start = 5 + packet[4]
            is_set_anew = bool(packet[4] and packet[5] & 0x80)
        if packet[1] & 0x80 or start >= PACKET:
            self._tolerate("transport-error" if packet[1] & 0x80 else "bad-adaptation-field")
            stream = self._streams.get(pid)
            if stream is not None:
                stream.is_damaged = stream.is_open
            return
        if flags & 0xC0:
            self._is_scrambled = True
            return
        payload = packet[start:]
        is_start = bool(packet[1] & 0x40)
        reader = self._sections.get(pid)
        if reader is not None:
            section = reader.feed(payload, is_start=is_start)
            if section is not None:
                self._read_section(pid, section)
            return
        stream = self._streams.get(pid) or self._learn(pid, payload, is_start=is_start)
        if stream is not None and self._follows(stream, flags & 0x0F, payload, is_set_anew):
            self._elementary(stream, payload, is_start, received_s)

    def _follows(self, stream: _Stream, counter: int, payload: bytes, is_set_anew: bool) -> bool:
        """Keeps count of what is missing. False for a packet that was sent twice."""
        before, stream.continuity = stream.continuity, counter
        last, stream.last = stream.last, payload
        if before is None or not stream.counts or is_set_anew:
            return True
        if counter == before:
            if payload == last:
                self._tolerate("packet-sent-twice")
                return False
            # A muxer that never counts; what is lost is told by RTP alone.
            self._tolerate("continuity-stands")
            stream.counts = False
        elif counter != (before + 1) & 0x0F:
            if not self._was_lost:
                self._tolerate("continuity-broken")
            stream.is_damaged = stream.is_open
        self._was_lost = False
        return True

    def _read_section(self, pid: int, section: bytes) -> None:
        """Checksums are not believed: what reads as a table is one."""
        try:
            if pid == _ASSOCIATION_PID:
                found = program_map_pid(section)
                if found is not None and found != self._map_pid:
                    self._sections.pop(-1 if self._map_pid is None else self._map_pid, None)
                    self._map_pid, self._map = found, b""
                    self._sections[found] = SectionReader()
                    self._streams.pop(found, None)
            elif section != self._map:
                self._read_map(streams_of(section))
                self._map = section
        except ProtocolError as error:
            self._tolerate(error.reason)

    def _read_map(self, found: list[tuple[int, int, Codec | None]]) -> None:
        self._announced = [(stream_type, codec) for _, stream_type, codec in found]
        kept: dict[int, _Stream] = {}
        for is_picture in (True, False):
            for pid, stream_type, codec in found:
                if codec is None or codec.is_video is not is_picture or pid in self._sections:
                    continue
                stream = self._streams.get(pid)
                if stream is None or stream.stream_type not in {None, stream_type}:
                    stream = _Stream(pid, is_picture, codec=codec)
                    if is_picture:
                        self._codec_is_proven = False
                        self._splitter = None
                stream.stream_type = stream_type
                stream.codec = stream.codec or codec
                kept[pid] = stream
                break
        for pid, stream in self._streams.items():
            if pid not in kept:
                self._end(stream)
        self._streams = kept

    def _learn(self, pid: int, payload: bytes, *, is_start: bool) -> _Stream | None:
        """Without a map, or beside one that names nothing of use, what begins like one is one."""
        if not is_start or not payload.startswith(_START) or len(payload) < 4:
            return None
        is_picture = is_video(payload[3])
        known = [stream.is_video for stream in self._streams.values()]
        if not (is_picture or is_audio(payload[3])) or is_picture in known:
            return None
        if (self._map and not is_picture) or len(known) >= STREAM_LIMIT:
            return None
        self._tolerate("stream-without-map")
        stream = self._streams[pid] = _Stream(pid, is_picture)
        return stream

    def _elementary(
        self, stream: _Stream, payload: bytes, is_start: bool, received_s: float
    ) -> None:
        if is_start:
            if stream.left > 0:
                stream.is_damaged = True
            stream.head = b""
        if stream.head is not None:
            payload = self._read_header(stream, stream.head + payload)
        elif stream.is_video and self._is_marked:
            self._is_marked = False
            self._marker_is_wrong = True
        if not stream.is_open or stream.head is not None:
            return
        if stream.left != UNBOUNDED:
            payload = payload[: stream.left]
            stream.left -= len(payload)
        stream.parts.append(payload)
        stream.size += len(payload)
        stream.received_s = received_s
        if stream.size > PICTURE_LIMIT_BYTES:
            self._tolerate("picture-too-large")
            stream.parts.clear()
            stream.is_open = False
        elif not stream.left and (not stream.is_video or stream.size < _CHAINED_BYTES):
            self._end(stream)

    def _read_header(self, stream: _Stream, data: bytes) -> bytes:
        """What follows the header of a PES packet; `stream.head` is kept while it is not whole."""
        stream.head = None
        begins = _START.startswith(data[:3])
        header = pes_header(data, 0) if begins and len(data) >= 4 else None
        if header is None and begins and len(data) <= _HEAD_LIMIT_BYTES:
            stream.head = data
            return b""
        if header is None or header.length < 0:
            self._tolerate("bad-pes-header")
            self._end(stream)
            return b""
        payload = data[header.length :]
        self._begin(stream, header, payload)
        return payload

    def _begin(self, stream: _Stream, header: PesHeader, payload: bytes) -> None:
        """A PES packet begins: of a new picture, unless it goes on with the one under way."""
        if header.is_scrambled:
            self._is_scrambled = True
        begins_nal = payload[:3] in _NAL_STARTS
        if stream.is_video and self._is_marked:
            self._is_marked = False
            self._marker_is_right = self._marker_is_right or stream.is_open
        goes_on = (
            stream.is_video
            and stream.is_open
            and self._splitter is None
            and (header.pts is None or header.pts == stream.pts)
            and not (begins_nal and _opens_picture(stream.codec, payload))
        )
        if goes_on:
            stream.left = header.payload
            return
        self._end(stream)
        if stream.is_video and not begins_nal and stream.codec is not None and payload:
            self._find_pictures(stream)
        stream.is_open = True
        stream.left = header.payload
        stream.size = 0
        stream.pts = header.pts
        stream.timestamp = self._timestamp

    def _find_pictures(self, stream: _Stream) -> None:
        """The muxer cuts anywhere: pictures have to be found by their slices."""
        if self._splitter is None and stream.codec is not None:
            self._tolerate("pictures-not-aligned")
            self._splitter = PictureSplitter(stream.codec)

    def _end(self, stream: _Stream) -> None:
        """The PES packet under way, or the picture of several, is whole."""
        is_open, stream.is_open = stream.is_open, False
        data = b"".join(stream.parts)
        stream.parts.clear()
        stream.left = 0
        is_damaged, stream.is_damaged = stream.is_damaged, False
        if not is_open or not data:
            return
        if not stream.is_video:
            self._end_sound(stream, data)
            return
        codec = self._prove_codec(stream, data)
        if self._splitter is not None:
            if is_damaged:
                self._splitter.reset()
            self._emit_split(stream, self._splitter.feed(data, stream.pts))
        elif codec is not None:
            self._out.append(
                Frame(codec, stream.pts, stream.timestamp, data, stream.received_s, is_damaged)
            )

    def _emit_split(self, stream: _Stream, found: list[tuple[int | None, bytes]]) -> None:
        if self._splitter is not None:
            self._out += [
                Frame(self._splitter.codec, pts, stream.timestamp, data, stream.received_s)
                for pts, data in found
            ]

    def _end_sound(self, stream: _Stream, data: bytes) -> None:
        if stream.codec is None:
            stream.codec = guess_sound(data)
        if stream.codec is None:
            return
        if stream.codec is Codec.AAC:
            try:
                data, self._sound_rest = aac.whole_frames(self._sound_rest + data)
            except ProtocolError:
                self._sound_rest = b""
                self._tolerate("bad-adts")
                return
        if data:
            self._out.append(
                Frame(stream.codec, stream.pts, stream.timestamp, data, stream.received_s)
            )

    def _prove_codec(self, stream: _Stream, data: bytes) -> Codec | None:
        """The parameter sets decide, for maps are missing or wrong."""
        if not self._codec_is_proven:
            guess = annexb.guess_codec(data)
            if guess is not None:
                if stream.codec is not None and guess is not stream.codec:
                    self._tolerate("codec-not-as-mapped")
                stream.codec = guess
                self._codec_is_proven = True
        return stream.codec

    def _end_at_marker(self) -> None:
        """A marker that proved right ends the picture sooner than the next one would."""
        self._is_marked = True
        if self._marker_is_wrong or not self._marker_is_right or self._splitter is not None:
            return
        for stream in self._streams.values():
            if stream.is_video and stream.is_open and stream.left == UNBOUNDED:
                self._end(stream)

    def _tolerate(self, name: str) -> None:
        self.tolerated[name] = self.tolerated.get(name, 0) + 1


def _opens_picture(codec: Codec | None, data: bytes) -> bool:
    """Not so when the first NAL unit is a slice, and not the first of its picture."""
    at = data.find(_START) + 3
    if codec is None or at + 2 >= len(data):
        return True
    kind = data[at] & 0x1F if codec is Codec.H264 else data[at] >> 1 & 0x3F
    is_slice = 1 <= kind <= h264.IDR_SLICE if codec is Codec.H264 else kind < h265.VPS
    return not is_slice or annexb.starts_picture(codec, data, at)


def _next_sync(data: bytes, at: int) -> int:
    """The next place where a packet may begin: a sync byte, and one where the next would be."""
    at = data.find(_SYNC_BYTE, at + 1)
    while at >= 0:
        if at + PACKET >= len(data) or data[at + PACKET] == SYNC:
            return at
        at = data.find(_SYNC_BYTE, at + 1)
    return len(data)
