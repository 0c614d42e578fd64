"""What the documents point to exists: linked files, targets of make, listed decisions."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tools import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
MAKE = re.compile(r"(?:`|^)make ([a-z-]+)", re.MULTILINE)
TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)


def mentions(pattern: re.Pattern[str], document: Path) -> Iterator[str]:
    """What the pattern's group finds in a document."""
    return (match[1] for match in pattern.finditer(document.read_text()))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    links = mentions(LINK, document)

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_command_is_a_target(document: Path) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))

    assert set(mentions(MAKE, document)) - targets == set()


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(mentions(LINK, folder / "README.md"))

    assert {path.name for path in folder.glob("0*.md")} == listed


def test_the_licence_is_whole_and_the_notice_names_the_copyleft_parts() -> None:
    licence = (ROOT / "LICENSE").read_text()
    notice = (ROOT / "NOTICE").read_text()

    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert all(name in notice for name in ("PyAV", "x264", "x265", "GPL-2.0-or-later"))
