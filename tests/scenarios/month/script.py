"""The month of `expected`, lived: every line of its script, as a message, an order or a stop.

What devices do comes by SIP. Orders of operators (patience, removal, another division) go
the way the HTTP API takes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from itertools import islice

from media.unit import Codec
from tests.interop import ps_builder
from tests.scenarios.month.cameras import CameraDevice, chosen
from tests.scenarios.month.cast import the_cast
from tests.scenarios.month.desk import Desk
from tests.scenarios.month.expected import EAST, NORTH, SOUTH
from tests.scenarios.month.life import Life
from tests.support.units import video_units
from tests.support.waiting import until
from vms.figures.exclusion_model import Exclusion, ExclusionStatus, Reason
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.model import ChannelPatch, DevicePatch, NewDevice

AT_ONCE = 40
"""Devices that speak at the same moment: fewer than make a storm."""

CATALOGUES_AT_ONCE = 8
"""They are long, and nobody repeats what finds no room in a socket's buffer."""

PATIENT = DevicePatch(keepalive_interval_s=3600.0, keepalive_misses=100)


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Seconds since the month began, of a time on the site's clock."""
    return (day - 1) * 86_400 + hour * 3_600 + minute * 60 + second


EDGES_S = (
    at(2, 0, 30),  # where a picture would have ended that another followed
    at(2, 1, 15),
    at(2, 9, 0, 30),
    at(2, 15, 0, 30),  # where a connection would have been missed
    at(3, 22, 5),
    at(6, 7, 30),  # where a picture would have ended that OFF ended before
    at(6, 11),
    at(8, 12),
    at(17, 11),
    at(19, 1, 0, 10),
    at(20, 10, 13),
    at(20, 10, 26, 10),
    at(20, 10, 32, 15),
    at(24, 2, 8),
)
"""Where something falls due of itself. The server looks every hour, and every second around these:
what fell due a second early or late would be seen so."""

LOOKS_S = (
    *range(at(0), at(32, 3), 3_600),
    *(edge_s + near_s for edge_s in EDGES_S for near_s in range(-3, 4)),
)


