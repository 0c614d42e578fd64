"""Fragmented MP4 (ISO/IEC 14496-12): an initialisation segment, then a fragment per picture.

Track 1 is the pictures, at 90 kHz; track 2 the sound, at its sample rate.
"""

import json
import struct
from collections.abc import Sequence

from media.outputs.configs import AudioConfig, Config, VideoConfig
from media.outputs.pacing import Pacer
from media.outputs.packer import Message
from media.outputs.samples import Sample
from media.unit import PTS_HZ, Codec

CONTENT_TYPE = "video/mp4"

VIDEO_TRACK, AUDIO_TRACK = 1, 2

_SYNC_FLAGS = 0x02000000
_OTHER_FLAGS = 0x01010000
"""Depends on others, is not a sync sample (8.8.3.1)."""

_DEFAULT_BASE_IS_MOOF = 0x020000
_RUN_FLAGS = 0x000F01
"""Data offset; of each sample its duration, size, flags and offset of composition."""

_RUN_VERSION = 1
"""With it the offsets have a sign."""

_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_run = struct.Struct(">IIIi")


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box (4.2): its size, its type, what it holds."""
    body = b"".join(parts)
    return (len(body) + 8).to_bytes(4) + kind + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags (4.2)."""
    return box(kind, bytes((version,)) + flags.to_bytes(3), *parts)


def mime_of(config: Config) -> str:
    """What `MediaSource.isTypeSupported` is asked (RFC 6381)."""
    return f'{CONTENT_TYPE}; codecs="{codecs_of(config)}"'


def codecs_of(config: Config) -> str:
    """The names of the codecs."""
    names = [config.video.name, *([config.audio.name] if config.audio else [])]
    return ",".join(names)


def initialisation(config: Config) -> bytes:
    """ftyp and moov: the tracks, without any samples."""
    video, audio = config.video, config.audio
    tracks = [_video_track(video)]
    extends = [_track_extends(VIDEO_TRACK)]
    if audio is not None:
        tracks.append(_audio_track(audio))
        extends.append(_track_extends(AUDIO_TRACK))
    movie = full_box(
        b"mvhd",
        0,
        0,
        struct.pack(">IIII", 0, 0, 1_000, 0),
        struct.pack(">IH", 0x10000, 0x100) + bytes(10),
        _MATRIX,
        bytes(24),
        struct.pack(">I", AUDIO_TRACK + 1),
    )
    return box(b"ftyp", b"iso6", bytes(4), b"iso6", b"cmfc", b"mp41") + box(
        b"moov", movie, *tracks, box(b"mvex", *extends)
    )


def fragment(number: int, video: Sequence[Sample], audio: Sequence[Sample]) -> bytes:
    """moof and mdat; the samples of each track follow each other without a gap (8.8)."""
    runs = [(VIDEO_TRACK, video)] if video else []
    if audio:
        runs.append((AUDIO_TRACK, audio))
    # A movie fragment header, then for each track 64 bytes and 16 for each sample.
    size = 8 + 16 + sum(64 + 16 * len(samples) for _, samples in runs)
    offset = size + 8
    parts: list[bytes] = []
    data: list[bytes] = []
    for track, samples in runs:
        parts.append(_track_fragment(track, samples, offset))
        data += [sample.data for sample in samples]
        offset += sum(len(sample.data) for sample in samples)
    head = full_box(b"mfhd", 0, 0, (number & 0xFFFFFFFF).to_bytes(4))
    return b"".join(
        (
            box(b"moof", head, *parts),
            (offset - size).to_bytes(4),
            b"mdat",
            *data,
        )
    )


class Fmp4Packer:
    """A `Packer`: a fragment per picture, so that nothing waits for the next one.

    Before an initialisation segment a viewer by WebSocket is told what it needs for it, as JSON.
    """

    def __init__(self) -> None:
        self._head: list[Message] = []
        self._number = 0
        self._pacer = Pacer()

    def configure(self, config: Config) -> None:
        """Another initialisation segment."""
        told = {"codecs": codecs_of(config), "mime": mime_of(config)}
        self._head = [json.dumps(told), initialisation(config)]

    @property
    def head(self) -> Sequence[Message]:
        """What it is, and the initialisation segment."""
        return self._head

    @property
    def change(self) -> Sequence[Message]:
        """The same: decoders are set up anew."""
        return self._head

    def follow(self, picture: Sample) -> Sample:
        """Dated for browsers."""
        return self._pacer.place(picture)

    def pack(self, samples: Sequence[Sample]) -> bytes:
        """One fragment."""
        self._number += 1
        is_video = samples[0].is_video
        return fragment(self._number, samples if is_video else (), () if is_video else samples)


