"""Every name of ours that docs/architecture.md and docs/flows/ mention can be imported.

A name is what stands between backticks and reads like one: a dotted path that begins with one of
our packages (`sip.agent.Agent.receive`), or a class with or without an attribute
(`Inventory.keepalive(...)`), which has to be found in one of our modules.
"""

import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.repository import PACKAGES
from tests.support.tools import ROOT

DOCUMENTS = [
    ROOT / "docs" / "architecture.md",
    *(path for path in sorted((ROOT / "docs" / "flows").glob("*.md")) if path.stem != "README"),
]
FOREIGN = {"RTCPeerConnection", "RTCDtlsTransport", "RTCRtpSender", "FastAPI", "PyAV", "SQLAlchemy"}
"""Names of other people's that the documents mention."""

MENTION = re.compile(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`")
CLASS = re.compile(r"[A-Z][a-z0-9]+[A-Za-z0-9]*[a-z0-9][A-Za-z0-9]*")
FILE = re.compile(r".*\.(?:md|py|toml|json|yaml|xml|txt|lock|db|sh)")


def mentioned(document: Path) -> Iterator[str]:
    """The names between backticks, outside of code blocks too, without their arguments."""
    text = re.sub(r"```(?:toml|sh|json)\n.*?```", "", document.read_text(), flags=re.DOTALL)
    for block in re.findall(r"```flow\n(.*?)```", text, flags=re.DOTALL):
        yield from re.findall(r"[\w.]+", re.sub(r"->|~>", " ", block))
    for match in MENTION.finditer(text):
        name = match[1]
        head = name.partition(".")[0]
        is_path = head in PACKAGES and "." in name and not FILE.fullmatch(name)
        if is_path or (CLASS.fullmatch(head) and head not in FOREIGN):
            yield name


@cache
def classes() -> Mapping[str, Sequence[object]]:
    """Every class and type alias of ours, by its name; several modules may share one."""
    found: defaultdict[str, list[object]] = defaultdict(list)
    for package in map(importlib.import_module, PACKAGES):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith("__main__") or ".migrations." in info.name:
                continue
            for name, value in vars(importlib.import_module(info.name)).items():
                if CLASS.fullmatch(name):
                    found[name].append(value)
    return found


def resolves(name: str) -> bool:
    """Whether a dotted path leads to a module, or from a module or class to an attribute."""
    head, *rest = name.split(".")
    if head not in PACKAGES:
        return any(has_path(found, rest) for found in classes().get(head, []))
    owner: object = importlib.import_module(head)
    path = head
    while rest:
        path = f"{path}.{rest[0]}"
        try:
            owner = importlib.import_module(path)
        except ModuleNotFoundError:
            break
        rest.pop(0)
    return has_path(owner, rest)


def has_path(owner: object, attributes: Sequence[str]) -> bool:
    """Follow attributes; a field without a default counts by its annotation."""
    for index, attribute in enumerate(attributes):
        if not hasattr(owner, attribute):
            is_last = index == len(attributes) - 1
            return is_last and inspect.isclass(owner) and attribute in annotations(owner)
        owner = getattr(owner, attribute)
    return True


def annotations(owner: type) -> set[str]:
    """The annotated attributes of a class and of its bases."""
    return {name for base in owner.__mro__ for name in inspect.get_annotations(base)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_name_a_document_mentions_exists(document: Path) -> None:
    names = list(mentioned(document))

    assert names != []
    assert [name for name in names if not resolves(name)] == []
