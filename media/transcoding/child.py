"""The child's side: reads units, converts them one after another, writes what was made.

It knows no network and no files, gives way to everything else on the host, may not take more memory
than one picture needs, and ends with the pipe it reads.
"""

import contextlib
import os
import resource
from typing import TYPE_CHECKING, BinaryIO

from media.errors import ProtocolError
from media.transcoding.messages import (
    HEADER_BYTES,
    Flag,
    Kind,
    Message,
    parse_header,
    unit_message,
)
from media.transcoding.pictures import H264Maker
from media.transcoding.sound import SoundMaker

if TYPE_CHECKING:
    from media.transcoding.converter import Converter

NICENESS = 10
"""Below signalling, receiving and sending, which must never wait for a transcode."""

MEMORY_LIMIT_BYTES = 3 * 2**30
"""Address space: libraries take most of it; two pictures of 8192 by 8192 fit."""

OPEN_FILES_LIMIT = 64


def confine() -> None:
    """Take from this process what it does not need."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES_LIMIT),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, limit))


class Workbench:
    """The jobs of this process."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._jobs: dict[int, Converter] = {}

    def obey(self, message: Message) -> None:
        """Deal with one message. What a job raises is told with its `DONE`."""
        match message.kind:
            case Kind.OPEN:
                self._open(message)
            case Kind.CLOSE:
                self._jobs.pop(message.job, None)
            case Kind.UNIT:
                self._convert(message)
            case Kind.DONE | Kind.READY:
                raise ProtocolError("a parent says this to nobody")

    def _open(self, message: Message) -> None:
        # A coding that nobody decodes: its units are told as damaged, one by one.
        with contextlib.suppress(ProtocolError):
            self._jobs[message.job] = (
                H264Maker(message.codec, message.pts)
                if message.codec.is_video
                else SoundMaker(message.codec, message.target)
            )

    def _convert(self, message: Message) -> None:
        flags = Flag.NONE
        try:
            made = self._jobs[message.job].convert(
                message.unit(),
                is_shown=Flag.SHOWN in message.flags,
                wants_key=Flag.WANTS_KEY in message.flags,
            )
        except (ProtocolError, KeyError):
            made, flags = [], Flag.DAMAGED
        for unit in made:
            self._output.write(unit_message(message.job, unit).to_bytes())
        self._output.write(Message(Kind.DONE, message.job, flags=flags).to_bytes())
        self._output.flush()


def run(source: BinaryIO, output: BinaryIO) -> None:
    """Until `source` ends."""
    bench = Workbench(output)
    output.write(Message(Kind.READY, 0).to_bytes())
    output.flush()
    while len(head := source.read(HEADER_BYTES)) == HEADER_BYTES:
        message, length = parse_header(head)
        message.data = source.read(length)
        if len(message.data) < length:
            return
        bench.obey(message)
