"""`python -m media.transcoding`: a transcoding process; its parent is `media.transcoding.pool`."""

import contextlib
import os

import av.logging

from media.transcoding.child import confine, run

PIPE_BYTES = 1 << 16


def main() -> None:
    """Serve the pipes."""
    confine()
    av.logging.set_level(None)
    # Whatever a library prints shall not stand among the messages.
    output = os.fdopen(os.dup(1), "wb", PIPE_BYTES)
    os.dup2(2, 1)
    source = os.fdopen(0, "rb", PIPE_BYTES)
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        run(source, output)


if __name__ == "__main__":
    main()
