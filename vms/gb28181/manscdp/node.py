"""An XML element as the tables of MANSCDP look at it: by the names of its children."""

import html
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from vms.gb28181.errors import ProtocolError
from vms.gb28181.manscdp.tolerances import Tolerance

MAX_DEPTH = 12
LONGEST_TEXT = 1024
"""Of one leaf, in characters. What is longer is cut: nobody names a camera in so many."""
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]*+)([^<>]*+)>")


class Node:
    """An element and its children by name; what differs only in case is found and noted."""

    __slots__ = ("_children", "element", "notes")

    def __init__(self, element: ET.Element, notes: set[Tolerance]) -> None:
        self.element = element
        self.notes = notes
        self._children: dict[str, list[ET.Element]] = {}
        for child in element:
            self._children.setdefault(local_name(child).lower(), []).append(child)

    @property
    def own_text(self) -> str:
        """The text of the element itself, without blanks around it."""
        return (self.element.text or "").strip()[:LONGEST_TEXT]

    def text(self, tag: str) -> str:
        """The text of the first child `tag` that has any; empty where there is none."""
        for child in self._named(tag):
            text = (child.text or "").strip()
            if text and len(child) == 0:
                return text[:LONGEST_TEXT]
        return ""

    def children(self, tag: str) -> Iterator["Node"]:
        """Every child of this name."""
        return (Node(child, self.notes) for child in self._named(tag))

    def every_child(self) -> Iterator["Node"]:
        """The children in the order in which they stand."""
        return (Node(child, self.notes) for child in self.element)

    def has(self, tag: str) -> bool:
        """Whether there is a child of this name, in whatever case."""
        return tag.lower() in self._children

    def _named(self, tag: str) -> list[ET.Element]:
        found = self._children.get(tag.lower(), [])
        if any(local_name(child) != tag for child in found):
            self.notes.add(Tolerance.TAG_CASE)
        return found


def local_name(element: ET.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def salvage_tree(text: str) -> ET.Element:
    """A tree from what no XML parser takes; raises `ProtocolError` where nothing begins.

    An end tag that ends nothing is skipped, and a leaf that never ends is dropped. Markup that
    opens no element is text.
    """
    opened: list[ET.Element] = []
    root: ET.Element | None = None
    read_up_to = 0
    for tag in _TAG.finditer(text):
        if opened:
            _add_text(opened[-1], text[read_up_to : tag.start()])
        read_up_to = tag.end()
        name, rest = tag[2], tag[3]
        if tag[1]:
            _close(opened, name)
            if root is not None and not opened:
                break
            continue
        element = ET.SubElement(opened[-1], name) if opened else ET.Element(name)
        root = element if root is None else root
        if not rest.endswith("/"):
            opened.append(element)
        if len(opened) > MAX_DEPTH:
            raise ProtocolError(f"a MANSCDP body nested more than {MAX_DEPTH} deep")
    if root is None:
        raise ProtocolError("neither XML nor anything that begins like MANSCDP")
    _close(opened, root.tag)
    return root


def _add_text(element: ET.Element, text: str) -> None:
    if len(element) == 0:
        element.text = (element.text or "") + NOT_XML.sub("", unescaped(text))


def _close(opened: list[ET.Element], name: str) -> None:
    """End the innermost open element of this name; what is still open in it never ended."""
    names = [element.tag for element in opened]
    if name not in names:
        return
    at = len(names) - 1 - names[::-1].index(name)
    for parent, unended in reversed(list(zip(opened[at:], opened[at + 1 :], strict=False))):
        is_leaf = len(unended) == 0 or bool((unended.text or "").strip())
        if is_leaf:
            # What came after its text was never in it.
            parent.remove(unended)
            parent.extend(unended)
    del opened[at:]


def check_depth(root: ET.Element) -> None:
    """Raises `ProtocolError` where elements are nested deeper than anything in MANSCDP is."""
    level = [root]
    for _ in range(MAX_DEPTH):
        below: list[ET.Element] = []
        for element in level:
            if len(element):
                below.extend(element)
        level = below
        if not level:
            return
    raise ProtocolError(f"a MANSCDP body nested more than {MAX_DEPTH} deep")


def unescaped(text: str) -> str:
    """Text with its character references read."""
    try:
        return html.unescape(text)
    except ValueError:  # a reference of more digits than Python reads
        return text
