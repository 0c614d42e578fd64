"""How full the file of each camera is: required fields filled over required fields. Pure.

Which fields a camera has to have follows from its class (GB/T 28181-2022, A.2.1.9): some of every
camera, the position of classes 1 and 2, and of class 1 when it was put up, whom to call and for how
long it records. A field counts as filled when it was reported or set here. What every message
carries and nobody fills in (DeviceID, Parental, RegisterWay, Secrecy, Status) is not looked at, nor
is the parent: a camera is always behind some device.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from vms.inventory.effective import DivisionReason
from vms.inventory.model import Channel, Device

_Look = Callable[[Channel, Device], object]
"""Falsy where the field is empty."""

_TOLD = frozenset({DivisionReason.OVERRIDE, DivisionReason.CATALOGUE})

_FIELDS: Mapping[str, _Look] = {
    "name": lambda channel, _: channel.name,
    "manufacturer": lambda channel, device: channel.reported.manufacturer or device.manufacturer,
    "model": lambda channel, device: channel.reported.model or device.model,
    "division": lambda channel, _: channel.division_reason in _TOLD,
    "address": lambda channel, _: channel.address,
    "grassroots_code": lambda channel, _: channel.grassroots_code,
    "class": lambda channel, _: channel.point_class,
    "longitude": lambda channel, _: channel.longitude is not None,
    "latitude": lambda channel, _: channel.latitude is not None,
    "installed_on": lambda channel, _: channel.installed_on,
    "contact_info": lambda channel, _: channel.contact_info,
    "retention_days": lambda channel, _: channel.retention_days,
}

_OF_ALL = ("name", "manufacturer", "model", "division", "address", "grassroots_code", "class")
_PLACED = (*_OF_ALL, "longitude", "latitude")
_OF_CLASS: Mapping[str, tuple[str, ...]] = {
    "1": (*_PLACED, "installed_on", "contact_info", "retention_days"),
    "2": _PLACED,
}


def required_fields(point_class: str) -> tuple[str, ...]:
    """What a camera of a class (PointType; empty where it is not known) has to have on file."""
    return _OF_CLASS.get(point_class, _OF_ALL)


def missing_fields(channel: Channel, device: Device) -> tuple[str, ...]:
    """The required fields that are neither reported nor set here."""
    required = required_fields(channel.point_class)
    return tuple(name for name in required if not _FIELDS[name](channel, device))


@dataclass(frozen=True, slots=True)
class CompletenessRow:
    """The cameras of one group. `required` and `filled` are fields, over all its `channels`;
    `complete` are channels that lack none; `missing` are channels by the field they lack."""

    key: str
    channels: int
    complete: int
    required: int
    filled: int
    missing: Mapping[str, int]

    @property
    def rate(self) -> float | None:
        """Filled over required; None without channels."""
        return self.filled / self.required if self.required else None


def file_completeness(keyed: Iterable[tuple[str, Channel, Device]]) -> list[CompletenessRow]:
    """A row for each key, in order of the keys; each channel counts under its own."""
    channels: Counter[str] = Counter()
    complete: Counter[str] = Counter()
    required: Counter[str] = Counter()
    missing: dict[str, Counter[str]] = {}
    for key, channel, device in keyed:
        lacking = missing_fields(channel, device)
        channels[key] += 1
        complete[key] += not lacking
        required[key] += len(required_fields(channel.point_class))
        missing.setdefault(key, Counter()).update(lacking)
    return [
        CompletenessRow(
            key=key,
            channels=channels[key],
            complete=complete[key],
            required=required[key],
            filled=required[key] - missing[key].total(),
            missing=dict(sorted(missing[key].items())),
        )
        for key in sorted(channels)
    ]