class Month:
    """The devices by group, and what they go through."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.groups: dict[str, list[CameraDevice]] = {}
        self.well: list[CameraDevice] = []
        """Who sends a sign of life when all do."""
        self.desk = Desk(life)
        self._regretted: Exclusion
        self._packs: list[bytes] = []
        self._stack = AsyncExitStack()

    # Steps

    async def _ask(self, group: str, reason: Reason, start_s: int, end_s: int) -> Exclusion:
        """For the group's one recorder."""
        [device] = self.groups[group]
        return await self.desk.ask(device.device_id, reason, start_s, end_s)

    async def _each(
        self,
        members: Iterable[CameraDevice],
        do: Callable[[CameraDevice], Awaitable[None]],
        at_once: int = AT_ONCE,
    ) -> None:
        waiting = iter(members)
        while crowd := list(islice(waiting, at_once)):
            await asyncio.gather(*(do(device) for device in crowd))

    async def _arrive(self, device: CameraDevice) -> None:
        """It is plugged in, registers, and is asked what it has; an operator trusts it."""
        await device.peer.reopen()
        self._stack.push_async_callback(device.peer.close)
        await device.register()
        await device.answer_catalogue(self.life.server)
        await self.life.server.inventory.patch_device(device.device_id, PATIENT)
        self.well.append(device)

    async def _register(self, *groups: str) -> None:
        for group in groups:
            await self._each(self.groups[group], CameraDevice.register)
            self.well += self.groups[group]

    async def _unregister(self, *groups: str) -> None:
        for group in groups:
            await self._each(self.groups[group], lambda device: device.register(0))
            self._miss(group)

    def _miss(self, group: str) -> None:
        """They are not among those that are well."""
        self.well = [device for device in self.well if device not in self.groups[group]]

    async def _reconnect(self, device: CameraDevice) -> None:
        await device.peer.reopen()
        await device.register()

    async def _disconnect(self, device: CameraDevice) -> None:
        """Closed, and the server has noticed."""
        endpoint = self.life.server.endpoint
        open_before = endpoint.stats.connections
        await device.peer.close()
        await until(lambda: endpoint.stats.connections < open_before)
        for _ in range(3):
            await asyncio.sleep(0)  # what it does then takes no time, but a turn

    async def _all_are_well(self, at_s: int) -> None:
        await self.life.until(at_s)
        await self._each(self.well, CameraDevice.keep_alive)
        await self.life.until(at_s)

    async def _restart(
        self, down_s: int, resumes_s: int, signs_s: int, *, is_killed: bool = False
    ) -> None:
        """The server is away; a minute after it came back all that are well are heard."""
        await self.life.restart(down_s, resumes_s, is_killed=is_killed)
        for members in self.groups.values():
            for device in members:
                device.peer.server = self.life.address
        await self.life.until(signs_s)
        by_tcp = self.groups["lost_connection"]
        await self._each(by_tcp, self._reconnect)
        await self._each(
            [device for device in self.well if device not in by_tcp], CameraDevice.keep_alive
        )
        await self.life.until(signs_s)

    async def _show(self) -> None:
        show = self.life.server
        await self._each(self.groups["seen"], lambda device: device.show(show, self._packs))

    async def _notify(self, group: str, event: str, *, is_on: bool) -> None:
        for device in self.groups[group]:
            for camera in device.cameras:
                camera.is_on = is_on
        await self._each(self.groups[group], lambda device: device.notify(event, device.cameras))

    def _change_division(self, group: str, division: str) -> None:
        for device in self.groups[group]:
            for camera in device.cameras:
                camera.division = division

    # The month

    async def live(self) -> None:
        """All of it, from the 0th to the 32nd."""
        pictures = video_units(Codec.H264, 1, width=64, height=64)
        self._packs = ps_builder.program_stream(
            [(pictures[0].data, True)] * 50, [], video=ps_builder.H264, audio=ps_builder.G711A
        )
        async with self._stack:
            self.groups = the_cast(self.life.address)
            await self._first_days()
            await self._first_third()
            await self._second_third()
            await self._last_third()

    async def _first_days(self) -> None:
        life, groups = self.life, self.groups
        inventory = life.server.inventory
        [visitor], [grace], [by_tcp] = (
            groups["visitor"],
            groups["grace_passed"],
            groups["lost_connection"],
        )
        await life.until(at(0))
        await inventory.add_device(NewDevice(DeviceId(visitor.device_id)))
        [never] = groups["never_came"]
        never_id = DeviceId(never.device_id)
        await inventory.add_device(NewDevice(never_id))
        for camera in never.cameras:
            patch = ChannelPatch(division=camera.division)
            await inventory.add_channel(never_id, ChannelId(camera.channel_id), patch)
        later = {"visitor", "late", "under_construction", "never_came"}
        for group, members in groups.items():
            if group not in later:
                await self._each(members, self._arrive, CATALOGUES_AT_ONCE)
        twelve_hours = DevicePatch(keepalive_interval_s=3600.0, keepalive_misses=12)
        await inventory.patch_device(grace.device_id, twelve_hours)
        six_hourly = [at(0) + hours * 3_600 for hours in range(6, 79, 6)]

        async def grace_is_heard_until(at_s: int) -> None:
            while six_hourly and six_hourly[0] <= at_s:
                await life.until(six_hourly.pop(0))
                await grace.keep_alive()
            await life.until(at_s)

        await grace_is_heard_until(at(0, 22))
        await self._unregister("over_the_borders")
        await grace_is_heard_until(at(1, 2))
        await self._register("over_the_borders")
        await grace_is_heard_until(at(1, 23, 30))
        await self._show()
        await grace_is_heard_until(at(2, 0, 15))
        await self._show()
        await grace_is_heard_until(at(2, 9))
        await self._disconnect(by_tcp)
        await grace_is_heard_until(at(2, 9, 10))
        await self._reconnect(by_tcp)
        await grace_is_heard_until(at(2, 15))
        await self._disconnect(by_tcp)
        await grace_is_heard_until(at(2, 15, 0, 29))
        await self._reconnect(by_tcp)
        await grace_is_heard_until(at(3, 8))
        await grace.keep_alive()
        self._miss("grace_passed")

    async def _first_third(self) -> None:
        life, groups = self.life, self.groups
        [grace] = groups["grace_passed"]
        await life.until(at(3, 10))
        await self._restart(300, at(3, 10, 5), at(3, 10, 6))

        await life.until(at(4, 8))
        await self._each(groups["long_silence"], CameraDevice.keep_alive)
        self._miss("long_silence")
        await life.until(at(4, 9))
        await self._register("grace_passed")
        await life.server.inventory.patch_device(grace.device_id, PATIENT)
        await life.until(at(5))
        self._change_division("there_and_back", SOUTH)
        await groups["there_and_back"][0].answer_catalogue(life.server)
        await self._the_sixth()
        await self._all_are_well(at(7, 4))
        await life.until(at(8))
        await self._each(groups["late"], self._arrive)
        await life.until(at(9, 20))
        await self._unregister("back_at_the_kill")

        await life.until(at(9, 23, 59, 30))
        await life.pass_unseen(1)
        await self._register("back_at_the_kill")
        await self._restart(59, at(10, 0, 0, 30), at(10, 0, 1, 30), is_killed=True)

    async def _the_sixth(self) -> None:
        """What a catalogue says, and what is seen."""
        life = self.life
        [catalogue] = self.groups["catalogue"]
        switched, [lost] = chosen(catalogue, range(1, 11)), chosen(catalogue, [31])
        await life.until(at(6, 6, 30))
        await self._show()
        await life.until(at(6, 7))
        await catalogue.notify("OFF", switched)
        await self._notify("seen", "OFF", is_on=False)
        await life.until(at(6, 9))
        await catalogue.notify("VLOST", [lost])
        await life.until(at(6, 9, 30))
        await catalogue.notify("ON", [lost])
        await life.until(at(6, 10))
        await self._show()
        await life.until(at(6, 12))
        await self._notify("seen", "ON", is_on=True)
        await life.until(at(6, 19))
        await catalogue.notify("ON", switched)

    async def _second_third(self) -> None:
        life, groups = self.life, self.groups
        [catalogue] = groups["catalogue"]
        await life.until(at(10, 6))
        await self._register("long_silence")
        await life.until(at(11, 9))
        maintenance = await self._ask("maintained", Reason.MAINTENANCE, at(12, 19), at(12, 21))
        await life.until(at(11, 10))
        await self.desk.approve(maintenance)
        await life.until(at(11, 12))
        self._change_division("moved", EAST)
        await self._notify("moved", "UPDATE", is_on=True)

        await life.until(at(12, 8))
        life.set_wall_clock(+120)
        await life.until(at(12, 20))
        await self._restart(180, at(12, 20, 5), at(12, 20, 6))

        await life.until(at(13))
        for camera in chosen(catalogue, range(11, 31)):
            camera.is_on = False
        await catalogue.answer_catalogue(life.server)
        await life.until(at(14))
        for camera in catalogue.cameras:
            camera.is_on = True
        await catalogue.answer_catalogue(life.server)
        listed = catalogue.cameras
        catalogue.cameras = listed[:-1]
        for hour in (6, 7, 8):
            await life.until(at(15, hour))
            await catalogue.answer_catalogue(life.server)
        catalogue.cameras = listed
        await self._the_sixteenth()
        await life.until(at(17, 10))
        await self._show()
        await life.until(at(17, 10, 20))
        await self._unregister("seen")
        await life.until(at(17, 10, 40))
        await self._register("seen")

        await life.until(at(18, 5))
        await self.desk.withdraw(self._regretted)
        await life.until(at(18, 6))
        life.set_wall_clock(-900)
        await life.until(at(18, 12))
        await life.pass_unseen(1)
        await self._restart(59, at(18, 12), at(18, 12, 1), is_killed=True)

    async def _the_sixteenth(self) -> None:
        """Four lose their power; about each of them something else is decided."""
        life, desk = self.life, self.desk
        await life.until(at(15, 9))
        cut, building, work, other = [
            await self._ask(group, Reason.POWER_CUT, at(16, 10), at(16, 18))
            for group in ("power_cut", "refused", "withdrawn", "undecided")
        ]
        await life.until(at(15, 10))
        await desk.approve(cut)
        await desk.refuse(building)
        await desk.approve(work)
        self._regretted = work
        assert other.status is ExclusionStatus.REQUESTED
        await self._all_are_well(at(15, 20))
        await life.until(at(16, 8))
        await self._unregister("power_cut", "refused", "withdrawn", "undecided")
        await life.until(at(16, 20))
        await self._register("power_cut", "refused", "withdrawn", "undecided")
        await life.until(at(17, 8))
        await life.server.upkeep.make_days()  # the 16th is counted, and will be again
        late = await self._ask("power_cut", Reason.POWER_CUT, at(16, 17), at(16, 19))
        await life.until(at(17, 9))
        await desk.approve(late)
        await life.server.upkeep.make_days()  # with what is withdrawn afterwards

    async def _last_third(self) -> None:
        life, groups = self.life, self.groups
        await life.until(at(19))
        await self._each(groups["registration_ran_out"], lambda device: device.register(3600))
        await life.until(at(19, 6))
        await self._each(groups["registration_ran_out"], CameraDevice.register)
        await self._visit()
        await life.until(at(21, 12))
        await self._each(groups["under_construction"], self._arrive)
        await life.until(at(21, 15))
        construction = await self._ask(
            "under_construction", Reason.CONSTRUCTION, at(21, 10), at(21, 14)
        )
        await self.desk.approve(construction)
        await self._all_are_well(at(21, 16))
        await life.until(at(22))
        await self._notify("moved_while_off", "OFF", is_on=False)
        await life.until(at(22, 12))
        self._change_division("moved_while_off", EAST)
        await self._notify("moved_while_off", "UPDATE", is_on=False)
        await life.until(at(23))
        await self._notify("moved_while_off", "ON", is_on=True)

        await life.until(at(24, 2))
        await self._restart(1_140, at(24, 2, 5), at(24, 2, 6))

        await life.until(at(25, 12))
        [removed] = groups["taken_off_file"]
        await life.server.inventory.remove_device(removed.device_id)
        self._miss("taken_off_file")
        await life.until(at(26))
        self._change_division("there_and_back", NORTH)
        await groups["there_and_back"][0].answer_catalogue(life.server)
        await self._all_are_well(at(27, 4))
        await life.until(at(28))
        await self._unregister("moved_by_hand")
        await life.until(at(28, 6))
        [by_hand] = groups["moved_by_hand"]
        for camera in by_hand.cameras:
            await life.server.inventory.patch_channel(
                by_hand.device_id, camera.channel_id, ChannelPatch(division=EAST)
            )
        await life.until(at(28, 12))
        await self._register("moved_by_hand")
        await self._all_are_well(at(30, 8))
        await life.until(at(31, 23))
        await self._unregister("over_the_borders")
        await life.until(at(32, 1))
        await self._register("over_the_borders")
        await life.until(at(32, 2))

    async def _visit(self) -> None:
        """The 20th: a rhythm that is learned, a link on the edge."""
        life = self.life
        [visitor] = self.groups["visitor"]

        async def heard(first_s: int, last_s: int, every_s: int = 60) -> None:
            for at_s in range(first_s, last_s + 1, every_s):
                await life.until(at_s)
                await visitor.keep_alive()

        await life.until(at(20, 10))
        await visitor.peer.reopen()
        self._stack.push_async_callback(visitor.peer.close)
        await visitor.register()
        await visitor.answer_catalogue(life.server)
        await heard(at(20, 10, 1), at(20, 10, 10))
        await heard(at(20, 10, 20, 10), at(20, 10, 23, 55), every_s=45)
        await heard(at(20, 10, 30), at(20, 10, 30))
        await heard(at(20, 10, 40, 10), at(20, 10, 59, 10))
        await life.until(at(20, 11))
        await visitor.register(0)
