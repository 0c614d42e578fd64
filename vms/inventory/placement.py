"""Where a channel belonged, and since when: the dimensions by which figures are grouped.

A channel has one place at a time. A change begins a new placement at its second, so that a camera
that was moved counts in each of its places for the time it was there. `Inventory` alone makes the
steps, and each is committed together with the change that caused it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from sys import intern
from typing import NamedTuple

from vms.gb28181.ids import MAX_DIGITS, Kind, kind_of
from vms.inventory.model import Channel, ChannelKey, Device

_GROUPS = frozenset({Kind.BUSINESS_GROUP, Kind.VIRTUAL_ORGANISATION})
_PLATFORMS = frozenset({Kind.SYSTEM, Kind.PLATFORM_PART})


@dataclass(frozen=True, slots=True)
class Place:
    """What figures are grouped by, beside the channel and its device; empty where nobody told.

    `division`: the full civil code. `group_id`: the business group or virtual organisation that it
    hangs in. `parent_id`: the recorder or platform behind the device that it names as its parent,
    else the device. `platform_id`: the device, where that is a platform. `segment`: the network of
    the device's address, /24 or /64.
    """

    division: str = ""
    group_id: str = ""
    own_group_id: str = ""
    department: str = ""
    builder: str = ""
    maintainer: str = ""
    point_class: str = ""
    site_type: str = ""
    manufacturer: str = ""
    model: str = ""
    parent_id: str = ""
    platform_id: str = ""
    segment: str = ""


_shared_place = lru_cache(maxsize=4096)(Place)
"""The channels of a city say much alike: what is made again is the one that is there."""


class PlaceStep(NamedTuple):
    """From `at_s` on (ledger seconds) a channel is in `place`; None: it was removed.

    `is_first`: the channel has had no place before.
    """

    channel_key: ChannelKey
    at_s: int
    place: Place | None
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Half-open [start_s, end_s) in ledger seconds; `end_s` None while it lasts.

    `place_key` is the row of `place`: the same words have the same key, for ever.
    """

    channel_key: ChannelKey
    start_s: int
    end_s: int | None
    place_key: int
    place: Place


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A channel that has no placement at all: what its ledger knows of first and last second.

    None where there is no ledger, or where it has not ended.
    """

    channel_key: ChannelKey
    first_s: int | None
    ended_s: int | None


def segment_of(host: str) -> str:
    """The network of an address: /24, or /64 of IPv6; empty for what is no address."""
    if ":" in host:
        return _segment_of_ipv6(host)
    network, _, last = host.rpartition(".")
    return intern(f"{network}.0/24") if network.count(".") == 2 and last.isdigit() else ""


@lru_cache(maxsize=4096)
def _segment_of_ipv6(host: str) -> str:
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped
    if mapped is not None:
        return segment_of(str(mapped))
    return intern(str(ip_network((address, 64), strict=False)))


def place_of(channel: Channel, device: Device | None, segment: str | None = None) -> Place:
    """Where a channel belongs, by what is known of it and of its device (None: not any more).

    `segment` is what the device was last known in; by default that of its binding.
    """
    reported, is_set = channel.reported, bool(channel.overrides)
    if segment is None:
        binding = None if device is None else device.binding
        segment = "" if binding is None else segment_of(binding.host)
    group_id, parent_id = _above(channel)
    is_behind = parent_id != channel.device_id
    # By position, in the order of the fields: names would cost as much again.
    return _shared_place(
        channel.division,
        group_id or reported.business_group_id,
        channel.own_group_id if is_set else "",
        channel.department,
        channel.builder if is_set else "",
        channel.maintainer if is_set else "",
        channel.point_class,
        channel.site_type,
        reported.manufacturer or ("" if device is None else device.manufacturer),
        reported.model or ("" if device is None else device.model),
        parent_id,
        channel.device_id if is_behind or kind_of(channel.device_id) in _PLATFORMS else "",
        segment,
    )


def parent_of(channel: Channel) -> str:
    """`Place.parent_id` alone."""
    return _above(channel)[1]


def _above(channel: Channel) -> tuple[str, str]:
    """The group among the parents it names, and its `parent_id`."""
    group_id, parent_id = "", ""
    for above in channel.reported.parent_ids:
        kind = kind_of(above)
        if kind in _GROUPS:
            group_id = group_id or above
        elif not parent_id and len(above) == MAX_DIGITS and above != channel.channel_id:
            parent_id = above
    return group_id, parent_id or channel.device_id


_Words = tuple[str, str, str, str, str, tuple[str, ...], int]


def _words_of(channel: Channel) -> _Words | None:
    """What decides where a channel of a device is, quickly told apart while nobody lets go of it;
    None where there is more to it."""
    reported = channel.reported
    parent_ids = reported.parent_ids
    if channel.overrides or channel.division_override or reported.channel_id in parent_ids:
        return None
    return (
        reported.civil_code or channel.division,
        reported.business_group_id,
        reported.owner,
        reported.manufacturer,
        reported.model,
        parent_ids,
        id(reported.extra),
    )


def steps_of_channels(
    known: Mapping[str, Channel],
    saved: Iterable[Channel],
    device: Device,
    segment: str,
    at_s: int,
) -> Iterator[PlaceStep]:
    """Those of `saved` that are new, or that are elsewhere than they were as `known`."""
    places: dict[_Words, Place] = {}
    for channel in saved:
        before = known.get(channel.channel_id)
        if before is None:
            words = _words_of(channel)
            place = None if words is None else places.get(words)
            if place is None:
                place = place_of(channel, device, segment)
                if words is not None:
                    places[words] = place
            yield PlaceStep(channel.key, at_s, place, is_first=True)
        elif _says_otherwise(before, channel):
            place = place_of(channel, device, segment)
            if place != place_of(before, device, segment):
                yield PlaceStep(channel.key, at_s, place)


def steps_of_device(
    channels: Iterable[Channel],
    before: tuple[Device, str],
    after: tuple[Device, str],
    at_s: int,
) -> Iterator[PlaceStep]:
    """The channels that a change of their device, or of its segment, takes elsewhere."""
    for channel in channels:
        place = place_of(channel, *after)
        if place != place_of(channel, *before):
            yield PlaceStep(channel.key, at_s, place)


def steps_of_removal(channels: Iterable[Channel], at_s: int) -> Iterator[PlaceStep]:
    """The ends of the placements of `channels`."""
    return (PlaceStep(channel.key, at_s, None) for channel in channels)


def repairs(
    on_file: Iterable[tuple[Channel, Device, str]],
    open_placements: Mapping[ChannelKey, Placement],
    unplaced: Mapping[ChannelKey, Unplaced],
    at_s: int,
) -> Iterator[PlaceStep]:
    """What makes the placements those of the channels on file, each with device and segment.

    One that never had a place had the present one from its first second; one that is elsewhere than
    its placement says (a rule changed with a new version) is there from `at_s` on.
    """
    for channel, device, segment in on_file:
        place = place_of(channel, device, segment)
        never = unplaced.get(channel.key)
        if never is not None:
            first_s = at_s if never.first_s is None else never.first_s
            yield PlaceStep(channel.key, first_s, place, is_first=True)
            continue
        lasting = open_placements.get(channel.key)
        if lasting is None or lasting.place != place:
            yield PlaceStep(channel.key, at_s, place)


def repairs_of_removed(
    removed: Iterable[Channel], unplaced: Mapping[ChannelKey, Unplaced]
) -> Iterator[PlaceStep]:
    """The same for channels that are no longer on file: their one place lasted as their ledger."""
    for channel in removed:
        never = unplaced.get(channel.key)
        if never is not None and never.first_s is not None and never.ended_s is not None:
            place = place_of(channel, None)
            yield PlaceStep(channel.key, never.first_s, place, is_first=True)
            yield PlaceStep(channel.key, never.ended_s, None)


def _says_otherwise(before: Channel, channel: Channel) -> bool:
    """Something of what places are made of was set anew; a change of state alone is none."""
    return (
        before.reported is not channel.reported
        or before.overrides is not channel.overrides
        or before.division_override is not channel.division_override
    )
