"""What a simulated device is beside its registration: made by the first command or call."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vms.clock import Clock
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import (
    AlarmNotify,
    BasicParam,
    CatalogResponse,
    ConfigControl,
    ConfigDownloadQuery,
    DeviceControlResponse,
    DeviceUpgradeResult,
    KeyFrameControl,
    Message,
    RebootControl,
    RecordInfoResponse,
    Result,
    SnapShotConfig,
    UpgradeControl,
    UploadSnapShotFinished,
)
from vms.simulator.answers import Desk
from vms.simulator.calls import Calls
from vms.simulator.catalogue import device_name
from vms.simulator.controls import Panel
from vms.simulator.faults import FaultKind
from vms.simulator.life import Life, Rounds, Spawn
from vms.simulator.link import ServerLink
from vms.simulator.notices import Notices
from vms.simulator.plan import DevicePlan, SimulatorOptions
from vms.simulator.snapshots import take_and_upload
from vms.simulator.studio import Studio
from vms.simulator.summary import Summary
from vms.simulator.unit import Unit
from vms.simulator.whereabouts import home_of

HEARTBEAT_COUNT = 3


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all devices of a simulation share."""

    options: SimulatorOptions
    studio: Studio
    summary: Summary
    clock: Clock
    spawn: Spawn
    rounds: Rounds


class Interior:
    """Heads, settings, calls and subscriptions of one device, and what commands do to them.

    `restart` takes the device away and back: as a reboot, or at once to register anew.
    """

    def __init__(
        self,
        plan: DevicePlan,
        around: Surroundings,
        link: ServerLink,
        life: Life,
        sns: Iterator[int],
        restart: Callable[[float], None],
    ) -> None:
        self._plan = plan
        self._around = around
        self._link = link
        self._life = life
        self._sns = sns
        self._restart = restart
        self._firmware = around.options.brand.firmware
        self._loop_time = asyncio.get_running_loop().time
        self.unit = Unit(plan, around.options.edition, self._basic())
        self.calls = Calls(
            plan,
            around.options.edition,
            around.studio,
            around.summary,
            around.spawn,
            self._caption,
            around.options.container,
            self._reboot,
        )
        self.desk = Desk(
            plan=plan,
            options=around.options,
            unit=self.unit,
            now=self._loop_time,
            wall=link.wall,
            is_encoding=lambda: len(self.calls) > 0,
            firmware=lambda: self._firmware,
        )
        self.notices = Notices(self.desk, link, around.summary, around.spawn, sns)
        self._panel = Panel(plan, self.unit, self._loop_time, life.configure)

    def vanish(self) -> None:
        """End calls and subscriptions without a word."""
        self.calls.drop()
        self.notices.drop()

    async def leave(self) -> None:
        """End calls and subscriptions as the standard asks."""
        await self.notices.terminate()
        await self.calls.hang_up()

    async def report(self, alarm: AlarmNotify) -> bool:
        """Send an alarm to whoever subscribed, else in a MESSAGE; whether it was answered 200."""
        if self.notices.has_alarms:
            return await self.notices.alarmed(alarm)
        return await self._link.send(alarm) == 200

    async def obey(self, name: str, message: Message) -> None:
        """Answer a query, carry out a control; `name` is what it is counted as."""
        answers = self._answers(message)
        is_answered = await self._send_all(answers)
        if is_answered:
            self._around.summary.note_command(name, self._around.summary.commands_answered)
        match message:
            case KeyFrameControl():
                self.calls.want_key_picture(message.device_id)
            case RebootControl():
                self._reboot()
            case UpgradeControl():
                self._upgrade(message)
            case ConfigControl():
                for block in message.blocks:
                    if isinstance(block, SnapShotConfig):
                        await self._take_snapshots(message.device_id, block)
            case ConfigDownloadQuery():
                self._perhaps_register_anew(message)
            case _:
                pass

    def _answers(self, message: Message) -> Iterator[Message]:
        if isinstance(message, UpgradeControl):
            yield DeviceControlResponse(message.sn, message.device_id, Result.OK)
            return
        yield from self.desk.answers(message)
        yield from self._panel.answers(message)

    async def _send_all(self, answers: Iterator[Message]) -> bool:
        """One after the other, each when the last was answered (annex M)."""
        summary = self._around.summary
        statuses: list[int | None] = []
        for answer in answers:
            status = await self._link.send(answer)
            statuses.append(status)
            if status is None:
                break
            summary.catalog_parts += isinstance(answer, CatalogResponse)
            summary.record_parts += isinstance(answer, RecordInfoResponse)
        return bool(statuses) and all(status == 200 for status in statuses)

    def _reboot(self) -> None:
        """Gone without a word, and back a little later."""
        self.vanish()
        self._restart(self._around.options.reboot_s)

    def _upgrade(self, control: UpgradeControl) -> None:
        """Nothing is fetched: the device restarts and says that the new firmware runs.

        A firmware of another maker is refused as broken.
        """
        brand = self._around.options.brand
        is_ours = control.manufacturer in ("", brand.manufacturer)
        if is_ours:
            self._firmware = control.firmware
        result = DeviceUpgradeResult(
            next(self._sns),
            self._plan.device_id,
            control.session_id,
            Result.OK if is_ours else Result.ERROR,
            self._firmware,
            "" if is_ours else "02",
        )
        self._reboot()
        self._life.on_registered = lambda: self._send_soon(result)

    def _send_soon(self, message: Message) -> None:
        async def send() -> None:
            await self._link.send(message)

        _ = self._around.spawn(send())

    async def _take_snapshots(self, device_id: DeviceId, order: SnapShotConfig) -> None:
        summary = self._around.summary
        is_device = device_id == self._plan.device_id
        channel_id = self._plan.channel_ids[0] if is_device else device_id
        names = await take_and_upload(
            order,
            channel_id,
            self._around.options.platform.host,
            self._link.wall,
            lambda: self._caption(channel_id),
            summary.note_error,
        )
        summary.snapshots_uploaded += len(names)
        await self._link.send(
            UploadSnapShotFinished(next(self._sns), device_id, order.session_id, names)
        )

    def _perhaps_register_anew(self, query: ConfigDownloadQuery) -> None:
        if FaultKind.REGISTERS_ON_CONFIG not in self._plan.faults:
            return
        settings = self.unit.configuration(query.device_id)
        if not all(settings.knows(one) for one in query.config_types):
            self._restart(0)

    def _caption(self, channel_id: str) -> str:
        """Where the channel's camera points, for its picture."""
        head = self.unit.head(channel_id, self._loop_time())
        if head is None:
            return ""
        pose = head.pose(self._loop_time())
        return f"P{pose.pan:.1f} T{pose.tilt:.1f} Z{pose.zoom:.1f}"

    def _basic(self) -> BasicParam:
        options = self._around.options
        longitude, latitude = home_of(self._plan.channel_ids[0])
        return BasicParam(
            name=device_name(self._plan),
            expiration_s=options.expires_s,
            heartbeat_interval_s=max(int(options.keepalive_s), 1),
            heartbeat_count=HEARTBEAT_COUNT,
            position_capability=0,
            longitude=longitude,
            latitude=latitude,
        )
