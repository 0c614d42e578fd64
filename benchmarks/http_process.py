"""Media by HTTP as a child of a benchmark: an `HttpOutput` with one stream, as in a worker."""

import time

from benchmarks.output_process import HOST, VIEWERS, Site, ignore, serve
from benchmarks.support import run_child
from media.http.server import HttpOutput


def opened(site: Site) -> HttpOutput:
    """On any port."""
    return HttpOutput(
        host=HOST,
        port=0,
        tls=None,
        streams=site,
        admit=site.admit,
        now=time.monotonic,
        on_event=ignore,
        viewer_limit=VIEWERS,
    )


if __name__ == "__main__":
    run_child(serve(opened, lambda viewer: viewer.bytes_sent))
