"""RTSP as a child of a benchmark: an `RtspOutput` with one stream, as in a worker."""

import asyncio
import secrets
import time
from collections.abc import Mapping

from benchmarks.cameras import GROUP, PICTURES_PER_S, coded_pictures
from benchmarks.http_process import HOST, STREAM, VIEWERS, Site, play
from benchmarks.support import Answer, obey, run_child
from media.door import MediaEvent
from media.rtsp.server import RtspOutput


def _ignore(_: MediaEvent) -> None:
    """Nobody plays a trace here."""


async def serve() -> None:
    """Run until told to end."""
    site = Site()
    output = RtspOutput(
        host=HOST,
        port=0,
        tls=None,
        streams=site,
        admit=site.admit,
        now=time.monotonic,
        token=lambda: secrets.token_hex(16),
        on_event=_ignore,
        viewer_limit=VIEWERS,
    )
    group = coded_pictures()
    await output.start()
    playing = asyncio.create_task(play(site.hub, group))

    async def figures(_: Answer) -> Mapping[str, object]:
        viewers = output.figures(STREAM)
        return {
            "packets": [viewer.packets_sent for viewer in viewers],
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


if __name__ == "__main__":
    run_child(serve())
