"""A MANSCDP body taken apart: XML where it is XML, a ladder of repairs where it is not.

Everything below the root is flattened to what MANSCDP needs: the root's leaves, what stands in its
Info blocks, and its list's Items. A repair is tried only after the strict parser refused; the last
rung keeps every complete leaf element and drops the rest, Item by Item, so that one camera's raw
`<` in an address does not cost the other cameras of a recorder.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from xml.etree import ElementTree as ET

from vms.gb28181.errors import ProtocolError
from vms.gb28181.manscdp.node import (
    LONGEST_TEXT,
    NOT_XML,
    Node,
    check_depth,
    salvage_tree,
    unescaped,
)
from vms.gb28181.manscdp.tags import INFO_BLOCKS, KNOWN_TAGS, LEAF_TAGS, ROOTS
from vms.gb28181.manscdp.text import read_text
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.manscdp.usual import read_usual

MAX_BODY_BYTES = 16 * 2**20
MAX_MARKUP = 1_000_000
"""Tags a body may hold; a catalogue of 10,000 channels has some 500,000."""
LONGEST_TAG = 64

_TAG_OF_LOWER = {tag.lower(): tag for tag in KNOWN_TAGS}

_DECLARATION = re.compile(r"\s*<\?xml[^<>]*\?>")
_REFUSED_MARKUP = re.compile(r"<!(?!--|\[CDATA\[)")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_BARE_ANGLE = re.compile(r"<(?![A-Za-z_/?!])")
_START_TAG = re.compile(r"<[A-Za-z_][^<>]*+>")
_UNQUOTED = re.compile(r"(\s[A-Za-z_]\w*\s*+=\s*+)([^\s\"'<>/=]++)")
_ROOT_TAG = re.compile(r"<(Control|Query|Notify|Response)\b", re.IGNORECASE)
_ITEM_START = re.compile(r"<Item\b[^<>]*+>", re.IGNORECASE)
_ITEM_END = re.compile(r"</Item\b", re.IGNORECASE)
_LEAF = re.compile(r"<([A-Za-z_][\w.-]*+)[^<>]*+>([^<]*+)</\1\s*+>")


@dataclass(slots=True)
class Document:
    """What a body says. Texts are stripped; an empty element counts as absent.

    `info` holds the leaves of the root's Info blocks in order; an item's own are among its leaves.
    """

    root: str = ""
    leaves: dict[str, str] = field(default_factory=dict[str, str])
    info: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    items: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    marks: list[int] = field(default_factory=list[int])
    """Of the items (`again`), where all are of the usual shape; else none."""
    notes: set[Tolerance] = field(default_factory=set[Tolerance])
    element: ET.Element | None = None
    """The root as the parser has it; None where no repair helped, or where none was asked yet."""
    text: str = ""

    @property
    def node(self) -> Node:
        """The root with all that is nested in it; raises `ProtocolError` where nothing is.

        The flat leaves above are what most messages need; this is for blocks within blocks.
        """
        if self.element is None and Tolerance.SALVAGED not in self.notes:
            self.element = _parse(self.text)
        if self.element is None:
            self.element = salvage_tree(self.text)
        return Node(self.element, self.notes)


def read_document(body: bytes) -> Document:
    """Take a body apart; raises `ProtocolError` where not even a root and a leaf are there.

    DOCTYPE and entity declarations are refused before a parser sees them.
    """
    if len(body) > MAX_BODY_BYTES:
        raise ProtocolError(f"a MANSCDP body of {len(body)} bytes")
    document = Document()
    text = read_text(body, document.notes)
    if text.count("<") > MAX_MARKUP:
        raise ProtocolError(f"more than {MAX_MARKUP} tags in a MANSCDP body")
    declaration = _DECLARATION.match(text)
    if declaration:
        text = text[declaration.end() :]

    usual = read_usual(text, LEAF_TAGS)
    if usual is not None:
        document.root, document.leaves, document.items, document.marks = usual
        document.text = text
        return document

    root = _parse_with_repairs(text, document.notes)
    if root is not None:
        check_depth(root)
        document.element = root
        _read_tree(root, document)
    else:
        _salvage(text, document)
    if document.root not in ROOTS:
        raise ProtocolError(f"no MANSCDP root: {document.root[:40]!r}")
    return document


def _drop_controls(text: str) -> str:
    return NOT_XML.sub("", text)


def _escape_bare_markup(text: str) -> str:
    return _BARE_ANGLE.sub("&lt;", _BARE_AMPERSAND.sub("&amp;", text))


def _quote_attributes(text: str) -> str:
    return _START_TAG.sub(lambda tag: _UNQUOTED.sub(r'\1"\2"', tag[0]), text)


_REPAIRS: tuple[tuple[Tolerance, Callable[[str], str]], ...] = (
    (Tolerance.CONTROL_CHARACTERS, _drop_controls),
    (Tolerance.BARE_MARKUP, _escape_bare_markup),
    (Tolerance.UNQUOTED_ATTRIBUTE, _quote_attributes),
)


def _parse_with_repairs(text: str, notes: set[Tolerance]) -> ET.Element | None:
    """The root, after as few repairs as it takes; None where none of them helps."""
    root = _parse(text)
    tried: set[Tolerance] = set()
    for tolerance, repair in _REPAIRS:
        if root is not None:
            break
        repaired = repair(text)
        if repaired != text:
            text = repaired
            tried.add(tolerance)
            root = _parse(text)
    notes |= tried
    return root


def _parse(text: str) -> ET.Element | None:
    if _REFUSED_MARKUP.search(text):
        raise ProtocolError("DOCTYPE or entity declaration in a MANSCDP body")
    try:
        return ET.fromstring(text)  # noqa: S314  (no DTD reaches the parser, so no entity does)
    except ET.ParseError:
        return None


@lru_cache(maxsize=1024)
def _canonical(tag: str) -> str:
    """The standard's spelling of a tag, namespace dropped; an unknown tag as it is."""
    local = tag.rpartition("}")[2]
    return _TAG_OF_LOWER.get(local.lower(), local)


