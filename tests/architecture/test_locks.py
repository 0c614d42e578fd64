"""Locks: every version pinned and hashed, no address, each lock containing the one before."""

import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.architecture.repository import tracked_files
from tests.support.tools import ROOT

PYTHON_LOCKS = ("runtime", "build", "dev", "fuzz")
NPM_LOCKS = [path for path in tracked_files() if path.name == "package-lock.json"]
ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)(?:\[[a-z,]+\])?==(?P<version>\S+)[^\n]*\n", re.MULTILINE)


def entries(lock: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each package in a lock."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    starts = list(ENTRY.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {
        match["name"]: (match["version"], text.count("--hash=sha256:", match.end(), end))
        for match, end in zip(starts, ends, strict=True)
    }


@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_every_locked_python_package_has_hashes(lock: str) -> None:
    locked = entries(lock)

    assert len(locked) > 30
    assert [name for name, (_, hashes) in locked.items() if hashes == 0] == []


@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_python_locks_hold_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()

    assert "://" not in text
    assert "--index" not in text


def test_each_lock_contains_the_one_before() -> None:
    locked = [entries(lock).items() for lock in PYTHON_LOCKS]

    assert all(smaller <= larger for smaller, larger in pairwise(locked))


@pytest.mark.parametrize("extra", [None, "build", "dev", "fuzz"])
def test_every_dependency_of_the_project_is_locked(extra: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted: list[str] = (
        project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    )

    names = {re.split(r"[\[<>=~!; ]", requirement)[0].lower() for requirement in wanted}

    assert names - entries(extra or "runtime").keys() == set()


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_npm_locks_have_hashes_and_no_address(lock: Path) -> None:
    packages: dict[str, dict[str, object]] = json.loads(lock.read_text())["packages"]
    locked = {name: entry for name, entry in packages.items() if name and not entry.get("link")}

    assert [name for name, entry in locked.items() if "resolved" in entry] == []
    assert [name for name, entry in locked.items() if "integrity" not in entry] == []


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_npm_is_told_to_leave_addresses_out_of_its_lock(lock: Path) -> None:
    assert "omit-lockfile-registry-resolved=true" in (lock.parent / ".npmrc").read_text()
