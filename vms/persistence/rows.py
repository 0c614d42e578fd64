"""Model to row and back, one pair of functions a table."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Row as SqlRow
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.version import Edition
from vms.inventory.model import (
    Alarm,
    Binding,
    Cause,
    Channel,
    ChannelKey,
    Device,
    DeviceKey,
    Interval,
    ReportedChannel,
    State,
    Subject,
    SubjectKind,
    TreeNode,
    Waiting,
    WaitingVerdict,
)

Row = dict[str, object]
"""Values by column name, as SQLAlchemy takes them."""

Values = tuple[object, ...]
"""The same where their order says which is which."""

Fetched = SqlRow[*tuple[Any, ...]]

Value = TypeVar("Value")

ROWS_AT_ONCE = 500
"""Rows read in one go: a city's worth would keep the event loop for seconds."""

NO_BINDING: Mapping[str, None] = dict.fromkeys(
    (
        "transport",
        "host",
        "port",
        "contact",
        "local_host",
        "call_id",
        "registered_at",
        "expires_at",
    )
)


async def fetched(
    connection: AsyncConnection,
    query: Select[*tuple[Any, ...]],
    read: Callable[[Fetched], Value],
) -> list[Value]:
    """All that a query finds, in its order; others are served while it is read."""
    found: list[Value] = []
    async with connection.stream(query) as rows:
        async for part in rows.partitions(ROWS_AT_ONCE):
            found += [read(row) for row in part]
    return found


def liveness_of(device: Device) -> Row:
    """What `touch_devices` writes: all that changes without anybody having said so."""
    row: Row = {
        "last_keepalive_at": device.last_keepalive_at,
        "last_heard_at": device.last_heard_at,
        "keepalive_interval_s": device.keepalive_interval_s,
        "keepalive_misses": device.keepalive_misses,
        "state": device.state.value,
        "state_since": device.state_since,
        "tolerances": dict(device.tolerances),
        "clock_offset_s": device.clock_offset_s,
    }
    binding = device.binding
    if binding is None:
        row.update(NO_BINDING)
    else:
        row["transport"] = binding.transport
        row["host"] = binding.host
        row["port"] = binding.port
        row["contact"] = binding.contact
        row["local_host"] = binding.local_host
        row["call_id"] = binding.call_id
        row["registered_at"] = binding.registered_at
        row["expires_at"] = binding.expires_at
    return row


def row_of_device(device: Device) -> Row:
    """Every column but `removed`."""
    row = liveness_of(device)
    row["key"] = device.key
    row["device_id"] = str(device.device_id)
    row["name"] = device.name
    row["manufacturer"] = device.manufacturer
    row["model"] = device.model
    row["firmware"] = device.firmware
    row["user_agent"] = device.user_agent
    row["edition"] = device.edition.value
    row["sip_username"] = device.sip_username
    row["secret"] = device.secret
    row["name_override"] = device.name_override
    row["media_transport"] = device.media_transport
    row["created_at"] = device.created_at
    row["profile_override"] = device.profile_override
    row["profile_fields"] = dict(device.profile_fields)
    row["edition_override"] = (
        None if device.edition_override is None else device.edition_override.value
    )
    return row


def device_of(row: Fetched) -> Device:
    """A row of `devices`."""
    return Device(
        key=DeviceKey(row.key),
        device_id=DeviceId(row.device_id),
        name=row.name,
        manufacturer=row.manufacturer,
        model=row.model,
        firmware=row.firmware,
        user_agent=row.user_agent,
        edition=Edition(row.edition),
        sip_username=row.sip_username,
        secret=row.secret,
        name_override=row.name_override,
        media_transport=row.media_transport,
        binding=None
        if row.registered_at is None
        else Binding(
            transport=row.transport,
            host=row.host,
            port=row.port,
            contact=row.contact,
            local_host=row.local_host,
            call_id=row.call_id,
            registered_at=row.registered_at,
            expires_at=row.expires_at,
        ),
        last_keepalive_at=row.last_keepalive_at,
        last_heard_at=row.last_heard_at,
        keepalive_interval_s=row.keepalive_interval_s,
        keepalive_misses=row.keepalive_misses,
        state=State(row.state),
        state_since=row.state_since,
        created_at=row.created_at,
        tolerances=row.tolerances,
        profile_override=row.profile_override,
        profile_fields=row.profile_fields,
        edition_override=None if row.edition_override is None else Edition(row.edition_override),
        clock_offset_s=row.clock_offset_s,
    )


class ChannelRow(NamedTuple):
    """Every column of `channels` but `removed`, in their order: they come by the thousand, and a
    dictionary takes five times the memory."""

    key: int
    device_key: int
    channel_id: str
    name: str
    manufacturer: str
    model: str
    owner: str
    civil_code: str
    address: str
    parent_ids: Sequence[str]
    business_group_id: str
    parental: bool
    secrecy: bool
    ptz_type: int | None
    longitude: float | None
    latitude: float | None
    is_on: bool
    status_text: str
    extra: Mapping[str, str]
    name_override: str | None
    division_override: str | None
    state: str
    state_since: datetime | None
    absent_syncs: int
    overrides: Mapping[str, str | float]


