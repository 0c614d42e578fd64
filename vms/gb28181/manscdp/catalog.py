"""The channels of a device and their changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vms.frozen import quickly_made
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.common import Result
from vms.gb28181.manscdp.tolerances import Tolerance


class SharedFields(dict[str, str]):
    """The `extra` of an item whose words others have, too: the same objects. Nobody changes it."""

    __slots__ = ()


@quickly_made
@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One Item of a catalogue, cleaned: placeholders, self-parents and nonsense numbers are gone.

    `status_text` is the reported word where it is neither ON nor OFF. `extra` keeps every other
    element, those of Info included, by tag name; the password element is never kept.
    """

    channel_id: ChannelId
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    owner: str = ""
    civil_code: str = ""
    address: str = ""
    parent_ids: tuple[str, ...] = ()
    business_group_id: str = ""
    parental: bool = False
    secrecy: bool = False
    ptz_type: int | None = None
    longitude: float | None = None
    latitude: float | None = None
    is_on: bool = True
    status_text: str = ""
    extra: Mapping[str, str] = field(default_factory=dict[str, str])
    mark: int | None = field(default=None, init=False, repr=False, compare=False)
    """Of the text it was read from (`again`). A copy that says something else has none."""
    forgiven: frozenset[Tolerance] = field(
        default=frozenset(), init=False, repr=False, compare=False
    )
    """What that text had to be forgiven."""

    def bear(self, mark: int | None, forgiven: frozenset[Tolerance]) -> None:
        """Remember the text it was read from. No part of what it says: it stays what it was."""
        object.__setattr__(self, "mark", mark)
        object.__setattr__(self, "forgiven", forgiven)

    def hang_below(self, parent_ids: tuple[str, ...]) -> None:
        """Equal parents take the place of its own: all channels of a recorder have one tuple."""
        object.__setattr__(self, "parent_ids", parent_ids)


@dataclass(frozen=True, slots=True)
class CatalogResponse:
    """One part of a catalogue (annex M): `total` items over all parts with this `sn`.

    `damaged` counts items of this part that named no channel and were left out.
    """

    sn: int
    device_id: DeviceId
    total: int
    items: tuple[CatalogItem, ...] = ()
    damaged: int = 0


class CatalogEvent(StrEnum):
    """What happened to a channel (9.11.4)."""

    ON = "ON"
    OFF = "OFF"
    VIDEO_LOST = "VLOST"
    DEFECT = "DEFECT"
    ADD = "ADD"
    DELETE = "DEL"
    UPDATE = "UPDATE"


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """One Item of a catalogue notification; for ON, OFF, VLOST, DEFECT, DEL only the ID counts."""

    event: CatalogEvent
    item: CatalogItem


@dataclass(frozen=True, slots=True)
class CatalogNotify:
    """Changes of a subscribed catalogue (9.11.4); complete by itself, whatever `total` says."""

    sn: int
    device_id: DeviceId
    total: int
    changes: tuple[CatalogChange, ...] = ()
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class CatalogReceipt:
    """A subscription or a notification arrived (2016 A.2.6 d, e); gone since 2022."""

    sn: int
    device_id: DeviceId
    result: Result = Result.OK
