"""What people may change, checked; and what makes two alarms the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from vms.errors import InvalidError
from vms.gb28181.errors import ProtocolError
from vms.gb28181.profiles import PROFILES, checked
from vms.gb28181.version import Edition
from vms.inventory.model import (
    Device,
    DevicePatch,
    ProfileValue,
    ReportedAlarm,
)

MEDIA_TRANSPORTS = frozenset({"", "udp", "udp_shared", "tcp_passive", "tcp_active"})
LONGEST_NAME = 200
LONGEST_SECRET = 64
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 1.0, 3600.0
MOST_MISSES = 100


def patched(device: Device, patch: DevicePatch) -> Device:
    """`device` with what a person wants changed; raises `InvalidError` for nonsense."""
    changed = replace(
        device,
        name_override=local_name(patch["name"]) if "name" in patch else device.name_override,
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


def fingerprint(alarm: ReportedAlarm) -> str:
    """The same alarm sent again has the same CmdType, SN, time and body, within its device.

    One without a time of its own is the same when the same request brings it again.
    """
    body = hashlib.sha256(alarm.raw).hexdigest()
    when = alarm.occasion or alarm.occurred_at.isoformat()
    return f"{alarm.cmd_type}:{alarm.sn}:{when}:{body}"


def local_name(text: str | None) -> str | None:
    """A name set by a person; empty goes back to the reported one."""
    if text is None or not text.strip():
        return None
    if len(text) > LONGEST_NAME:
        raise InvalidError(f"a name has at most {LONGEST_NAME} characters")
    if not text.strip().isprintable():
        raise InvalidError("a name has printable characters only")
    return text.strip()
