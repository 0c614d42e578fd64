"""Devices, channels, alarms and waiting rows with something in every field."""

from datetime import UTC, datetime, timedelta

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
    ReportedChannel,
    State,
    Subject,
    SubjectKind,
    Transition,
    TreeNode,
    Waiting,
    WaitingVerdict,
)
from vms.inventory.reported import Notice, Position

NOW = datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=UTC)
DEVICE_KEY_WORD = "kept with the device"


def device(key: int, device_id: str | None = None) -> Device:
    """A registered device."""
    return Device(
        key=DeviceKey(key),
        device_id=DeviceId(device_id or f"3402000000111{key:07d}"),
        name="东门录像机 🎥",
        manufacturer="Acme",
        model="NVR-16",
        firmware="V4.1",
        user_agent="IP Camera",
        edition=Edition.E2016,
        sip_username="34020000001110000001",
        secret=DEVICE_KEY_WORD,
        name_override="East gate",
        media_transport="udp",
        binding=Binding(
            transport="UDP",
            host="127.0.0.9",
            port=5070,
            contact="sip:34020000001110000001@10.0.0.9:5060",
            local_host="127.0.0.1",
            call_id="a1b2@127.0.0.9",
            registered_at=NOW,
            expires_at=NOW + timedelta(hours=1),
        ),
        last_keepalive_at=NOW + timedelta(seconds=59.999999),
        last_heard_at=NOW + timedelta(seconds=60),
        keepalive_interval_s=59.5,
        keepalive_misses=4,
        state=State.ONLINE_SIGNALLED,
        state_since=NOW,
        created_at=NOW - timedelta(days=1),
        tolerances={"late-nonce": 2},
        profile_override="dahua",
        profile_fields={"send_date": False, "ptz_max_speed": 127},
        edition_override=Edition.E2022,
        clock_offset_s=-3.25,
    )


def bare_device(key: int) -> Device:
    """A device on file that never registered."""
    return Device(key=DeviceKey(key), device_id=DeviceId(f"3402000000111{key:07d}"))


def channel(key: int, device_key: int = 1, channel_id: str | None = None) -> Channel:
    """A channel with everything reported."""
    return Channel(
        key=ChannelKey(key),
        device_key=DeviceKey(device_key),
        device_id=DeviceId(f"3402000000111{device_key:07d}"),
        reported=ReportedChannel(
            channel_id=ChannelId(channel_id or f"3402000000131{key:07d}"),
            name="大厅",
            manufacturer="Acme",
            model="Dome",
            owner="Owner",
            civil_code="340200",
            address="Hall",
            parent_ids=("34020000001110000001", "34020000002150000001"),
            business_group_id="34020000002150000001",
            parental=True,
            secrecy=True,
            ptz_type=1,
            longitude=118.25,
            latitude=31.5,
            is_on=False,
            status_text="VLOST",
            extra={"Info/Resolution": "6", "Block": "340201"},
        ),
        name_override="Hall",
        division_override="340201",
        overrides={"builder": "Builder", "longitude": 118.5, "latitude": 31.75},
        state=State.OFFLINE,
        state_since=NOW,
        absent_syncs=2,
    )


def bare_channel(key: int, device_key: int = 1) -> Channel:
    """A channel of which only the ID is known."""
    return Channel(
        key=ChannelKey(key),
        device_key=DeviceKey(device_key),
        device_id=DeviceId(f"3402000000111{device_key:07d}"),
        reported=ReportedChannel(channel_id=ChannelId(str(key))),
    )


def alarm(number: int, device_key: int = 1, fingerprint: str | None = None) -> Alarm:
    """An alarm; later numbers are newer."""
    return Alarm(
        alarm_id=f"0195-{number:08d}",
        device_key=DeviceKey(device_key),
        device_id=DeviceId(f"3402000000111{device_key:07d}"),
        source_id="34020000001320000001",
        sn=number,
        priority=1,
        method=5,
        alarm_type=2,
        occurred_at=NOW,
        received_at=NOW + timedelta(seconds=1),
        description="移动侦测",
        longitude=118.25,
        latitude=None,
        fingerprint=fingerprint or f"fingerprint-{number}",
        raw=b"<Notify>\xd2\xc6</Notify>",
    )


def notice(number: int, device_key: int = 1, *, is_known: bool = True) -> Notice:
    """A notice; later numbers are newer."""
    return Notice(
        notice_id=f"0195-{number:08d}",
        device_key=DeviceKey(device_key),
        device_id=DeviceId(f"3402000000111{device_key:07d}"),
        source_id="34020000001320000001",
        cmd_type="MediaStatus" if is_known else "TimeSync",
        sn=number,
        occurred_at=None if number % 2 else NOW,
        received_at=NOW + timedelta(seconds=1),
        facts={"notify_type": 121, "words": ["移动", None, 1.5, True]},
        is_known=is_known,
        fingerprint=f"fingerprint-{number}",
        raw=b"<Notify>\xd2\xc6</Notify>",
    )


def position(second: int, device_key: int = 1, source_id: str = "34020000001320000001") -> Position:
    """A position on a way to the east."""
    return Position(
        device_key=DeviceKey(device_key),
        device_id=DeviceId(f"3402000000111{device_key:07d}"),
        source_id=source_id,
        captured_at=NOW + timedelta(seconds=second),
        received_at=NOW + timedelta(seconds=second + 1),
        longitude=118.25 + second / 1000,
        latitude=31.5,
        speed_kmh=40.0,
        direction_deg=90.0,
    )


def node(number: int, device_key: int = 1, name: str = "组") -> TreeNode:
    """A virtual organisation of a group."""
    return TreeNode(
        DeviceKey(device_key),
        f"3402000000216{number:07d}",
        name,
        parent_id="34020000002160000001",
        business_group_id="34020000002150000001",
    )


def waiting(device_id: str = "34020000001110000077", source: str = "127.0.0.77") -> Waiting:
    """Somebody at the door."""
    return Waiting(
        device_id=DeviceId(device_id),
        source_host=source,
        source_port=5061,
        transport="TCP",
        user_agent="Camera",
        verdict=WaitingVerdict.RIGHT,
        first_seen_at=NOW,
        last_seen_at=NOW + timedelta(seconds=5),
        attempts=3,
    )


def of_device(key: int) -> Subject:
    """A device's line of the ledger."""
    return Subject(SubjectKind.DEVICE, key)


def of_channel(key: int) -> Subject:
    """A channel's line of the ledger."""
    return Subject(SubjectKind.CHANNEL, key)


def step(
    subject: Subject,
    at_s: int,
    closes_s: int | None,
    state: State = State.ONLINE_SIGNALLED,
    cause: Cause = Cause.REGISTERED,
    *,
    opens: bool = True,
) -> Transition:
    """One step of a ledger."""
    return Transition(subject, at_s, closes_s, state, cause, opens)
