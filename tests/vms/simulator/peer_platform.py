"""A platform made of sockets and literal bytes, for specifying simulated devices on the wire.

It imports nothing of the codecs: what it sends and expects is printed in the standard.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until
from vms.gb28181.version import Edition
from vms.simulator.brands import brand_named
from vms.simulator.faults import Fault
from vms.simulator.plan import Platform, SimulatorOptions
from vms.simulator.simulation import Simulation, running

SERVER_ID = "34020000002000000001"
DOMAIN = "3402000000"
DEVICE = "34020000001180000001"
CHANNEL = "34020000001320000001"
ALARM_INPUT = "34020000001340000001"
NOBODY = ("127.0.0.1", 9)


@dataclass
class WirePlatform:
    """Accepts every REGISTER without a password; asks devices in plain XML."""

    peer: SipPeer
    registers: list[Message] = field(default_factory=list[Message])
    register_headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    expires: str = "3600"
    challenge: str = ""
    redirect_to: str = ""
    _sn: "itertools.count[int]" = field(default_factory=lambda: itertools.count(17430))

    @classmethod
    @asynccontextmanager
    async def open(cls) -> "AsyncGenerator[WirePlatform]":
        async with SipPeer.open(SERVER_ID, NOBODY, "") as peer:
            platform = cls(peer)
            peer.answers |= {"NOTIFY": 200}
            task = asyncio.create_task(platform.welcome())
            try:
                yield platform
            finally:
                task.cancel()

    async def welcome(self) -> None:
        """Answer REGISTERs for ever; where the first came from is whom the platform talks to."""
        while True:
            try:
                register = await self.peer.asked("REGISTER")
            except TimeoutError:
                continue
            self.registers.append(register)
            self.peer.server = _source(register)
            if self.challenge and "Authorization" not in register:
                headers = [("WWW-Authenticate", self.challenge)]
                self.peer.respond(register, 401, "Unauthorized", headers=headers)
            elif self.redirect_to:
                headers = [("Contact", self.redirect_to)]
                self.peer.respond(register, 302, "Moved Temporarily", headers=headers)
            else:
                headers = [*self.register_headers, ("Expires", self.expires)]
                self.peer.respond(register, 200, headers=headers)

    def options(self, *faults: str) -> SimulatorOptions:
        """One device of the 2022 edition that registers here."""
        return SimulatorOptions(
            Platform(SERVER_ID, DOMAIN, self.peer.host, self.peer.port),
            password="right",
            edition=Edition.E2022,
            keepalive_s=60,
            retry_s=0.05,
            reboot_s=0.05,
            faults=tuple(Fault.parse(fault) for fault in faults),
        )

    async def say(self, what: str, target: str = CHANNEL) -> int:
        """Send a body that lacks SN and DeviceID; gives the SN once it was answered 200."""
        sn = next(self._sn)
        numbered = what.replace(
            "</CmdType>", f"</CmdType>\r\n<SN>{sn}</SN>\r\n<DeviceID>{target}</DeviceID>", 1
        )
        body = f'<?xml version="1.0" encoding="GB18030"?>\r\n{numbered}'.encode("gb18030")
        request = self.peer.request(
            "MESSAGE",
            body=body,
            headers=[("Content-Type", "Application/MANSCDP+xml")],
            uri=f"sip:{target}@{self.peer.server[0]}:{self.peer.server[1]}",
            to_id=target,
        )
        assert (await self.peer.ask(request)).status == 200
        return sn

    async def query(self, cmd_type: str, more: str = "", target: str = CHANNEL) -> Message:
        """Ask, and take the first message that answers with the query's number."""
        sn = await self.say(
            f"<Query>\r\n<CmdType>{cmd_type}</CmdType>\r\n{more}\r\n</Query>\r\n", target
        )
        return await self.answer(cmd_type, sn)

    async def control(self, what: str, target: str = CHANNEL) -> int:
        """Send a DeviceControl with that sub-command; its number."""
        return await self.say(
            f"<Control>\r\n<CmdType>DeviceControl</CmdType>\r\n{what}\r\n</Control>\r\n", target
        )

    async def configure(self, what: str, target: str = CHANNEL) -> str:
        """Send a DeviceConfig with that block; the Result."""
        sn = await self.say(
            f"<Control>\r\n<CmdType>DeviceConfig</CmdType>\r\n{what}\r\n</Control>\r\n", target
        )
        return (await self.answer("DeviceConfig", sn)).element("Result")

    async def ptz(self, code: str, more: str = "") -> None:
        """Send a PTZCmd."""
        await self.control(f"<PTZCmd>{code}</PTZCmd>\r\n{more}")

    async def answer(self, cmd_type: str, sn: int) -> Message:
        """The next message of that kind with that number."""
        while True:
            answer = await self.peer.asked("MESSAGE", cmd_type)
            if answer.element("SN") == str(sn):
                return answer

    async def invite(self, channel_id: str) -> Message:
        """Call a channel, media to nobody's port; the final answer, acknowledged by nothing."""
        host = self.peer.host
        body = (
            f"v=0\r\no={SERVER_ID} 0 0 IN IP4 {host}\r\ns=Play\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            "m=video 9 RTP/AVP 96\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\ny=0200000001\r\n"
        )
        headers = [("Contact", self.peer.contact), ("Content-Type", "application/sdp")]
        request = self.peer.request(
            "INVITE",
            body=body.encode(),
            headers=headers,
            to_id=channel_id,
            uri=f"sip:{channel_id}@{self.peer.server[0]}:{self.peer.server[1]}",
        )
        return await self.peer.ask(request)

    async def subscribe(
        self,
        what: str,
        *,
        event: str = "presence",
        expires: int | None = 600,
        again: Message | None = None,
        target: str = DEVICE,
        more: str = "",
    ) -> Message:
        """SUBSCRIBE, or refresh the subscription whose 2xx is `again`; the final answer."""
        headers = [
            ("Event", event),
            ("Contact", self.peer.contact),
            ("Content-Type", "Application/MANSCDP+xml"),
        ]
        if expires is not None:
            headers.append(("Expires", str(expires)))
        body = (
            '<?xml version="1.0" encoding="GB2312"?>\r\n<Query>\r\n'
            f"<CmdType>{what}</CmdType>\r\n<SN>{next(self._sn)}</SN>\r\n"
            f"<DeviceID>{target}</DeviceID>\r\n{more}</Query>\r\n"
        )
        raw = self.peer.request(
            "SUBSCRIBE",
            body=body.encode(),
            headers=headers,
            to_id=target,
            uri=f"sip:{target}@{self.peer.server[0]}:{self.peer.server[1]}",
            call_id=again["Call-ID"] if again else None,
        )
        if again is not None:
            raw = re.sub(rb"(?m)^To: [^\r]*", f"To: {again['To']}".encode(), raw)
        return await self.peer.ask(raw)


def _source(register: Message) -> tuple[str, int]:
    found = re.search(r"UDP ([\d.]+):(\d+)", register["Via"])
    assert found is not None
    return found.group(1), int(found.group(2))


@asynccontextmanager
async def one_device(
    *faults: str, brand: str = "generic", edition: Edition = Edition.E2022, channels: int = 1
) -> AsyncGenerator[tuple[WirePlatform, Simulation]]:
    """A simulated device that has registered at a platform of literal bytes."""
    async with WirePlatform.open() as platform:
        options = replace(
            platform.options(*faults),
            brand=brand_named(brand),
            edition=edition,
            channels=channels,
        )
        async with running(options) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
            yield platform, simulation
