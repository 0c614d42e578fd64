"""Gathers what is known of something that was lost: from the inventory and the last REGISTERs."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sip.message import Address
from vms.diagnosis.causes import Cause as PlayCause
from vms.diagnosis.explainer import ExplainedPlay
from vms.diagnosis.outage_causes import Parent, instant
from vms.diagnosis.outage_grouping import Loss, Refusal, Role, places_of
from vms.gb28181.ids import Kind, kind_of
from vms.inventory.inventory import Inventory
from vms.inventory.model import Channel, Device, Status
from vms.inventory.outage_records import EvidenceValue, OutageKind, OutageMember
from vms.inventory.placement import parent_of, segment_of
from vms.inventory.queries import LARGEST_PAGE, DeviceQuery, status_of
from vms.signalling.registration_history import FAILURES, Attempt
from vms.signalling.registration_history import Cause as Came

KEEPS_AWAY = (FAILURES | {Came.REDIRECTED}) - {Came.OTHER_ADDRESS}
"""What a REGISTER can come to that explains why the device is not here. A device that moved is let
in at its new address as soon as the old one has been silent."""

LENSES = 2
"""A unit under a camera's ID may have so many channels and be no recorder."""

OVERDUE = 1.5
"""Keepalive intervals of silence after which a device does not prove that its network works."""

UNSEEN = frozenset(
    {
        PlayCause.INVITE_UNANSWERED,
        PlayCause.INVITE_REFUSED,
        PlayCause.NO_RTP,
        PlayCause.RTP_UNUSABLE,
        PlayCause.NO_KEY_PICTURE,
    }
)
"""What a play can come to that means that no picture comes, whoever asks."""

BUSY = frozenset({486, 503, 600})
"""Refusals that mean that others are watching."""

_PLATFORMS = frozenset({Kind.SYSTEM, Kind.PLATFORM_PART})


