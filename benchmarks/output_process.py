"""One stream and an output for it, as in a worker, in a child of a benchmark.

Pictures are published at their pace out of a film that was encoded once: no ingest is measured.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Protocol

from benchmarks.cameras import GROUP, PICTURES_PER_S, coded_pictures
from benchmarks.support import Answer, obey
from media.codecs import annexb
from media.door import Admission, Form, MediaEvent, StreamId, ViewerFigures, ViewerId
from media.hub import Hub
from media.unit import PTS_HZ, AccessUnit, AudioFormat, Codec
from media.variants import Variants

HOST = "127.0.0.1"
STREAM = StreamId("stream")
VIEWERS = 1_000


class Output(Protocol):
    """What is measured."""

    @property
    def port(self) -> int:
        """The port bound."""
        ...

    async def start(self) -> None:
        """Bind the port."""
        ...

    async def stop(self) -> None:
        """End every viewer."""
        ...

    def figures(self, stream_id: StreamId) -> tuple[ViewerFigures, ...]:
        """The stream's viewers as they stand."""
        ...


class Site:
    """The one stream, and everybody is let in."""

    def __init__(self) -> None:
        self.hub = Hub(time.monotonic)
        # Sound of the kind that is asked for, so that nothing is made; none ever comes.
        self.hub.audio = AudioFormat(Codec.AAC, 16_000, 1)
        self._variants = Variants(self.hub)
        self._numbers = count(1)

    def variants(self, stream_id: StreamId) -> Variants:
        """The stream."""
        _ = stream_id
        return self._variants

    async def admit(self, _token: str, _form: Form) -> Admission:
        """Come in."""
        return Admission(STREAM, ViewerId(f"viewer-{next(self._numbers)}"))


def ignore(_: MediaEvent) -> None:
    """Nobody plays a trace here."""


async def play(hub: Hub, group: list[bytes]) -> None:
    """The film again and again, until cancelled."""
    hub.video = annexb.video_format(Codec.H264, group[0])
    began_s = time.monotonic()
    for number in count():
        await asyncio.sleep(max(0.0, began_s + number / PICTURES_PER_S - time.monotonic()))
        place = number % GROUP
        pts = number * PTS_HZ // PICTURES_PER_S
        hub.publish(AccessUnit(Codec.H264, pts, group[place], place == 0, time.monotonic()))


async def serve(opened: Callable[[Site], Output], sent: Callable[[ViewerFigures], int]) -> None:
    """Run until told to end; `sent`: what of a viewer's figures its other end counts as well."""
    site = Site()
    output = opened(site)
    group = coded_pictures()
    await output.start()
    playing = asyncio.create_task(play(site.hub, group))

    async def figures(_: Answer) -> Mapping[str, object]:
        viewers = output.figures(STREAM)
        return {
            "sent": [sent(viewer) for viewer in viewers],
            "dropped": [viewer.pictures_dropped for viewer in viewers],
        }

    async def stop(_: Answer) -> Mapping[str, object]:
        playing.cancel()
        return {}

    try:
        size = sum(map(len, group))
        kbit_per_s = size * 8 * PICTURES_PER_S // GROUP // 1_000
        greeting = {"port": output.port, "kbit_per_s": kbit_per_s}
        await obey(greeting, {"figures": figures, "stop": stop})
    finally:
        playing.cancel()
        await output.stop()
