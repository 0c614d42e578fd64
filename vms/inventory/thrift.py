"""What thousands of devices say alike is kept once: memory per idle device is a promise.

Interned strings go when nobody holds them any more, so what devices invent does not pile up.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from sys import intern

from vms.gb28181.manscdp.catalog import SharedFields
from vms.inventory.model import Device, ReportedChannel

LONGEST_SHARED = 8
"""Values of further elements up to this length are mostly codes, which repeat; longer ones are
mostly addresses and names, which do not."""

_NOTHING: Mapping[str, str] = {}

NO_OVERRIDES: Mapping[str, str | float] = {}


def thrifty_item(item: ReportedChannel, device_id: str) -> ReportedChannel:
    """The same report with shared words; a parent that is the device itself is its own ID.

    One that was read with shared words is given back itself.
    """
    parent_ids = item.parent_ids
    is_at_home = len(parent_ids) == 1 and parent_ids[0] == device_id
    if isinstance(item.extra, SharedFields) and (is_at_home or device_id not in parent_ids):
        if is_at_home:
            item.hang_below(_home(device_id))
        return item
    extra = {
        intern(name): intern(text) if len(text) <= LONGEST_SHARED else text
        for name, text in item.extra.items()
    }
    # Not `replace`, which takes three times as long, and by position, which names would double:
    # catalogues are all of this.
    shared = ReportedChannel(
        item.channel_id,
        item.name,
        _shared(item.manufacturer),
        _shared(item.model),
        _shared(item.owner),
        _shared(item.civil_code),
        item.address,
        _home(device_id)
        if is_at_home
        else tuple([device_id if each == device_id else each for each in parent_ids]),
        _shared(item.business_group_id),
        item.parental,
        item.secrecy,
        item.ptz_type,
        item.longitude,
        item.latitude,
        item.is_on,
        _shared(item.status_text),
        extra or _NOTHING,
    )
    shared.bear(item.mark, item.forgiven)
    return shared


@lru_cache(maxsize=64)
def _home(device_id: str) -> tuple[str, ...]:
    """What all channels of a recorder name as their parent, once for all of them."""
    return (device_id,)


def thrifty_device(device: Device) -> Device:
    """The same device with shared words."""
    return replace(
        device,
        manufacturer=_shared(device.manufacturer),
        model=_shared(device.model),
        firmware=_shared(device.firmware),
        user_agent=_shared(device.user_agent),
        tolerances=shared_counts(device.tolerances),
    )


def thrifty_overrides(overrides: Mapping[str, str | float]) -> Mapping[str, str | float]:
    """The same with shared words: thousands of cameras have one maintainer; most have none."""
    if not overrides:
        return NO_OVERRIDES
    return {
        intern(name): intern(value) if isinstance(value, str) else value
        for name, value in overrides.items()
    }


def shared_counts(counts: Mapping[str, int]) -> Mapping[str, int]:
    """The same counts by name: cameras of one maker are wrong in the same ways, as often at first.
    Nobody changes a mapping of the model."""
    return _of_counts(tuple(sorted(counts.items())))


@lru_cache(maxsize=1024)
def _of_counts(counts: tuple[tuple[str, int], ...]) -> Mapping[str, int]:
    return dict(counts)


def _shared(text: str) -> str:
    # Only plain strings can be interned, and an identifier may stand where a text is expected.
    return intern(str(text)) if text else ""
