"""No tracked file names a package registry or a folder of somebody's machine, or holds a key."""

import re

import pytest

from tests.architecture.repository import tracked_files
from tests.support.tools import ROOT

FORBIDDEN = {
    "a package registry's host": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmmirror\.com|deb\.debian\.org"
        r"|mirrors?\.[a-z]+\.(?:edu|com|org)\b|/artifactor[y]/",
        re.IGNORECASE,
    ),
    "a folder of somebody's machine": re.compile(r"(?<![\w.~-])/(?:work|root|home)/\w"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what: str) -> None:
    found: list[str] = []
    for path in tracked_files():
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in FORBIDDEN[what].finditer(text)]

    assert found == []


def test_what_is_generated_is_not_tracked() -> None:
    generated = ("node_modules", "_web", "__pycache__", "build", "var", ".venv")

    assert [
        path for path in tracked_files() if set(path.relative_to(ROOT).parts) & set(generated)
    ] == []
