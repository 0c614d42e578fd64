"""Runs inside the bare system of check_fresh.py: `make demo` until it answers, or `make test`.

python3 scripts/inside_fresh.py demo|test
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

FIRST_ANSWER_LIMIT_S = 300.0
ENDING_LIMIT_S = 30.0
LOG = Path("demo.log")


def demo() -> int:
    """Start the demonstration, wait for its answer, press Ctrl-C, and look what is left."""
    began = time.monotonic()
    with LOG.open("w") as log:
        # A session of its own: the signal will reach its processes and no others, as Ctrl-C does.
        started = subprocess.Popen(["make", "demo"], stdout=log, stderr=log, start_new_session=True)
    try:
        address = first_answer(started, began + FIRST_ANSWER_LIMIT_S)
    finally:
        print(LOG.read_text(), end="")
    if address is None:
        print("the demonstration does not answer")
        return 1
    print(f"the demonstration answers at {address} after {time.monotonic() - began:.0f} s")
    # What a terminal does at Ctrl-C: SIGINT to the whole foreground group.
    os.killpg(started.pid, signal.SIGINT)
    started.wait(ENDING_LIMIT_S)
    left = survivors(time.monotonic() + ENDING_LIMIT_S)
    print(f"left behind after Ctrl-C: {left}" if left else "Ctrl-C ended all of it")
    return 1 if left else 0


def first_answer(started: subprocess.Popen[bytes], until: float) -> str | None:
    """The address that the demonstration printed, once /healthz answers there."""
    while started.poll() is None and time.monotonic() < until:
        printed = re.search(r"https?://127\.0\.0\.1:\d+", LOG.read_text())
        if printed is not None and is_healthy(printed[0]):
            return printed[0]
        time.sleep(0.2)
    return None


def is_healthy(address: str) -> bool:
    """Whether /healthz answers 200."""
    try:
        # the address was printed by the demonstration, with one of two schemes
        with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def survivors(until: float) -> list[str]:
    """The command lines of ours that still run when the time is up."""
    while (left := ours()) and time.monotonic() < until:
        time.sleep(0.2)
    return left


def ours() -> list[str]:
    """Running processes of this clone, this script's own left out."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(Path.cwd()) in line and "inside_fresh" not in line:
            found.append(line)
    return found


if __name__ == "__main__":
    sys.exit(demo() if sys.argv[1] == "demo" else subprocess.call(["make", sys.argv[1]]))
