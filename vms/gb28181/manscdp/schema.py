"""Wire forms as tables: which attribute is which element, for reading and for writing at once.

Elements are written in the table's order, each for the editions that have it, and read in any
order from any edition. An attribute whose element is absent or unreadable takes its dataclass's
default; one without default costs the whole value (`ProtocolError`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Generic, Protocol, TypeVar
from xml.sax.saxutils import escape

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.document import Document
from vms.gb28181.manscdp.editions import EVERY, nearest
from vms.gb28181.manscdp.fields import read_integer
from vms.gb28181.manscdp.node import NOT_XML, Node
from vms.gb28181.manscdp.scalars import TEXT, Scalar
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.version import Edition

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
Editions = frozenset[Edition]


def leaf(tag: str, text: str) -> Iterator[str]:
    """One leaf; nothing where there is no text."""
    if text := NOT_XML.sub("", text):
        yield f"<{tag}>{escape(text)}</{tag}>"


def block(tag: str, lines: list[str], attribute: str = "") -> Iterator[str]:
    """An element with children, one a line."""
    yield f"<{tag}{attribute}>"
    yield from lines
    yield f"</{tag}>"


class Element(Protocol):
    """One row of a table."""

    @property
    def editions(self) -> Editions:
        """Which editions write it; every one reads it."""
        ...

    def read(self, node: Node, into: dict[str, object]) -> None:
        """Add what `node` says of this element's attributes to `into`."""
        ...

    def write(self, value: object, edition: Edition) -> Iterator[str]:
        """The element's lines."""
        ...


class Form(Protocol[_T_co]):
    """What stands inside an element, as a value."""

    def read(self, node: Node) -> _T_co:
        """Raises `ProtocolError` where something needed is missing."""
        ...

    def element(self, tag: str, value: Any, edition: Edition) -> Iterator[str]:
        """The lines of the whole element."""
        ...


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element with a text. Several rows may name one attribute: the first with a text counts."""

    attribute: str
    tag: str
    scalar: Scalar = TEXT
    editions: Editions = EVERY
    absent: Tolerance | None = None
    """What to note where the element is missing."""

    def read(self, node: Node, into: dict[str, object]) -> None:
        if self.attribute in into:
            return
        text = node.text(self.tag)
        if not text:
            if self.absent:
                node.notes.add(self.absent)
            return
        value = self.scalar.read(text, node.notes)
        if value is not None:
            into[self.attribute] = value

    def write(self, value: object, edition: Edition) -> Iterator[str]:
        return leaf(self.tag, self.scalar.write(getattr(value, self.attribute), edition))


@dataclass(frozen=True, slots=True)
class OwnText:
    """The text of the element itself, which has no children."""

    attribute: str
    scalar: Scalar
    editions: Editions = EVERY

    def read(self, node: Node, into: dict[str, object]) -> None:
        value = self.scalar.read(node.own_text, node.notes) if node.own_text else None
        if value is not None:
            into[self.attribute] = value

    def write(self, value: object, edition: Edition) -> Iterator[str]:
        yield self.scalar.write(getattr(value, self.attribute), edition)


@dataclass(frozen=True, slots=True)
class Fixed:
    """An element whose text is always the same, such as `<TeleBoot>Boot</TeleBoot>`."""

    tag: str
    text: str
    editions: Editions = EVERY

    def read(self, node: Node, into: dict[str, object]) -> None:
        pass

    def write(self, value: object, edition: Edition) -> Iterator[str]:
        return leaf(self.tag, self.text)


@dataclass(frozen=True, slots=True)
class Group:
    """Elements of the same value inside a block of their own; read beside the block as well."""

    tag: str
    rows: tuple[Element, ...]
    editions: Editions = EVERY
    aliases: tuple[str, ...] = ()
    is_written_empty: bool = False

    def read(self, node: Node, into: dict[str, object]) -> None:
        for row in self.rows:
            row.read(node, into)
        for tag in (self.tag, *self.aliases):
            for child in node.children(tag):
                for row in self.rows:
                    row.read(child, into)

    def write(self, value: object, edition: Edition) -> Iterator[str]:
        lines = [line for row in _rows(self.rows, edition) for line in row.write(value, edition)]
        return block(self.tag, lines) if lines or self.is_written_empty else iter(())


def info(*rows: Element, editions: Editions = EVERY) -> Group:
    """The block for structured extensions; some senders call it ExtraInfo, some leave it out."""
    return Group("Info", rows, editions, ("ExtraInfo",))


@dataclass(frozen=True, slots=True)
class Block:
    """A value of its own inside an element; absent where the attribute is None."""

    attribute: str
    tag: str
    form: Form[Any]
    editions: Editions = EVERY

    def read(self, node: Node, into: dict[str, object]) -> None:
        for child in node.children(self.tag):
            into.setdefault(self.attribute, self.form.read(child))

    def write(self, value: object, edition: Edition) -> Iterator[str]:
        inner = getattr(value, self.attribute)
        return iter(()) if inner is None else self.form.element(self.tag, inner, edition)


@dataclass(frozen=True, slots=True)
class Inline:
    """A value whose elements stand among the others."""

    attribute: str
    shape: "Shape[Any]"
    editions: Editions = EVERY

    def read(self, node: Node, into: dict[str, object]) -> None:
        into[self.attribute] = self.shape.read(node)

    def write(self, value: object, edition: Edition) -> Iterator[str]:
        return self.shape.lines(getattr(value, self.attribute), edition)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list: its count, its wrapper with Num, and its items.

    Without `wrapper` the items stand among the other elements. An item that does not read costs
    only itself; the attribute `damaged` counts those, and `total` takes the count as it was sent.
    """

    attribute: str
    tag: str
    item: "Form[Any] | Scalar"
    wrapper: str = ""
    is_numbered: bool = True
    counter: str = "SumNum"
    counter_editions: Editions = EVERY
    is_written_empty: bool = False
    is_loose: bool = True
    """Whether items without the wrapper are read as well."""
    total: str = ""
    damaged: str = ""
    editions: Editions = EVERY

    def read(self, node: Node, into: dict[str, object]) -> None:
        parents = list(node.children(self.wrapper)) if self.wrapper else []
        if not parents and self.is_loose:
            parents = [node]
        found = [item for parent in parents for item in parent.children(self.tag)]
        values: list[object] = []
        for item in found:
            try:
                values.append(self._read_item(item))
            except ProtocolError:
                node.notes.add(Tolerance.ITEM_DAMAGED)
        into[self.attribute] = tuple(values)
        if self.damaged:
            into[self.damaged] = len(found) - len(values)
        if self.total:
            total = read_integer(node.text(self.counter))
            if total is None or total < 0:
                node.notes.add(Tolerance.TOTAL)
                total = len(found)
            into[self.total] = total

    def _read_item(self, item: Node) -> object:
        if not isinstance(self.item, Scalar):
            return self.item.read(item)
        value = self.item.read(item.own_text, item.notes) if item.own_text else None
        if value is None:
            raise ProtocolError(f"nothing usable in {self.tag}")
        return value

    def write(self, value: object, edition: Edition) -> Iterator[str]:
        items = getattr(value, self.attribute)
        if self.counter and edition in self.counter_editions:
            count = getattr(value, self.total) if self.total else len(items)
            yield from leaf(self.counter, str(count))
        lines = [line for one in items for line in self._write_item(one, edition)]
        if not self.wrapper:
            yield from lines
        elif items or self.is_written_empty:
            number = f' Num="{len(items)}"' if self.is_numbered else ""
            yield from block(self.wrapper, lines, number)

    def _write_item(self, item: object, edition: Edition) -> Iterator[str]:
        if isinstance(self.item, Scalar):
            return leaf(self.tag, self.item.write(item, edition))
        return self.item.element(self.tag, item, edition)


