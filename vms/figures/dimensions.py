"""By what figures are grouped and filtered: what a channel's place says, or the channel itself."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from vms.inventory.placement import Place


class Dimension(StrEnum):
    """What a row stands for; `division_N` is the first N digits of the civil code."""

    ALL = "all"
    DIVISION = "division"
    DIVISION_2 = "division_2"
    DIVISION_4 = "division_4"
    DIVISION_6 = "division_6"
    DIVISION_8 = "division_8"
    GROUP = "group"
    OWN_GROUP = "own_group"
    DEPARTMENT = "department"
    BUILDER = "builder"
    MAINTAINER = "maintainer"
    CLASS = "class"
    SITE_TYPE = "site_type"
    MANUFACTURER = "manufacturer"
    MODEL = "model"
    DEVICE = "device"
    PARENT = "parent"
    PLATFORM = "platform"
    SEGMENT = "segment"
    CHANNEL = "channel"


ALL_KEY = "all"

OF_THE_CHANNEL = frozenset({Dimension.DEVICE, Dimension.CHANNEL})
"""What never changes, and so is no part of a place."""

DIVISIONS = frozenset(
    {
        Dimension.DIVISION,
        Dimension.DIVISION_2,
        Dimension.DIVISION_4,
        Dimension.DIVISION_6,
        Dimension.DIVISION_8,
    }
)
"""Whose keys are civil codes."""

KEY_OF: Mapping[Dimension, Callable[[Place], str]] = {
    Dimension.ALL: lambda _: ALL_KEY,
    Dimension.DIVISION: lambda place: place.division,
    Dimension.DIVISION_2: lambda place: place.division[:2],
    Dimension.DIVISION_4: lambda place: place.division[:4],
    Dimension.DIVISION_6: lambda place: place.division[:6],
    Dimension.DIVISION_8: lambda place: place.division[:8],
    Dimension.GROUP: lambda place: place.group_id,
    Dimension.OWN_GROUP: lambda place: place.own_group_id,
    Dimension.DEPARTMENT: lambda place: place.department,
    Dimension.BUILDER: lambda place: place.builder,
    Dimension.MAINTAINER: lambda place: place.maintainer,
    Dimension.CLASS: lambda place: place.point_class,
    Dimension.SITE_TYPE: lambda place: place.site_type,
    Dimension.MANUFACTURER: lambda place: place.manufacturer,
    Dimension.MODEL: lambda place: place.model,
    Dimension.PARENT: lambda place: place.parent_id,
    Dimension.PLATFORM: lambda place: place.platform_id,
    Dimension.SEGMENT: lambda place: place.segment,
}
"""The key of a row by a place; empty where nobody told. Not for those of `OF_THE_CHANNEL`."""


def fits(dimension: Dimension, key: str, wanted: str) -> bool:
    """Whether what has this key passes a filter: a division takes in those below it."""
    return key.startswith(wanted) if dimension is Dimension.DIVISION else key == wanted
