"""What may be asked of the inventory, and what comes back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from vms.inventory.model import Channel, Device, State, Status

LARGEST_PAGE = 1000

_STATUS = {
    State.ONLINE_PROVEN: Status.ONLINE,
    State.ONLINE_SIGNALLED: Status.ONLINE,
    State.OFFLINE: Status.OFFLINE,
    State.UNKNOWN: Status.UNKNOWN,
    # A planned outage says nothing of what is reachable; the ledger has the order.
    State.EXCLUDED: Status.OFFLINE,
    State.NOT_COMMISSIONED: Status.NOT_COMMISSIONED,
}


def status_of(state: State) -> Status:
    """What lists show for a ledger state."""
    return _STATUS[state]


@dataclass(frozen=True, slots=True)
class DeviceQuery:
    """Devices in order of their ID, after `cursor`. `q` is sought in IDs and names."""

    status: Status | None = None
    manufacturer: str | None = None
    q: str | None = None
    cursor: str | None = None
    limit: int = 100
    with_total: bool = False

    def fits(self, device: Device) -> bool:
        """Whether a device is asked for."""
        return (
            (self.status is None or status_of(device.state) is self.status)
            and (self.manufacturer is None or device.manufacturer == self.manufacturer)
            and (
                self.q is None
                or self.q in device.device_id
                or self.q.casefold() in (device.name_override or device.name).casefold()
            )
        )


@dataclass(frozen=True, slots=True)
class ChannelQuery:
    """Channels in order of device and channel ID, after `cursor`.

    `division` is a civil code of any level and takes in those below it; `group` a business group or
    virtual organisation; `point_type` the class of the point (1, 2, 3, 9); `site_type` the first
    digits of a CapturePositionType; `unit` is sought in owner and management unit. `own_groups` are
    nodes of our own tree, with an empty one for channels that hang in none. Department, builder,
    project, maintainer, model and tag are whole words; an empty one is asked for those without.
    """

    device_id: str | None = None
    status: Status | None = None
    division: str | None = None
    group: str | None = None
    point_type: str | None = None
    manufacturer: str | None = None
    q: str | None = None
    cursor: str | None = None
    limit: int = 100
    with_total: bool = False
    site_type: str | None = None
    ptz_type: int | None = None
    unit: str | None = None
    mobile_device_type: str | None = None
    security_level: str | None = None
    has_position: bool | None = None
    own_groups: frozenset[str] | None = None
    department: str | None = None
    builder: str | None = None
    project: str | None = None
    maintainer: str | None = None
    model: str | None = None
    tag: str | None = None

    def fits(self, channel: Channel) -> bool:
        """Whether a channel is asked for; `device_id` is the caller's affair."""
        reported = channel.reported
        return (
            (self.status is None or status_of(channel.state) is self.status)
            and (self.division is None or channel.division.startswith(self.division))
            and (
                self.group is None
                or self.group == reported.business_group_id
                or self.group in reported.parent_ids
            )
            and (self.point_type is None or channel.point_class == self.point_type)
            and (self.manufacturer is None or reported.manufacturer == self.manufacturer)
            and (
                self.q is None
                or self.q in reported.channel_id
                or self.q.casefold() in channel.name.casefold()
            )
            and self._fits_place(channel)
            and self._fits_details(channel)
        )

    def _fits_place(self, channel: Channel) -> bool:
        return (
            (self.own_groups is None or channel.own_group_id in self.own_groups)
            and (self.department is None or channel.department == self.department)
            and (self.builder is None or channel.builder == self.builder)
            and (self.project is None or channel.project == self.project)
            and (self.maintainer is None or channel.maintainer == self.maintainer)
            and (self.model is None or channel.reported.model == self.model)
            and (self.tag is None or self.tag in (channel.tags or ("",)))
        )

    def _fits_details(self, channel: Channel) -> bool:
        reported = channel.reported
        return (
            (self.site_type is None or channel.site_type.startswith(self.site_type))
            and (self.ptz_type is None or reported.ptz_type == self.ptz_type)
            and (
                self.unit is None
                or self.unit.casefold() in channel.management_unit.casefold()
                or self.unit.casefold() in reported.owner.casefold()
            )
            and (
                self.mobile_device_type is None
                or reported.extra.get("MobileDeviceType") == self.mobile_device_type
            )
            and (
                self.security_level is None
                or reported.extra.get("SecurityLevelCode") == self.security_level
            )
            and (
                self.has_position is None
                or (channel.longitude is not None and channel.latitude is not None)
                is self.has_position
            )
        )


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Part of a list; `next_cursor` None on the last page, `total` None unless asked for."""

    items: tuple[Item, ...]
    next_cursor: str | None
    total: int | None = None


def page(
    matching: Iterator[Item],
    limit: int,
    cursor_of: Callable[[Item], str],
    counted: Iterable[object] | None,
) -> Page[Item]:
    """The next `limit` of `matching`; `counted` is the whole list where the total is wanted."""
    limit = max(1, min(limit, LARGEST_PAGE))
    items = tuple(islice(matching, limit))
    is_last = next(matching, None) is None
    return Page(
        items=items,
        next_cursor=None if is_last else cursor_of(items[-1]),
        total=None if counted is None else sum(1 for _ in counted),
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of everything now. Channels and devices by ledger state; every state is there."""

    devices: Mapping[State, int]
    channels: Mapping[State, int]
    waiting: int

    @property
    def devices_on_file(self) -> int:
        """Devices that were not removed."""
        return sum(self.devices.values())

    @property
    def channels_on_file(self) -> int:
        """Channels that were not removed."""
        return sum(self.channels.values())

    @property
    def channels_online(self) -> int:
        """Channels in either online state."""
        return self.channels[State.ONLINE_PROVEN] + self.channels[State.ONLINE_SIGNALLED]

    @property
    def instant_online_rate(self) -> float | None:
        """Channels online now over channels on file; None without channels."""
        on_file = self.channels_on_file
        return self.channels_online / on_file if on_file else None
