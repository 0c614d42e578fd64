"""A server in this process and bare SIP devices before it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from tests.support.sip_peer import SipPeer
from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, PASSWORD, settings_for
from vms.clock import Clock
from vms.gb28181.ids import DeviceId
from vms.server import Server
from vms.sessions.broker import BrokerPolicy

DEVICE, CHANNEL = FIRST_DEVICE, FIRST_CHANNEL
OTHER_DEVICE = DeviceId("34020000001180000002")
OTHER_HOST = "127.0.0.2"
PATIENT = BrokerPolicy(first_byte_limit_s=60.0)
"""The devices of these tests answer calls and send no pictures."""


@asynccontextmanager
async def stage(
    folder: Path, clock: Clock | None = None, limits: BrokerPolicy = PATIENT, **overrides: str
) -> AsyncGenerator[Server]:
    """`overrides` are settings with `__` for the dot; whoever knows the password is let in."""
    async with Server.open(settings_for(folder, **overrides), clock, limits) as server:
        yield server


@asynccontextmanager
async def device(
    server: Server,
    device_id: str = DEVICE,
    *,
    password: str = PASSWORD,
    host: str = "127.0.0.1",
    transport: Literal["UDP", "TCP"] = "UDP",
) -> AsyncGenerator[SipPeer]:
    """A device that has not registered yet."""
    ours = server.endpoint.address
    async with SipPeer.open(
        device_id, (ours.host, ours.port), password, host=host, transport=transport
    ) as peer:
        yield peer


@asynccontextmanager
async def registered(
    server: Server,
    device_id: str = DEVICE,
    *,
    host: str = "127.0.0.1",
    transport: Literal["UDP", "TCP"] = "UDP",
    version: str = "",
) -> AsyncGenerator[SipPeer]:
    """One that has; `version` is its X-GB-Ver."""
    async with device(server, device_id, host=host, transport=transport) as peer:
        headers = [("X-GB-Ver", version)] if version else []
        assert (await peer.register(headers=headers)).status == 200
        yield peer


def keepalive(device_id: str = DEVICE, sn: int = 43) -> str:
    """As printed in the standard (9.6)."""
    return (
        '<?xml version="1.0" encoding="GB2312"?>\n<Notify>\n<CmdType>Keepalive</CmdType>\n'
        f"<SN>{sn}</SN>\n<DeviceID>{device_id}</DeviceID>\n<Status>OK</Status>\n</Notify>\n"
    )


def alarm(source_id: str = CHANNEL, sn: int = 1, description: str = "") -> str:
    """As printed in the standard (A.2.5.2)."""
    text = f"<AlarmDescription>{description}</AlarmDescription>\n" if description else ""
    return (
        '<?xml version="1.0" encoding="GB2312"?>\n<Notify>\n<CmdType>Alarm</CmdType>\n'
        f"<SN>{sn}</SN>\n<DeviceID>{source_id}</DeviceID>\n<AlarmPriority>4</AlarmPriority>\n"
        f"<AlarmMethod>5</AlarmMethod>\n<AlarmTime>2024-05-01T16:23:32</AlarmTime>\n{text}"
        "<Info>\n<AlarmType>6</AlarmType>\n</Info>\n</Notify>\n"
    )


def catalogue(sn: int | str, total: int, *channel_ids: str, device_id: str = DEVICE) -> str:
    """One part of an answer (A.2.6.7)."""
    items = "".join(
        f"<Item>\n<DeviceID>{channel_id}</DeviceID>\n<Name>Camera {channel_id[-2:]}</Name>\n"
        "<Manufacturer>Acme</Manufacturer>\n<Model>IP Camera</Model>\n<Owner>Owner</Owner>\n"
        "<CivilCode>340200</CivilCode>\n<Address>Address</Address>\n<Parental>0</Parental>\n"
        f"<ParentID>{device_id}</ParentID>\n<SafetyWay>0</SafetyWay>\n"
        "<RegisterWay>1</RegisterWay>\n<Secrecy>0</Secrecy>\n<Status>ON</Status>\n</Item>\n"
        for channel_id in channel_ids
    )
    listed = f'<DeviceList Num="{len(channel_ids)}">\n{items}</DeviceList>\n'
    return (
        '<?xml version="1.0" encoding="GB2312"?>\n<Response>\n<CmdType>Catalog</CmdType>\n'
        f"<SN>{sn}</SN>\n<DeviceID>{device_id}</DeviceID>\n<SumNum>{total}</SumNum>\n{listed}"
        "</Response>\n"
    )


def channel_id(number: int) -> str:
    """The ID of a camera."""
    return f"3402000000132{number:07d}"
