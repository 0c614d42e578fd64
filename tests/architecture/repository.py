"""What the architecture tests look at: the files of this repository."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.tools import ROOT

PACKAGES = ("vms", "sip", "media", "api", "config")
_NOT_OURS = {".git", ".venv", "build", "dist", "var", "node_modules", "_web", ".hypothesis"}


def tracked_files() -> list[Path]:
    """The files that git tracks; without git or its folder, those that are not generated."""
    git = shutil.which("git")
    if git is not None and (ROOT / ".git").exists():
        # The clone may belong to another user than the one who runs the tests.
        command = [git, "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
        listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
        return [path for path in paths if path.is_file()]
    return list(_walk(ROOT))


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _NOT_OURS or path.name.endswith(("_cache", "__pycache__")):
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path
