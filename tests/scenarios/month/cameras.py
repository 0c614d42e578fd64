"""The devices of the month: bare SIP peers that tell what they are told to tell, in printed XML."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.support.sip_peer import Message, SipPeer
from tests.support.town import PASSWORD
from tests.support.waiting import until
from vms.gb28181.ids import DeviceId
from vms.server import Server
from vms.signalling.jobs import JobState

WEEK_S = 604_800
"""The longest registration there is."""

ITEMS_IN_A_PART = 20
PICTURE_PERIOD_S = 0.02


@dataclass
class Camera:
    """A channel as its device tells it."""

    channel_id: str
    division: str
    maker: str
    is_on: bool = True

    def item(self, device_id: str, event: str = "") -> str:
        """With an event an item of a NOTIFY (9.11.4), without one of an answer (A.2.6.7)."""
        about = f"<Event>{event}</Event>\n" if event else ""
        parent = "" if device_id == self.channel_id else f"<ParentID>{device_id}</ParentID>\n"
        return (
            f"<Item>\n<DeviceID>{self.channel_id}</DeviceID>\n{about}"
            f"<Name>Camera {self.channel_id[-7:]}</Name>\n<Manufacturer>{self.maker}"
            "</Manufacturer>\n<Model>IP Camera</Model>\n<Owner>Owner</Owner>\n"
            f"<CivilCode>{self.division}</CivilCode>\n<Address>Address</Address>\n"
            f"<Parental>0</Parental>\n{parent}<SafetyWay>0</SafetyWay>\n"
            "<RegisterWay>1</RegisterWay>\n<Secrecy>0</Secrecy>\n"
            f"<Status>{'ON' if self.is_on else 'OFF'}</Status>\n</Item>\n"
        )


@dataclass
class CameraDevice:
    """A recorder with its channels, or a camera that is its own one."""

    peer: SipPeer
    cameras: list[Camera] = field(default_factory=list[Camera])

    @property
    def device_id(self) -> str:
        """20 digits."""
        return self.peer.device_id

    async def register(self, expires_s: int = WEEK_S) -> None:
        """With a digest; 0 unregisters."""
        assert (await self.peer.register(expires=expires_s)).status == 200

    async def keep_alive(self) -> None:
        """As printed in the standard (9.6)."""
        body = (
            '<?xml version="1.0" encoding="GB2312"?>\n<Notify>\n<CmdType>Keepalive</CmdType>\n'
            f"<SN>43</SN>\n<DeviceID>{self.device_id}</DeviceID>\n<Status>OK</Status>\n</Notify>\n"
        )
        assert (await self.peer.tell(body)).status == 200

    async def answer_catalogue(self, server: Server) -> None:
        """An operator asks for the catalogue; all of it comes, and is stored."""
        asking = asyncio.create_task(server.link.catalog_fetched(DeviceId(self.device_id)))
        sn = (await self.peer.asked("MESSAGE", "Catalog")).element("SN")
        for part in _parts(self.cameras):
            items = "".join(camera.item(self.device_id) for camera in part)
            body = (
                '<?xml version="1.0" encoding="GB2312"?>\n<Response>\n<CmdType>Catalog</CmdType>\n'
                f"<SN>{sn}</SN>\n<DeviceID>{self.device_id}</DeviceID>\n"
                f"<SumNum>{len(self.cameras)}</SumNum>\n"
                f'<DeviceList Num="{len(part)}">\n{items}</DeviceList>\n</Response>\n'
            )
            assert (await self.peer.tell(body)).status == 200
        job = await asking
        assert job.state is JobState.COMPLETE, job

    async def notify(self, event: str, cameras: Sequence[Camera]) -> None:
        """A change of the catalogue (9.11.4)."""
        for part in _parts(cameras):
            items = "".join(camera.item(self.device_id, event) for camera in part)
            body = (
                '<?xml version="1.0" encoding="GB2312"?>\n<Notify>\n<CmdType>Catalog</CmdType>\n'
                f"<SN>5</SN>\n<DeviceID>{self.device_id}</DeviceID>\n<SumNum>{len(part)}</SumNum>\n"
                f'<DeviceList Num="{len(part)}">\n{items}</DeviceList>\n</Notify>\n'
            )
            assert (await self.peer.notify(body)).status == 200

    async def show(self, server: Server, packs: Sequence[bytes]) -> None:
        """It is called, sends a program stream until it proved its picture, and is hung up."""
        channel_id = self.cameras[0].channel_id
        heard_at = server.inventory.device(self.device_id).last_heard_at
        playing = asyncio.create_task(
            server.viewing.live(self.device_id, channel_id, transport="udp", wait_s=30.0)
        )
        invite = await self.peer.asked("INVITE")
        sending = asyncio.create_task(self._send(invite, packs))
        try:
            view = await playing
            # A picture is a sign of life, and nothing else of this device came in this second.
            await until(
                lambda: server.inventory.device(self.device_id).last_heard_at != heard_at, 30.0
            )
        finally:
            sending.cancel()
        await server.viewing.end(view.session_id)
        await self.peer.asked("BYE")

    async def _send(self, invite: Message, packs: Sequence[bytes]) -> None:
        offer = invite.body.decode()
        port = int(offer.partition("m=video ")[2].split(" ")[0])
        ssrc = int(offer.partition("y=")[2].split("\r\n")[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((self.peer.host, 0))
            self.peer.accept(invite, media_port=sock.getsockname()[1])
            sequence = 0
            while True:
                kind = 96 | 0x80
                head = struct.pack(">BBHII", 0x80, kind, sequence & 0xFFFF, sequence * 3600, ssrc)
                sock.sendto(head + packs[sequence % len(packs)], ("127.0.0.1", port))
                sequence += 1
                await asyncio.sleep(PICTURE_PERIOD_S)


def _parts(cameras: Sequence[Camera]) -> list[Sequence[Camera]]:
    return [
        cameras[first : first + ITEMS_IN_A_PART]
        for first in range(0, len(cameras), ITEMS_IN_A_PART)
    ]


def recorder(
    number: int,
    channels: int,
    division: str,
    maker: str,
    server: tuple[str, int],
    *,
    is_tcp: bool = False,
) -> CameraDevice:
    """A recorder's ID has type 118, its channels' 132."""
    peer = _peer(f"3402000000118{number:07d}", number, server, "TCP" if is_tcp else "UDP")
    return CameraDevice(
        peer,
        [
            Camera(f"3402000000132{number * 1000 + channel:07d}", division, maker)
            for channel in range(1, channels + 1)
        ],
    )


def camera(number: int, division: str, maker: str, server: tuple[str, int]) -> CameraDevice:
    """A camera that registers itself, and reports nothing but itself."""
    device_id = f"3402000000132{number:07d}"
    peer = _peer(device_id, number, server, "UDP")
    return CameraDevice(peer, [Camera(device_id, division, maker)])


def _peer(
    device_id: str, number: int, server: tuple[str, int], transport: Literal["UDP", "TCP"]
) -> SipPeer:
    """Each at an address of its own."""
    host = f"127.1.{number // 200}.{number % 200 + 1}"
    peer = SipPeer(device_id, server, PASSWORD, host=host, transport=transport)
    peer.answers["SUBSCRIBE"] = 489  # changes are told all the same
    return peer


def chosen(device: CameraDevice, numbers: Iterable[int]) -> list[Camera]:
    """Channels by number, counted from 1."""
    return [device.cameras[number - 1] for number in numbers]
