"""RTSP as a child of a benchmark: an `RtspOutput` with one stream, as in a worker."""

import secrets
import time

from benchmarks.output_process import HOST, VIEWERS, Site, ignore, serve
from benchmarks.support import run_child
from media.rtsp.server import RtspOutput


def opened(site: Site) -> RtspOutput:
    """On any port."""
    return RtspOutput(
        host=HOST,
        port=0,
        tls=None,
        streams=site,
        admit=site.admit,
        now=time.monotonic,
        token=lambda: secrets.token_hex(16),
        on_event=ignore,
        viewer_limit=VIEWERS,
    )


if __name__ == "__main__":
    run_child(serve(opened, lambda viewer: viewer.packets_sent))
