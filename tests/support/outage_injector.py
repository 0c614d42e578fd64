"""Makes cameras, recorders and platforms fail on the wire, each in a way of its own.

Bare SIP devices with random IDs at random loopback addresses; what happens to which of them is in
an order that a seed shuffles. It imports nothing of the server: what a cause looks like from
outside is written down here a second time, from the standard, and the causes are literals.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Literal

from tests.support.sip_peer import Message, SipPeer

CAMERA, RECORDER, PLATFORM = "132", "118", "200"
KEEPALIVE_S = 1.0
BEIJING = timezone(timedelta(hours=8))
SLOW_CLOCK = timedelta(minutes=7)

Transport = Literal["UDP", "TCP"]


class Unit:
    """One device: it registers, keeps alive, answers what it is asked, until told otherwise."""

    def __init__(self, peer: SipPeer, channels: Sequence[tuple[str, str]]) -> None:
        self.peer = peer
        peer.answers["SUBSCRIBE"] = 200
        self.channels = channels
        """ID and parent of each."""
        self.clock_error = timedelta()
        self.is_silent = False
        self.dark: set[str] = set()
        """Channels that its catalogue calls off."""
        self._sn = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Registered, its catalogue told, alive."""
        assert (await self.peer.register()).status == 200
        await self._list_channels()
        self._tasks = [
            asyncio.create_task(work())
            for work in (
                self._keep_alive,
                self._say_who_it_is,
                self._say_what_it_has,
                self._say_what_time_it_is,
            )
        ]

    async def _list_channels(self, sn: str = "") -> None:
        items = "".join(
            f"<Item><DeviceID>{channel_id}</DeviceID><Name>C</Name><Manufacturer>M</Manufacturer>"
            f"<Model>M</Model><Owner>O</Owner><CivilCode></CivilCode><Address>A</Address>"
            f"<Parental>0</Parental><ParentID>{parent_id}</ParentID><RegisterWay>1</RegisterWay>"
            "<Secrecy>0</Secrecy>"
            f"<Status>{'OFF' if channel_id in self.dark else 'ON'}</Status></Item>"
            for channel_id, parent_id in self.channels
        )
        await self._tell(
            "Response",
            "Catalog",
            f"<SumNum>{len(self.channels)}</SumNum>"
            f'<DeviceList Num="{len(self.channels)}">{items}</DeviceList>',
            sn,
        )

    async def end(self) -> None:
        """The unit is gone, whatever it was doing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def report(self, event: str, channel_ids: Sequence[str]) -> None:
        """A change of the catalogue (9.11.4)."""
        items = "".join(
            f"<Item><DeviceID>{channel_id}</DeviceID><Event>{event}</Event></Item>"
            for channel_id in channel_ids
        )
        self._sn += 1
        body = (
            f'<?xml version="1.0"?><Notify><CmdType>Catalog</CmdType><SN>{self._sn}</SN>'
            f"<DeviceID>{self.peer.device_id}</DeviceID><SumNum>{len(channel_ids)}</SumNum>"
            f'<DeviceList Num="{len(channel_ids)}">{items}</DeviceList></Notify>'
        )
        assert (await self.peer.notify(body, event="Catalog")).status == 200

    async def _tell(self, root: str, cmd_type: str, rest: str, sn: str = "") -> Message:
        self._sn += 1
        return await self.peer.tell(
            f'<?xml version="1.0"?><{root}><CmdType>{cmd_type}</CmdType><SN>{sn or self._sn}</SN>'
            f"<DeviceID>{self.peer.device_id}</DeviceID>{rest}</{root}>"
        )

    async def _keep_alive(self) -> None:
        while True:
            if not self.is_silent:
                self._sn += 1
                self.peer.send(
                    self.peer.message(
                        f'<?xml version="1.0"?><Notify><CmdType>Keepalive</CmdType>'
                        f"<SN>{self._sn}</SN><DeviceID>{self.peer.device_id}</DeviceID>"
                        "<Status>OK</Status></Notify>"
                    )
                )
            await asyncio.sleep(KEEPALIVE_S)

    async def _asked(self, cmd_type: str) -> Message:
        while True:
            try:
                return await self.peer.asked("MESSAGE", cmd_type)
            except TimeoutError:
                continue

    async def _say_who_it_is(self) -> None:
        while True:
            sn = (await self._asked("DeviceInfo")).element("SN")
            if not self.is_silent:
                await self._tell("Response", "DeviceInfo", "<Result>OK</Result>", sn)

    async def _say_what_it_has(self) -> None:
        while True:
            sn = (await self._asked("Catalog")).element("SN")
            if not self.is_silent:
                await self._list_channels(sn)

    async def _say_what_time_it_is(self) -> None:
        while True:
            sn = (await self._asked("DeviceStatus")).element("SN")
            at = datetime.now(BEIJING) + self.clock_error
            if not self.is_silent:
                await self._tell(
                    "Response",
                    "DeviceStatus",
                    "<Result>OK</Result><Online>ONLINE</Online><Status>OK</Status>"
                    f"<DeviceTime>{at:%Y-%m-%dT%H:%M:%S}</DeviceTime>",
                    sn,
                )


@dataclass
class Case:
    """One thing that goes wrong: what it is, and whom it concerns."""

    cause: str
    units: list[Unit] = field(default_factory=list[Unit])
    strike: Callable[[], Awaitable[None]] | None = None
    played: str = ""
    """The channel that somebody has to try to watch."""

    @property
    def device_ids(self) -> list[str]:
        return [unit.peer.device_id for unit in self.units]


class Injector:
    """Builds the cases and makes them happen. `add` puts a device on file, as an operator does."""

    def __init__(
        self,
        server: tuple[str, int],
        password: str,
        seed: int,
        add: Callable[[str], Awaitable[object]],
    ) -> None:
        self._server = server
        self._password = password
        self._add = add
        self._dice = Random(seed)  # noqa: S311  - no secret
        self._taken: set[str] = set()
        self._stack = AsyncExitStack()
        self.cases: list[Case] = []

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        server: tuple[str, int],
        password: str,
        seed: int,
        add: Callable[[str], Awaitable[object]],
    ) -> "AsyncGenerator[Injector]":
        injector = cls(server, password, seed, add)
        async with injector._stack:
            yield injector

    # What can go wrong

    async def prepare(self) -> None:
        """Everybody is there and well, the cases in an order of chance."""
        builders = [
            self._refused,
            self._silent_camera,
            self._dark_channels,
            self._dead_recorder,
            self._dead_segment,
            self._dead_division,
            self._dead_platform,
            self._cut_connection,
            self._goodbye,
            self._wrong_clock,
            self._no_picture,
            self._flapping,
            self._twins,
        ]
        self._dice.shuffle(builders)
        for build in builders:
            self.cases.append(await build())

    async def strike(self) -> None:
        """All of it, nearly at once."""
        async with asyncio.TaskGroup() as group:
            for case in self.cases:
                if case.strike is not None:
                    group.create_task(_run(case.strike))

    async def _refused(self) -> Case:
        unit = await self.unit(CAMERA)

        async def strike() -> None:
            unit.is_silent = True
            unit.peer.password += "?"
            assert (await unit.peer.register()).status == 403

        return Case("registration_refused", [unit], strike)

    async def _silent_camera(self) -> Case:
        return self._falls_silent("keepalives_stopped", [await self.unit(CAMERA)])

    async def _dead_recorder(self) -> Case:
        return self._falls_silent("recorder_lost", [await self.unit(RECORDER, channels=8)])

    async def _dead_platform(self) -> Case:
        unit = await self.unit(PLATFORM, channels=6, behind=[self._id(RECORDER) for _ in range(2)])
        return self._falls_silent("platform_lost", [unit])

    async def _dead_segment(self) -> Case:
        network = self._network()
        units = [
            await self.unit(CAMERA, host=f"{network}.{last}")
            for last in self._dice.sample(range(1, 255), 4)
        ]
        return self._falls_silent("segment_silent", units)

    async def _dead_division(self) -> Case:
        division = self._centre()[:6]
        units = [
            await self.unit(CAMERA, host=f"{network}.{last}", centre=division + "00")
            for network in (self._network(), self._network(), self._network())
            for last in self._dice.sample(range(1, 255), 2)
        ]
        return self._falls_silent("division_silent", units)

    async def _dark_channels(self) -> Case:
        unit = await self.unit(RECORDER, channels=5)

        async def strike() -> None:
            dark = [channel_id for channel_id, _ in unit.channels[:2]]
            unit.dark.update(dark)
            await unit.report(self._dice.choice(["OFF", "VLOST", "DEFECT"]), dark)

        return Case("channel_off", [unit], strike)

    async def _cut_connection(self) -> Case:
        unit = await self.unit(CAMERA, transport="TCP")

        async def strike() -> None:
            unit.is_silent = True
            await unit.peer.close()

        return Case("connection_lost", [unit], strike)

    async def _goodbye(self) -> Case:
        unit = await self.unit(CAMERA)

        async def strike() -> None:
            unit.is_silent = True
            assert (await unit.peer.register(expires=0)).status == 200

        return Case("unregistered", [unit], strike)

    async def _wrong_clock(self) -> Case:
        """It is asked for its time soon after it registered."""
        return Case("clock_drift", [await self.unit(CAMERA, clock_error=-SLOW_CLOCK)])

    async def _no_picture(self) -> Case:
        unit = await self.unit(CAMERA)

        async def accept() -> None:
            for _ in range(4):
                unit.peer.accept(await unit.peer.asked("INVITE"))

        async def strike() -> None:
            task = asyncio.create_task(accept())
            self._stack.callback(task.cancel)

        return Case("media_never_arrives", [unit], strike, played=unit.channels[0][0])

    async def _flapping(self) -> Case:
        unit = await self.unit(CAMERA)

        async def strike() -> None:
            unit.is_silent = True
            for _ in range(4):
                assert (await unit.peer.register(expires=0)).status == 200
                assert (await unit.peer.register()).status == 200
            assert (await unit.peer.register(expires=0)).status == 200

        return Case("flapping", [unit], strike)

    async def _twins(self) -> Case:
        unit = await self.unit(CAMERA)
        twin = await self._peer(unit.peer.device_id, f"{self._network()}.9", "UDP")

        async def strike() -> None:
            assert (await twin.register()).status == 403

        return Case("id_conflict", [unit], strike)

    def _falls_silent(self, cause: str, units: list[Unit]) -> Case:
        async def strike() -> None:
            for unit in units:
                unit.is_silent = True

        return Case(cause, units, strike)

    # Units

    async def unit(
        self,
        kind: str,
        *,
        channels: int = 1,
        host: str = "",
        centre: str = "",
        transport: Transport = "UDP",
        behind: Sequence[str] = (),
        clock_error: timedelta = timedelta(),
    ) -> Unit:
        """A device that is well; `behind` are recorders that its channels hang in."""
        device_id = self._id(kind, centre)
        await self._add(device_id)
        peer = await self._peer(device_id, host or f"{self._network()}.7", transport)
        parents = list(behind) or [device_id]
        hung = [(self._id(CAMERA), parents[index % len(parents)]) for index in range(channels)]
        unit = Unit(peer, hung)
        unit.clock_error = clock_error
        self._stack.push_async_callback(unit.end)
        await unit.begin()
        return unit

    async def _peer(self, device_id: str, host: str, transport: Transport) -> SipPeer:
        return await self._stack.enter_async_context(
            SipPeer.open(device_id, self._server, self._password, host=host, transport=transport)
        )

    def _id(self, kind: str, centre: str = "") -> str:
        while True:
            serial = self._dice.randrange(10**6)
            found = f"{centre or self._centre()}00{kind}0{serial:06d}"
            if found not in self._taken:
                self._taken.add(found)
                return found

    def _centre(self) -> str:
        """A division of eight digits."""
        return str(self._dice.randrange(11_010_100, 65_999_999))

    def _network(self) -> str:
        """127.x.y, of which no other unit has an address."""
        while True:
            found = f"127.{self._dice.randrange(16, 250)}.{self._dice.randrange(1, 250)}"
            if found not in self._taken:
                self._taken.add(found)
                return found


async def _run(strike: Callable[[], Awaitable[None]]) -> None:
    await strike()
