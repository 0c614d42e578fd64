"""What people may change, checked; and what makes two alarms the same."""

import hashlib
from dataclasses import replace

from vms.errors import InvalidError
from vms.inventory.model import Channel, ChannelPatch, Device, DevicePatch, ReportedAlarm

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
    )
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
    )


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