def _track_fragment(track: int, samples: Sequence[Sample], offset: int) -> bytes:
    rows = b"".join(
        _run.pack(
            sample.duration,
            len(sample.data),
            _SYNC_FLAGS if sample.starts else _OTHER_FLAGS,
            sample.offset,
        )
        for sample in samples
    )
    return box(
        b"traf",
        full_box(b"tfhd", 0, _DEFAULT_BASE_IS_MOOF, track.to_bytes(4)),
        full_box(b"tfdt", 1, 0, samples[0].time.to_bytes(8)),
        full_box(b"trun", _RUN_VERSION, _RUN_FLAGS, struct.pack(">II", len(samples), offset), rows),
    )


def _track_extends(track: int) -> bytes:
    return full_box(b"trex", 0, 0, struct.pack(">IIIII", track, 1, 0, 0, 0))


def _track(
    track: int,
    scale: int,
    size: tuple[int, int],
    handler: bytes,
    media_header: bytes,
    entry: bytes,
) -> bytes:
    """One track; `size` is in pixels, `entry` its sample description."""
    is_sound = track == AUDIO_TRACK
    header = full_box(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIII", 0, 0, track, 0, 0),
        bytes(8),
        struct.pack(">HHHH", 0, 0, 0x100 if is_sound else 0, 0),
        _MATRIX,
        struct.pack(">II", size[0] << 16, size[1] << 16),
    )
    undetermined = 0x55C4
    tables = (
        full_box(b"stsd", 0, 0, (1).to_bytes(4), entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    itself = full_box(b"dref", 0, 0, (1).to_bytes(4), full_box(b"url ", 0, 1))
    return box(
        b"trak",
        header,
        box(
            b"mdia",
            full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, scale, 0, undetermined, 0)),
            full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(12), b"\x00"),
            box(b"minf", media_header, box(b"dinf", itself), box(b"stbl", *tables)),
        ),
    )


def _video_track(config: VideoConfig) -> bytes:
    entry_kind, record_kind = (
        (b"hvc1", b"hvcC") if config.codec is Codec.H265 else (b"avc1", b"avcC")
    )
    entry = box(
        entry_kind,
        bytes(6) + (1).to_bytes(2) + bytes(16),
        struct.pack(">HH", config.width, config.height),
        struct.pack(">IIIH", 0x480000, 0x480000, 0, 1),
        bytes(32),
        struct.pack(">Hh", 24, -1),
        box(record_kind, config.record),
    )
    return _track(
        VIDEO_TRACK,
        PTS_HZ,
        (config.width, config.height),
        b"vide",
        full_box(b"vmhd", 0, 1, bytes(8)),
        entry,
    )


def _audio_track(config: AudioConfig) -> bytes:
    entry = box(
        b"mp4a",
        bytes(6) + (1).to_bytes(2) + bytes(8),
        struct.pack(">HHHHI", config.channels, 16, 0, 0, config.sample_rate_hz << 16 & 0xFFFFFFFF),
        full_box(b"esds", 0, 0, _descriptors(config.record)),
    )
    return _track(
        AUDIO_TRACK,
        config.sample_rate_hz,
        (0, 0),
        b"soun",
        full_box(b"smhd", 0, 0, bytes(4)),
        entry,
    )


def _descriptors(record: bytes) -> bytes:
    """ES_Descriptor of AAC (ISO/IEC 14496-1, 7.2.6.5): no bit rates are claimed."""
    specific = bytes((0x05, len(record))) + record
    decoder = bytes((0x40, 0x15)) + bytes(11) + specific
    body = bytes(3) + bytes((0x04, len(decoder))) + decoder + b"\x06\x01\x02"
    return bytes((0x03, len(body))) + body
