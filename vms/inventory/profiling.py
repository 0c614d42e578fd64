"""Which profile counts for a device, and where each of its values comes from. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from vms.gb28181.profiles import FIELDS, PROFILES, Profile, Value, choose, with_fields
from vms.gb28181.version import Edition
from vms.inventory.model import Device


class Origin(StrEnum):
    """Where a value comes from."""

    CHOSEN = "chosen"
    """The profile chosen by what the device says of itself."""
    PROFILE = "profile"
    """The profile that a person named."""
    OVERRIDE = "override"
    """Set singly by a person."""
    DEVICE = "device"
    """The device says so itself: only its edition."""


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """One field of a device's profile."""

    value: Value
    origin: Origin


def profile_of(device: Device) -> Profile:
    """How a device is to be spoken to; `edition` is the one to speak."""
    profile = with_fields(_base(device), device.profile_fields)
    edition = _edition(device, profile)[0]
    return profile if edition is profile.edition else replace(profile, edition=edition)


def explained(device: Device) -> dict[str, ExplainedValue]:
    """Every field of a device's profile, and where it comes from."""
    values = profile_of(device).values()
    is_named = device.profile_override is not None
    origins = dict.fromkeys(FIELDS, Origin.PROFILE if is_named else Origin.CHOSEN)
    origins.update(dict.fromkeys(device.profile_fields, Origin.OVERRIDE))
    its_own = _edition(device, _base(device))[1]
    if its_own is not None:
        origins["edition"] = its_own
    return {name: ExplainedValue(value, origins[name]) for name, value in values.items()}


def _base(device: Device) -> Profile:
    named = PROFILES.get(device.profile_override or "")
    return named or choose(device.manufacturer, device.user_agent, device.model)


def _edition(device: Device, profile: Profile) -> tuple[Edition, Origin | None]:
    """Set by a person, else told by the device, else what its profile assumes."""
    if device.edition_override is not None:
        return device.edition_override, Origin.OVERRIDE
    if "edition" in device.profile_fields or device.edition is Edition.UNKNOWN:
        return profile.edition, None
    return device.edition, Origin.DEVICE
