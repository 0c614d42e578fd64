"""Frozen dataclasses that are made by the thousand, made quickly.

The `__init__` of a frozen dataclass asks the class where each field goes, by name and by a call of
its own: 4.5 µs for a device of 27 fields. Here it fills an object of an open twin with the same
slots, which takes 0.6 µs, and then closes it. What comes out is the same, and as frozen.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = TypeVar("Value")

_Parts = tuple[Callable[[Any], tuple[object, ...]], dict[str, int]]

_PARTS: dict[type, _Parts] = {}
"""How to take one apart: its values in the order of `__init__`, and the place of each."""


def quickly_made(cls: type[Value]) -> type[Value]:
    """For a frozen dataclass with slots that has no subclass, no `__post_init__` and nothing that
    is given by name only. Its `__init__` takes what it took before."""
    of_all = fields(cast("type[DataclassInstance]", cls))
    held = tuple(field for field in of_all if field.init)
    twin = type(f"Open{cls.__name__}", cls.__bases__, {"__slots__": _slots_of(cls)})
    known: dict[str, Any] = {
        "closed": cls,
        "twin": twin,
        "put": object.__setattr__,
        "missing": MISSING,
    }
    lines = ["    put(self, '__class__', twin)"]
    given = ["self"]
    for field in of_all:
        name = field.name
        if not field.init:
            known[f"default_{name}"] = field.default
            lines.append(f"    self.{name} = default_{name}")
            continue
        given.append(name + _default_of(field, known))
        made = f"make_{name}() if {name} is missing else {name}"
        lines.append(f"    self.{name} = {made if f'make_{name}' in known else name}")
    lines.append("    self.__class__ = closed")
    source = f"def __init__({', '.join(given)}):\n" + "\n".join(lines)
    exec(source, known)  # noqa: S102 - made of the names of fields, as `dataclasses` does it
    init = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in held} | {"return": None}
    type.__setattr__(cls, "__init__", init)
    names = [field.name for field in held]
    _PARTS[cls] = attrgetter(*names), {name: place for place, name in enumerate(names)}
    return cls


def altered(value: Value, **changes: object) -> Value:
    """`dataclasses.replace` for what is `quickly_made`, at a third of its price."""
    take_apart, places = _PARTS[type(value)]
    values = list(take_apart(value))
    for name, change in changes.items():
        values[places[name]] = change
    return type(value)(*values)


def _slots_of(cls: type) -> tuple[str, ...]:
    slots: tuple[str, ...] = cls.__dict__["__slots__"]
    return slots


def _default_of(field: Field[Any], known: dict[str, Any]) -> str:
    """What stands behind its name in the head of `__init__`."""
    if field.default_factory is not MISSING:
        known[f"make_{field.name}"] = field.default_factory
        return "=missing"
    if field.default is MISSING:
        return ""
    known[f"default_{field.name}"] = field.default
    return f"=default_{field.name}"