def _named(tag: str, notes: set[Tolerance]) -> str:
    if len(tag) > LONGEST_TAG:
        tag = tag.rpartition("}")[2][:LONGEST_TAG]
    name = _canonical(tag)
    if name != tag and not tag.endswith(name):
        notes.add(Tolerance.TAG_CASE)
    return name


def _read_tree(root: ET.Element, document: Document) -> None:
    notes = document.notes
    document.root = _named(root.tag, notes)
    for child in root:
        name = _named(child.tag, notes)
        if name == "Item":
            document.items.append(_read_item(child, notes))
        elif name in INFO_BLOCKS:
            document.info.extend(_leaves_below(child, notes))
        elif len(child) == 0:
            _keep(document.leaves, child, notes)
        else:
            document.items.extend(
                _read_item(item, notes) for item in child if _named(item.tag, notes) == "Item"
            )


def _read_item(item: ET.Element, notes: set[Tolerance]) -> dict[str, str]:
    """An item's leaves; those of Info come last, so that the item's own win."""
    leaves: dict[str, str] = {}
    blocks: list[ET.Element] = []
    for child in item:
        if len(child) == 0:
            _keep(leaves, child, notes)
        else:
            blocks.append(child)
    for block in blocks:
        for name, text in _leaves_below(block, notes):
            leaves.setdefault(name, text)
    return leaves


def _leaves_below(block: ET.Element, notes: set[Tolerance]) -> Iterator[tuple[str, str]]:
    for element in block.iter():
        text = (element.text or "").strip()
        if text and len(element) == 0 and element is not block:
            yield _named(element.tag, notes), text[:LONGEST_TEXT]


def _keep(leaves: dict[str, str], leaf: ET.Element, notes: set[Tolerance]) -> None:
    """The first of equal leaves counts; an empty one not at all."""
    text = leaf.text
    if text and (text := text.strip()):
        tag = leaf.tag
        leaves.setdefault(tag if tag in KNOWN_TAGS else _named(tag, notes), text[:LONGEST_TEXT])


def _salvage(text: str, document: Document) -> None:
    notes = document.notes
    notes.add(Tolerance.SALVAGED)
    root = _ROOT_TAG.search(text)
    if root is None:
        raise ProtocolError("neither XML nor anything that begins like MANSCDP")
    document.root = _canonical(root[1])
    document.text = text[root.start() :]
    head, *items = _ITEM_START.split(text[root.end() :])
    for name, leaf in _salvaged_leaves(head, notes):
        if name in document.leaves:
            document.info.append((name, leaf))
        else:
            document.leaves[name] = leaf
    for item in items:
        leaves: dict[str, str] = {}
        for name, leaf in _salvaged_leaves(_ITEM_END.split(item, maxsplit=1)[0], notes):
            leaves.setdefault(name, leaf)
        document.items.append(leaves)


def _salvaged_leaves(text: str, notes: set[Tolerance]) -> Iterator[tuple[str, str]]:
    for leaf in _LEAF.finditer(text):
        content = NOT_XML.sub("", unescaped(leaf[2])).strip()
        if content:
            yield _named(leaf[1], notes), content[:LONGEST_TEXT]