def _rows(rows: tuple[Element, ...], edition: Edition) -> Iterator[Element]:
    return (row for row in rows if edition in row.editions)


class Shape(Generic[_T]):
    """The table of one dataclass.

    `fixed` are attributes that the table itself decides, `absent` what counts where an attribute
    without default is not there. `num_of` names a list whose length the
    element carries as its attribute Num. The form of the nearest of `editions` is written.
    """

    def __init__(
        self,
        cls: type[_T],
        *rows: Element,
        editions: Editions = EVERY,
        fixed: Mapping[str, object] | None = None,
        absent: Mapping[str, object] | None = None,
        num_of: str = "",
    ) -> None:
        self.cls = cls
        self.editions = editions
        self._rows = rows
        self._fixed = dict(fixed or {})
        self._absent = dict(absent or {})
        self._num_of = num_of
        self._needed = _needed(cls)

    def read(self, node: Node, given: Mapping[str, object] | None = None) -> _T:
        """Raises `ProtocolError` where an attribute without default is missing."""
        values = {**self._fixed, **(given or {})}
        for row in self._rows:
            row.read(node, values)
        values = {**self._absent, **values}
        missing = self._needed - values.keys()
        if missing:
            raise ProtocolError(f"{self.cls.__name__} without {', '.join(sorted(missing))}")
        return self.cls(**values)

    def read_message(self, document: Document, sn: int, device_id: DeviceId | None) -> _T:
        """A whole body as a message; raises `ProtocolError` like `read`."""
        return self.read(document.node, {"sn": sn, "device_id": device_id})

    def fits(self, value: object) -> bool:
        """Whether `value` is what this table decides it to be."""
        return all(getattr(value, name) == decided for name, decided in self._fixed.items())

    def lines(self, value: object, edition: Edition) -> Iterator[str]:
        """The elements of a value, one a line."""
        edition = nearest(self.editions, edition)
        for row in _rows(self._rows, edition):
            yield from row.write(value, edition)

    def element(self, tag: str, value: object, edition: Edition) -> Iterator[str]:
        """The lines of an element that holds the value."""
        lines = list(self.lines(value, edition))
        if any(isinstance(row, OwnText) for row in self._rows):
            return leaf(tag, "".join(lines))
        number = f' Num="{len(getattr(value, self._num_of))}"' if self._num_of else ""
        return block(tag, lines, number)


def _needed(cls: type) -> frozenset[str]:
    return frozenset(
        one.name for one in fields(cls) if one.default is MISSING and one.default_factory is MISSING
    )
