"""FLV: H.264 and AAC by Adobe's specification, version 10.1, H.265 by enhanced RTMP (`hvc1`)."""

from collections.abc import Sequence

from media.outputs.configs import Config
from media.outputs.packer import Message
from media.outputs.samples import MILLISECOND_TICKS, Sample
from media.unit import Codec

CONTENT_TYPE = "video/x-flv"

_AUDIO, _VIDEO = 8, 9
_TAG_HEADER_BYTES = 11

_KEY_FRAME, _INTER_FRAME = 0x10, 0x20
_AVC = 7
_EXTENDED = 0x80
_HVC1 = b"hvc1"
_AAC = 0xAF
"""Sound format 10; rate, size and channels are always so for AAC, whatever it is (E.4.2.1)."""

_SEQUENCE_HEADER, _CODED = 0, 1
_CODED_WITHOUT_OFFSET = 3
"""Of enhanced RTMP only: a picture that is shown when it is decoded."""


class FlvPacker:
    """A `Packer`: a tag for each sample; sequence headers first, and where things change."""

    def __init__(self) -> None:
        self._is_h265 = False
        self._audio_rate_hz = 0
        self._headers = b""
        self._flags = 0

    def configure(self, config: Config) -> None:
        """Sequence headers for all that follows."""
        video, audio = config.video, config.audio
        self._is_h265 = video.codec is Codec.H265
        self._flags = 1 if audio is None else 5
        if self._is_h265:
            head = bytes((_EXTENDED | _KEY_FRAME | _SEQUENCE_HEADER,)) + _HVC1
        else:
            head = bytes((_KEY_FRAME | _AVC, _SEQUENCE_HEADER, 0, 0, 0))
        self._headers = tag(_VIDEO, 0, head + video.record)
        if audio is not None:
            self._audio_rate_hz = audio.sample_rate_hz
            self._headers += tag(_AUDIO, 0, bytes((_AAC, _SEQUENCE_HEADER)) + audio.record)

    @property
    def head(self) -> Sequence[Message]:
        """The header of the file (E.2), a size of no tag before, the sequence headers."""
        return [
            b"FLV\x01" + bytes((self._flags,)) + b"\x00\x00\x00\x09" + bytes(4),
            self._headers,
        ]

    @property
    def change(self) -> Sequence[Message]:
        """The sequence headers again."""
        return [self._headers]

    def follow(self, picture: Sample) -> Sample:
        """As it is: a tag has no duration, players wait for the next one."""
        return picture

    def pack(self, samples: Sequence[Sample]) -> bytes:
        """A tag each."""
        return b"".join(map(self._tag, samples))

    def _tag(self, sample: Sample) -> bytes:
        if not sample.is_video:
            milliseconds = sample.time * 1_000 // self._audio_rate_hz
            return tag(_AUDIO, milliseconds, bytes((_AAC, _CODED)) + sample.data)
        kind = _KEY_FRAME if sample.starts else _INTER_FRAME
        shown = (sample.time + sample.offset) // MILLISECOND_TICKS
        milliseconds = sample.time // MILLISECOND_TICKS
        later = ((shown - milliseconds) & 0xFFFFFF).to_bytes(3)
        if not self._is_h265:
            head = bytes((kind | _AVC, _CODED)) + later
        elif shown == milliseconds:
            head = bytes((_EXTENDED | kind | _CODED_WITHOUT_OFFSET,)) + _HVC1
        else:
            head = bytes((_EXTENDED | kind | _CODED,)) + _HVC1 + later
        return tag(_VIDEO, milliseconds, head + sample.data)


def tag(kind: int, milliseconds: int, body: bytes) -> bytes:
    """One tag and its size (E.3, E.4.1); the time wraps after 49 days."""
    size = len(body)
    return b"".join(
        (
            bytes((kind,)),
            size.to_bytes(3),
            (milliseconds & 0xFFFFFF).to_bytes(3),
            bytes((milliseconds >> 24 & 0xFF, 0, 0, 0)),
            body,
            (size + _TAG_HEADER_BYTES).to_bytes(4),
        )
    )
