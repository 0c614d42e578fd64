"""A film that simulated cameras show instead of the test card: read once, shared, looped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.error import FFmpegError

from media.codecs import annexb
from media.unit import Codec
from vms.errors import InvalidError
from vms.simulator.footage import CodedPicture

MAX_CLIP_BYTES = 256 * 2**20
_CLIP_CODECS = {"h264": Codec.H264, "hevc": Codec.H265}
_TO_ANNEX_B = {Codec.H264: "h264_mp4toannexb", Codec.H265: "hevc_mp4toannexb"}


@dataclass(frozen=True, slots=True)
class Clip:
    """The pictures of a file, read once; begins with a key picture."""

    codec: Codec
    pictures: tuple[CodedPicture, ...]
    pictures_per_s: float

    @classmethod
    def load(cls, path: Path) -> "Clip":
        """Read the first video stream; raises `InvalidError` where cameras could not send it.

        That is: anything but H.264 and H.265, pictures out of order (B pictures), no key picture.
        """
        try:
            with av.open(str(path)) as container:
                return cls._of(path, container)
        except (FFmpegError, OSError) as error:
            raise InvalidError(f"{path} cannot be read: {error}") from error

    @classmethod
    def _of(cls, path: Path, container: InputContainer) -> "Clip":
        stream = next(iter(container.streams.video), None)
        codec = _CLIP_CODECS.get(stream.codec_context.name) if stream else None
        if stream is None or codec is None:
            raise InvalidError(f"{path} holds neither H.264 nor H.265")
        # The filter's types are loose: what comes out are packets.
        to_annex_b = cast("Any", BitStreamFilterContext(_TO_ANNEX_B[codec], stream))
        pictures: list[CodedPicture] = []
        size = 0
        shown_last = -1
        for packet in container.demux(stream):
            for filtered in cast("list[Any]", to_annex_b.filter(packet)):
                shown = int(filtered.pts or shown_last)
                if shown < shown_last:
                    raise InvalidError(f"{path} has B pictures, which cameras do not send")
                shown_last = shown
                picture = CodedPicture(bytes(filtered), is_key=bool(filtered.is_keyframe))
                size += len(picture.data)
                if size > MAX_CLIP_BYTES:
                    raise InvalidError(f"{path} is longer than {MAX_CLIP_BYTES} bytes")
                if picture.data and (pictures or picture.is_key):
                    pictures.append(picture)
        if not pictures:
            raise InvalidError(f"{path} has no key picture")
        return cls(codec, _with_parameter_sets(codec, pictures), float(stream.average_rate or 25))


def _with_parameter_sets(
    codec: Codec, pictures: Sequence[CodedPicture]
) -> tuple[CodedPicture, ...]:
    """Every key picture with parameter sets; files often carry them once."""
    sets = annexb.parameter_sets(codec, pictures[0].data)
    return tuple(
        CodedPicture(sets + picture.data, is_key=True)
        if picture.is_key and not annexb.parameter_sets(codec, picture.data)
        else picture
        for picture in pictures
    )


class ClipPlayer:
    """A clip in an endless loop, for one stream; it shows neither identifier nor clock."""

    takes_time = False

    def __init__(self, clip: Clip) -> None:
        self.codec = clip.codec
        self.pictures_per_s = clip.pictures_per_s
        self._pictures = clip.pictures
        self._next = 0

    def next_picture(self, at: datetime, *, key_wanted: bool) -> CodedPicture:
        """The next picture; where a key picture is wanted, those before it are skipped."""
        del at
        while key_wanted and not self._pictures[self._next].is_key:
            self._next = (self._next + 1) % len(self._pictures)
        picture = self._pictures[self._next]
        self._next = (self._next + 1) % len(self._pictures)
        return picture
