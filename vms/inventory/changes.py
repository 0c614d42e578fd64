"""What people may change, checked; and what makes two alarms the same."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace

from vms.errors import InvalidError
from vms.gb28181.errors import ProtocolError
from vms.gb28181.profiles import PROFILES, checked
from vms.gb28181.version import Edition
from vms.inventory.model import (
    Channel,
    ChannelPatch,
    Device,
    DevicePatch,
    ProfileValue,
    ReportedAlarm,
)

OVERRIDABLE = frozenset(
    {
        "class",
        "site_type",
        "longitude",
        "latitude",
        "address",
        "management_unit",
        "builder",
        "maintainer",
    }
)
"""What of a channel is set here beside its name and division; the last two no device reports."""

_MOST_DEGREES = {"longitude": 180, "latitude": 90}
_PATTERNS = {
    "class": re.compile(r"[1239]"),
    "site_type": re.compile(r"[0-9]{3}(?:[0-9]{2}){0,2}"),
}
MEDIA_TRANSPORTS = frozenset({"", "udp", "tcp_passive", "tcp_active"})
LONGEST_NAME = 200
LONGEST_SECRET = 64
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 1.0, 3600.0
MOST_MISSES = 100


def patched(device: Device, patch: DevicePatch) -> Device:
    """`device` with what a person wants changed; raises `InvalidError` for nonsense."""
    changed = replace(
        device,
        name_override=_name(patch["name"]) if "name" in patch else device.name_override,
        secret=patch.get("secret", device.secret),
        sip_username=patch.get("sip_username", device.sip_username),
        media_transport=patch.get("media_transport", device.media_transport),
        keepalive_interval_s=patch.get("keepalive_interval_s", device.keepalive_interval_s),
        keepalive_misses=patch.get("keepalive_misses", device.keepalive_misses),
        profile_override=patch.get("profile", device.profile_override),
        profile_fields=_profile_fields(device, patch.get("profile_fields", {})),
        edition_override=patch.get("edition_override", device.edition_override),
    )
    if changed.profile_override is not None and changed.profile_override not in PROFILES:
        raise InvalidError(f"no such profile: {changed.profile_override[:40]}")
    if changed.edition_override is Edition.UNKNOWN:
        raise InvalidError("an edition that is set is a known one")
    secret = changed.secret
    if secret is not None and not (1 <= len(secret) <= LONGEST_SECRET and secret.isprintable()):
        raise InvalidError(f"a secret has 1 to {LONGEST_SECRET} printable characters")
    if len(changed.sip_username) > LONGEST_NAME or not changed.sip_username.isprintable():
        raise InvalidError(f"a SIP username has at most {LONGEST_NAME} printable characters")
    if changed.media_transport not in MEDIA_TRANSPORTS:
        raise InvalidError(f"no such media transport: {changed.media_transport[:40]}")
    if not SHORTEST_INTERVAL_S <= changed.keepalive_interval_s <= LONGEST_INTERVAL_S:
        raise InvalidError(
            f"a keepalive interval is {SHORTEST_INTERVAL_S:g} to {LONGEST_INTERVAL_S:g} s"
        )
    if not 1 <= changed.keepalive_misses <= MOST_MISSES:
        raise InvalidError(f"1 to {MOST_MISSES} keepalives may be missed")
    return changed


def _profile_fields(
    device: Device, patch: Mapping[str, ProfileValue | None]
) -> Mapping[str, ProfileValue]:
    """The single fields set over the profile; None goes back to what the profile says."""
    merged = dict(device.profile_fields)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
            continue
        try:
            checked(name, value)
        except ProtocolError as error:
            raise InvalidError(str(error)) from error
        merged[name] = value
    return merged if merged != device.profile_fields else device.profile_fields


def patched_channel(channel: Channel, patch: ChannelPatch) -> Channel:
    """`channel` with what a person sets over the report; raises `InvalidError` for nonsense."""
    division = patch.get("division", channel.division_override) or None
    if division is not None and not (division.isascii() and division.isdigit()):
        raise InvalidError(f"a division is a civil code, digits only: {division[:40]!r}")
    if division is not None and len(division) > 20:
        raise InvalidError(f"a civil code of {len(division)} digits")
    return replace(
        channel,
        name_override=_name(patch["name"]) if "name" in patch else channel.name_override,
        division_override=division,
        overrides=_overrides(channel, patch.get("overrides", {})),
    )


def _overrides(
    channel: Channel, patch: Mapping[str, str | float | None]
) -> Mapping[str, str | float]:
    merged = dict(channel.overrides)
    for name, value in patch.items():
        if name not in OVERRIDABLE:
            raise InvalidError(f"no such field of a channel: {name[:40]}")
        if value is None or value == "":
            merged.pop(name, None)
        else:
            merged[name] = _override(name, value)
    if ("longitude" in merged) is not ("latitude" in merged):
        raise InvalidError("a position has a longitude and a latitude")
    return merged


def _override(name: str, value: str | float) -> str | float:
    most = _MOST_DEGREES.get(name)
    if most is not None:
        if isinstance(value, str) or not -most <= value <= most:
            raise InvalidError(f"a {name} is a number of degrees, {most} at most")
        return float(value)
    pattern = _PATTERNS.get(name)
    if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
        raise InvalidError(f"not a {name.replace('_', ' ')}: {str(value)[:40]!r}")
    text = _name(value)
    if text is None:
        raise InvalidError(f"a {name.replace('_', ' ')} is more than blanks")
    return text


def fingerprint(alarm: ReportedAlarm) -> str:
    """The same alarm sent again has the same CmdType, SN, time and body, within its device.

    One without a time of its own is the same when the same request brings it again.
    """
    body = hashlib.sha256(alarm.raw).hexdigest()
    when = alarm.occasion or alarm.occurred_at.isoformat()
    return f"{alarm.cmd_type}:{alarm.sn}:{when}:{body}"


def _name(text: str | None) -> str | None:
    """A name set by a person; empty goes back to the reported one."""
    if text is None or not text.strip():
        return None
    if len(text) > LONGEST_NAME:
        raise InvalidError(f"a name has at most {LONGEST_NAME} characters")
    if not text.strip().isprintable():
        raise InvalidError("a name has printable characters only")
    return text.strip()