AnyRow = Row | ChannelRow
"""What statements of many rows take."""


def row_of_channel(channel: Channel) -> ChannelRow:
    """A row of `channels`."""
    reported = channel.reported
    return ChannelRow(
        channel.key,
        channel.device_key,
        str(reported.channel_id),
        reported.name,
        reported.manufacturer,
        reported.model,
        reported.owner,
        reported.civil_code,
        reported.address,
        reported.parent_ids,
        reported.business_group_id,
        reported.parental,
        reported.secrecy,
        reported.ptz_type,
        reported.longitude,
        reported.latitude,
        reported.is_on,
        reported.status_text,
        reported.extra,
        channel.name_override,
        channel.division_override,
        channel.state.value,
        channel.state_since,
        channel.absent_syncs,
        channel.overrides,
    )


def channel_of(row: Fetched) -> Channel:
    """A row of `channels` with its device's `device_id`."""
    return Channel(
        key=ChannelKey(row.key),
        device_key=DeviceKey(row.device_key),
        device_id=DeviceId(row.device_id),
        reported=ReportedChannel(
            channel_id=ChannelId(row.channel_id),
            name=row.name,
            manufacturer=row.manufacturer,
            model=row.model,
            owner=row.owner,
            civil_code=row.civil_code,
            address=row.address,
            parent_ids=tuple(row.parent_ids),
            business_group_id=row.business_group_id,
            parental=row.parental,
            secrecy=row.secrecy,
            ptz_type=row.ptz_type,
            longitude=row.longitude,
            latitude=row.latitude,
            is_on=row.is_on,
            status_text=row.status_text,
            extra=row.extra,
        ),
        name_override=row.name_override,
        division_override=row.division_override,
        overrides=row.overrides,
        state=State(row.state),
        state_since=row.state_since,
        absent_syncs=row.absent_syncs,
    )


def row_of_alarm(alarm: Alarm) -> Row:
    """Every column of `alarms`."""
    return {
        "alarm_id": alarm.alarm_id,
        "device_key": alarm.device_key,
        "device_id": str(alarm.device_id),
        "source_id": alarm.source_id,
        "sn": alarm.sn,
        "priority": alarm.priority,
        "method": alarm.method,
        "alarm_type": alarm.alarm_type,
        "occurred_at": alarm.occurred_at,
        "received_at": alarm.received_at,
        "description": alarm.description,
        "longitude": alarm.longitude,
        "latitude": alarm.latitude,
        "fingerprint": alarm.fingerprint,
        "raw": alarm.raw,
    }


def alarm_of(row: Fetched) -> Alarm:
    """A row of `alarms`."""
    return Alarm(
        alarm_id=row.alarm_id,
        device_key=DeviceKey(row.device_key),
        device_id=DeviceId(row.device_id),
        source_id=row.source_id,
        sn=row.sn,
        priority=row.priority,
        method=row.method,
        alarm_type=row.alarm_type,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        description=row.description,
        longitude=row.longitude,
        latitude=row.latitude,
        fingerprint=row.fingerprint,
        raw=row.raw,
    )


def row_of_node(node: TreeNode) -> Row:
    """Every column of `tree_nodes`."""
    return {
        "device_key": node.device_key,
        "node_id": node.node_id,
        "name": node.name,
        "parent_id": node.parent_id,
        "business_group_id": node.business_group_id,
    }


def node_of(row: Fetched) -> TreeNode:
    """A row of `tree_nodes`."""
    return TreeNode(
        device_key=DeviceKey(row.device_key),
        node_id=row.node_id,
        name=row.name,
        parent_id=row.parent_id,
        business_group_id=row.business_group_id,
    )


def row_of_waiting(waiting: Waiting) -> Row:
    """Every column of `waiting`."""
    return {
        "device_id": str(waiting.device_id),
        "source_host": waiting.source_host,
        "source_port": waiting.source_port,
        "transport": waiting.transport,
        "user_agent": waiting.user_agent,
        "verdict": waiting.verdict.value,
        "first_seen_at": waiting.first_seen_at,
        "last_seen_at": waiting.last_seen_at,
        "attempts": waiting.attempts,
        "refused": waiting.refused,
    }


def waiting_of(row: Fetched) -> Waiting:
    """A row of `waiting`."""
    return Waiting(
        device_id=DeviceId(row.device_id),
        source_host=row.source_host,
        source_port=row.source_port,
        transport=row.transport,
        user_agent=row.user_agent,
        verdict=WaitingVerdict(row.verdict),
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        attempts=row.attempts,
        refused=row.refused,
    )


def interval_of(row: Fetched) -> Interval:
    """A row of `ledger`."""
    return Interval(
        subject=Subject(SubjectKind(row.kind), row.subject_key),
        start_s=row.start_s,
        end_s=row.end_s,
        state=State(row.state),
        cause=Cause(row.cause),
    )
