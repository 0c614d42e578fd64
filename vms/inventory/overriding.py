"""What a person may set over what a channel reported, checked; every value is kept once."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from sys import intern

from vms.errors import InvalidError
from vms.inventory.changes import LONGEST_NAME, local_name
from vms.inventory.coordinates import COORDINATE_SYSTEMS, WGS84, to_wgs84
from vms.inventory.effective import TAG_SEPARATOR
from vms.inventory.model import Channel, ChannelPatch
from vms.inventory.thrift import NO_OVERRIDES

Given = str | float | Sequence[str]
"""A value as a person gives it."""

MOST_TAGS = 16
LONGEST_TAG = 40
MOST_RETENTION_DAYS = 3650
LONGEST_GROUP_ID = 36
GRASSROOTS_DIGITS = 6

_EARLIEST = date(1980, 1, 1)
_MOST_DEGREES = {"longitude": 180, "latitude": 90}
_RESOLUTION = re.compile("([1-9][0-9]{1,4})[x\u00d7*]([1-9][0-9]{1,4})")
_SITE_TYPE = re.compile(r"[0-9]{3}(?:[0-9]{2}){0,2}")
_NOTHING_GIVEN: tuple[Given, ...] = ("", (), [])

_POSITION = ("longitude", "latitude")
_DECLARED = ("declared_longitude", "declared_latitude")


def _text(name: str, value: Given) -> str:
    what = name.replace("_", " ")
    if not isinstance(value, str):
        raise InvalidError(f"a {what} is a text")
    if len(value) > LONGEST_NAME or not value.strip().isprintable():
        raise InvalidError(f"a {what} has at most {LONGEST_NAME} printable characters")
    if not value.strip():
        raise InvalidError(f"a {what} is more than blanks")
    return value.strip()


def _point_class(name: str, value: Given) -> str:
    if value not in ("1", "2", "3", "9"):
        raise InvalidError("a class of point is 1, 2, 3 or 9 (other)")
    return _text(name, value)


def _site_type(name: str, value: Given) -> str:
    text = _text(name, value)
    if not _SITE_TYPE.fullmatch(text):
        raise InvalidError(f"a site type has 3, 5 or 7 digits (annex O): {text[:40]!r}")
    return text


def _grassroots_code(name: str, value: Given) -> str:
    text = _text(name, value)
    if not (len(text) == GRASSROOTS_DIGITS and text.isascii() and text.isdigit()):
        raise InvalidError(f"a grassroots code has {GRASSROOTS_DIGITS} digits: {text[:40]!r}")
    return text


def _day(name: str, value: Given) -> str:
    text = _text(name, value)
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"a day is written as 2026-03-01: {text[:40]!r}") from error
    if day < _EARLIEST:
        raise InvalidError(f"a camera was put up after {_EARLIEST.isoformat()}")
    return day.isoformat()


def _days(name: str, value: Given) -> int:
    what = name.replace("_", " ")
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise InvalidError(f"{what} are a whole number")
    if not 1 <= value <= MOST_RETENTION_DAYS:
        raise InvalidError(f"{what} are 1 to {MOST_RETENTION_DAYS}")
    return int(value)


def _resolution(name: str, value: Given) -> str:
    found = _RESOLUTION.fullmatch(_text(name, value).casefold())
    if found is None:
        raise InvalidError("a resolution is written as 1920x1080")
    return f"{found[1]}x{found[2]}"


def _system(name: str, value: Given) -> str:
    text = _text(name, value).casefold()
    if text not in COORDINATE_SYSTEMS:
        raise InvalidError(f"a coordinate system is one of {', '.join(COORDINATE_SYSTEMS)}")
    return text


def _group_id(name: str, value: Given) -> str:
    text = _text(name, value)
    if len(text) > LONGEST_GROUP_ID:
        raise InvalidError(f"no such group: {text[:40]}")
    return text


def _degrees(name: str, value: Given) -> float:
    most = _MOST_DEGREES[name]
    if isinstance(value, str | bool) or not isinstance(value, int | float):
        raise InvalidError(f"a {name} is a number of degrees")
    if not -most <= value <= most:
        raise InvalidError(f"a {name} is a number of degrees, {most} at most")
    return float(value)


def _tags(name: str, value: Given) -> str:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidError("tags are a list of words")
    if len(value) > MOST_TAGS:
        raise InvalidError(f"a channel has at most {MOST_TAGS} tags")
    tags = dict.fromkeys(_text("tag", tag) for tag in value)
    for tag in tags:
        if len(tag) > LONGEST_TAG or TAG_SEPARATOR in tag:
            raise InvalidError(f"a tag has at most {LONGEST_TAG} characters and no comma")
    return TAG_SEPARATOR.join(tags)


_CHECKS: Mapping[str, Callable[[str, Given], str | float]] = {
    "class": _point_class,
    "site_type": _site_type,
    "department": _text,
    "management_unit": _text,
    "builder": _text,
    "project": _text,
    "maintainer": _text,
    "installed_on": _day,
    "retention_days": _days,
    "contact_info": _text,
    "grassroots_code": _grassroots_code,
    "required_resolution": _resolution,
    "coordinate_system": _system,
    "longitude": _degrees,
    "latitude": _degrees,
    "address": _text,
    "tags": _tags,
    "own_group_id": _group_id,
}

OVERRIDABLE = frozenset(_CHECKS)
"""What of a channel is set here beside its name and division."""


def patched_channel(channel: Channel, patch: ChannelPatch) -> Channel:
    """`channel` with what a person sets over the report; raises `InvalidError` for nonsense.

    A position is told in the `coordinate_system` that comes with it or stands already; WGS-84 is
    stored, and what was told beside it. The system alone says how the reported position is meant.
    """
    division = patch.get("division", channel.division_override) or None
    if division is not None and not (division.isascii() and division.isdigit()):
        raise InvalidError(f"a division is a civil code, digits only: {division[:40]!r}")
    if division is not None and len(division) not in _CODE_LENGTHS:
        raise InvalidError(f"a civil code has 2, 4, 6, 8 or more digits, not {len(division)}")
    return replace(
        channel,
        name_override=local_name(patch["name"]) if "name" in patch else channel.name_override,
        division_override=None if division is None else intern(division),
        overrides=_overrides(channel, patch.get("overrides", {})),
    )


_CODE_LENGTHS = frozenset({2, 4, 6, 8, 9, 12, 20})
"""Down to a basic unit; township and village codes of the statistics office have 9 and 12."""


def _overrides(channel: Channel, patch: Mapping[str, Given | None]) -> Mapping[str, str | float]:
    if not patch:
        return channel.overrides
    merged = dict(channel.overrides)
    for name, value in patch.items():
        check = _CHECKS.get(name)
        if check is None:
            raise InvalidError(f"no such field of a channel: {name[:40]}")
        if value is None or value in _NOTHING_GIVEN:
            merged.pop(name, None)
            continue
        checked = check(name, value)
        merged[intern(name)] = intern(checked) if isinstance(checked, str) else checked
    if any(name in patch for name in (*_POSITION, "coordinate_system")):
        _place(merged, patch)
    return merged or NO_OVERRIDES


def _place(merged: dict[str, str | float], patch: Mapping[str, Given | None]) -> None:
    """Bring a position that was told to WGS-84, and keep what was told where that differs."""
    given = [name in merged for name in _POSITION]
    if given[0] is not given[1]:
        raise InvalidError("a position has a longitude and a latitude")
    if not given[0]:
        for name in _DECLARED:
            merged.pop(name, None)
        return
    told = [
        float(merged[name] if name in patch else merged.get(declared, merged[name]))
        for name, declared in zip(_POSITION, _DECLARED, strict=True)
    ]
    system = str(merged.get("coordinate_system", WGS84))
    longitude, latitude = to_wgs84(told[0], told[1], system)
    merged.update(longitude=longitude, latitude=latitude)
    if system == WGS84:
        for name in _DECLARED:
            merged.pop(name, None)
    else:
        merged.update(declared_longitude=told[0], declared_latitude=told[1])