class OutageFacts:
    """Makes a `Loss` of what happened; None where the device or channel is not on file."""

    def __init__(self, inventory: Inventory, history: Callable[[str], Attempt | None]) -> None:
        self._inventory = inventory
        self._history = history

    def gone(self, device_id: str, way: str, at: datetime) -> Loss | None:
        """A device that is not there."""
        device = self._inventory.find_device(device_id)
        if device is None:
            return None
        loss = self._device_loss(OutageKind.GONE, device, way, at)
        channels = self._inventory.channel_counts(device_id)[0]
        return replace(
            loss,
            role=self._role(device_id, channels),
            channels=channels,
            refusal=self._refusal(device, loss.heard_s),
            facts={**loss.facts, **_expiry(device, loss)},
        )

    def clock(self, device_id: str, offset_s: float, at: datetime) -> Loss | None:
        """A device whose clock is off."""
        device = self._inventory.find_device(device_id)
        if device is None:
            return None
        loss = self._device_loss(OutageKind.CLOCK, device, "clock_off", at)
        return replace(loss, facts={**loss.facts, "clock_offset_s": round(offset_s, 1)})

    def conflict(self, device_id: str, other_address: str, at: datetime) -> Loss | None:
        """An ID that two units claim."""
        device = self._inventory.find_device(device_id)
        if device is None:
            return None
        loss = self._device_loss(OutageKind.CONFLICT, device, "second_unit", at)
        return replace(loss, facts={**loss.facts, "other_address": other_address})

    def off(self, device_id: str, channel_id: str, at: datetime) -> Loss | None:
        """A channel that its device reports as off."""
        found = self._channel(device_id, channel_id)
        if found is None:
            return None
        channel, device = found
        reported = channel.reported.status_text or "OFF"
        if channel.absent_syncs:
            reported = "left out of the catalogue"
        facts: dict[str, EvidenceValue] = {"reported": reported}
        if channel_id in device.faulty:
            facts["faulty_in_keepalive"] = True
        return self._channel_loss(OutageKind.OFF, channel, device, "catalog", at, facts)

    def unseen(self, play: ExplainedPlay, at: datetime) -> Loss | None:
        """A channel whose play brought no picture; None where that is not the device's doing."""
        view, diagnosis = play.view, play.diagnosis
        found = self._channel(view.device_id, view.channel_id)
        if found is None or diagnosis.cause not in UNSEEN or view.sip_status in BUSY:
            return None
        facts: dict[str, EvidenceValue] = {
            "session_id": view.session_id,
            "play_cause": diagnosis.cause.value,
            "stage": diagnosis.stage or "-",
            "told": view.told_address or "-",
        }
        if view.sip_status is not None:
            facts["sip_status"] = view.sip_status
        return self._channel_loss(OutageKind.NO_MEDIA, *found, diagnosis.cause.value, at, facts)

    def again(
        self, kind: OutageKind, member: OutageMember, evidence: Mapping[str, EvidenceValue]
    ) -> Loss:
        """A loss that was kept, with what is known of it now; of what is no longer on file only
        what was kept."""
        at = datetime.fromtimestamp(member.since_s).astimezone()
        loss: Loss | None = None
        if member.channel_id:
            found = self._channel(member.device_id, member.channel_id)
            if found is not None:
                loss = self._channel_loss(kind, *found, member.way, at, {})
        elif kind is OutageKind.GONE:
            loss = self.gone(member.device_id, member.way, at)
        else:
            device = self._inventory.find_device(member.device_id)
            loss = None if device is None else self._device_loss(kind, device, member.way, at)
        if loss is None:
            loss = Loss(kind, member.device_id, member.key, member.way, member.since_s)
        known = {
            name: evidence[name]
            for name in ("address", "clock_offset_s", "other_address", "reported", "play_cause")
            if name in evidence and evidence.get("device_id") == member.device_id
        }
        return replace(
            loss,
            channel_id=member.channel_id,
            heard_s=loss.heard_s if member.heard_s is None else member.heard_s,
            falls=member.falls,
            facts={**loss.facts, **known},
        )

    # What is asked beside

    def is_there(self, device_id: str) -> bool:
        """Whether the device is online."""
        device = self._inventory.on_file(device_id)
        return device is not None and self._inventory.status(device) is Status.ONLINE

    def offline(self) -> list[str]:
        """Devices that are."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            query = DeviceQuery(status=Status.OFFLINE, cursor=cursor, limit=LARGEST_PAGE)
            page = self._inventory.devices(query)
            found += [device.device_id for device in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    def heard_since(self, device_id: str, at: datetime) -> bool:
        """Whether the device was heard after that moment."""
        device = self._inventory.find_device(device_id)
        return device is not None and device.last_heard_at is not None and device.last_heard_at > at

    def parent(self, device_id: str, parent_id: str) -> Parent:
        """What hangs in a recorder behind a device, and what of it is off."""
        own = [channel for channel in self.channels(device_id) if parent_of(channel) == parent_id]
        off = sum(status_of(channel.state) is Status.OFFLINE for channel in own)
        return Parent(len(own), off)

    def channels(self, device_id: str) -> Sequence[Channel]:
        """All channels of a device; none of one that is not on file."""
        return self._inventory.channels_of(device_id)

    async def alive(self, places: set[str], now: datetime) -> Mapping[str, int]:
        """Devices that are heard in these segments and divisions; a device whose keepalive is
        overdue proves nothing. Every place is in the answer."""
        counts: Counter[str] = Counter(dict.fromkeys(places, 0))
        cursor: str | None = None
        while places:
            query = DeviceQuery(status=Status.ONLINE, cursor=cursor, limit=LARGEST_PAGE)
            page = self._inventory.devices(query)
            for device in page.items:
                if _is_heard(device, now):
                    segment = "" if device.binding is None else segment_of(device.binding.host)
                    counts.update(places.intersection(places_of(device.device_id, segment)))
            cursor = page.next_cursor
            if cursor is None:
                break
            await asyncio.sleep(0)
        return counts

    # Inside

    def _channel(self, device_id: str, channel_id: str) -> tuple[Channel, Device] | None:
        device = self._inventory.find_device(device_id)
        if device is None or not self._inventory.has_channel(device_id, channel_id):
            return None
        return self._inventory.channel(device_id, channel_id), device

    def _device_loss(self, kind: OutageKind, device: Device, way: str, at: datetime) -> Loss:
        heard_at = device.last_heard_at
        host, facts = self._whereabouts(device)
        return Loss(
            kind=kind,
            device_id=device.device_id,
            key=device.key,
            way=way,
            at_s=at.timestamp(),
            heard_s=None if heard_at is None else heard_at.timestamp(),
            interval_s=device.keepalive_interval_s,
            limit_s=device.keepalive_interval_s * device.keepalive_misses,
            segment=segment_of(host),
            facts=facts,
        )

    def _whereabouts(self, device: Device) -> tuple[str, dict[str, EvidenceValue]]:
        """Where it is bound; of one that signed off, where its last REGISTER came from."""
        binding, attempt = device.binding, self._history(device.device_id)
        if binding is not None:
            address = str(Address(binding.host, binding.port))
            return binding.host, {"address": address, "transport": binding.transport}
        if attempt is None:
            return "", {}
        address, _, transport = attempt.source.partition(" ")
        return _host_of(attempt), {"address": address, "transport": transport}

    def _channel_loss(
        self,
        kind: OutageKind,
        channel: Channel,
        device: Device,
        way: str,
        at: datetime,
        facts: Mapping[str, EvidenceValue],
    ) -> Loss:
        loss = self._device_loss(kind, device, way, at)
        return replace(
            loss,
            key=channel.key,
            channel_id=channel.channel_id,
            parent_id=parent_of(channel),
            facts={**loss.facts, **facts},
        )

    def _role(self, device_id: str, channels: int) -> Role:
        kind = kind_of(device_id)
        if kind in _PLATFORMS:
            return Role.PLATFORM
        if channels < 2 or (kind is Kind.CAMERA and channels <= LENSES):
            return Role.CAMERA
        parents = set(map(parent_of, self.channels(device_id)))
        has_recorders = any(
            parent != device_id and kind_of(parent) is Kind.MAIN_DEVICE for parent in parents
        )
        return Role.PLATFORM if has_recorders else Role.RECORDER

    def _refusal(self, device: Device, heard_s: float | None) -> Refusal | None:
        """Its last REGISTER, where that explains why it is not here. One from elsewhere while the
        device was heard was somebody else's."""
        attempt, binding = self._history(device.device_id), device.binding
        if attempt is None or attempt.cause not in KEEPS_AWAY:
            return None
        is_elsewhere = binding is not None and _host_of(attempt) != binding.host
        if is_elsewhere and attempt.at.timestamp() <= (heard_s or 0.0):
            return None
        return Refusal(attempt.cause.value, attempt.source, attempt.at.timestamp(), attempt.count)


def _expiry(device: Device, loss: Loss) -> dict[str, EvidenceValue]:
    """Its registration ended, nothing came after it, and that is why it counts as gone."""
    binding, keepalive_at = device.binding, device.last_keepalive_at
    if binding is None or loss.way != "silent" or loss.heard_s is None:
        return {}
    expires_s = binding.expires_at.timestamp()
    kept_alive = keepalive_at is not None and keepalive_at >= binding.registered_at
    is_early = loss.at_s - loss.heard_s < loss.limit_s - 1
    if kept_alive or not is_early or expires_s > loss.at_s:
        return {}
    return {"expired_at": instant(expires_s)}


def _host_of(attempt: Attempt) -> str:
    """Of `192.0.2.7:5060 UDP`, `[2001:db8::7]:5060 TCP`."""
    return attempt.source.partition(" ")[0].rpartition(":")[0].strip("[]")


def _is_heard(device: Device, now: datetime) -> bool:
    if device.last_heard_at is None:
        return False
    silent_s = (now - device.last_heard_at).total_seconds()
    return silent_s <= OVERDUE * device.keepalive_interval_s
