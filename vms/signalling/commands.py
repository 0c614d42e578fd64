"""The front door to everything a device can be asked or told.

`queries` ask, `controls` order, `steering` moves; `configs`, `records`, `snapshots` and `upgrades`
have rules of their own. Whoever uses it gets typed answers, and `VmsError` children for the rest.
"""

from collections.abc import Callable
from pathlib import Path

from vms.clock import Clock
from vms.events import EventBus
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import DeviceUpgradeResult, Message, UploadSnapShotFinished
from vms.inventory.inventory import Inventory
from vms.signalling.clock_offsets import ClockOffsets
from vms.signalling.commanding import Commanding
from vms.signalling.commands_controls import ControlCommands
from vms.signalling.commands_queries import QueryCommands
from vms.signalling.configs import Configs
from vms.signalling.device_queries import DeviceQueries
from vms.signalling.messenger import Messenger
from vms.signalling.record_search import RecordSearch
from vms.signalling.snapshots import DeviceSnapshots
from vms.signalling.steering import Steering
from vms.signalling.upgrades import Upgrades


class DeviceCommands:
    """Every query and control of GB/T 28181, by what it is about."""

    def __init__(
        self,
        messenger: Messenger,
        basics: DeviceQueries,
        inventory: Inventory,
        offsets: ClockOffsets,
        events: EventBus,
        clock: Clock,
        new_id: Callable[[], str],
        *,
        snapshot_folder: Path,
        token: Callable[[], str],
    ) -> None:
        self._commanding = Commanding(messenger, inventory)
        self.queries = QueryCommands(self._commanding, basics)
        self.controls = ControlCommands(self._commanding)
        self.steering = Steering(self._commanding, messenger, events, clock)
        self.configs = Configs(self._commanding, messenger)
        self.records = RecordSearch(
            self._commanding, messenger, basics, offsets, events, clock, new_id
        )
        self.snapshots = DeviceSnapshots(
            self.configs, messenger, events, clock, new_id, folder=snapshot_folder, token=token
        )
        self.upgrades = Upgrades(self._commanding, messenger, events, clock, new_id)

    def reported(self, device_id: DeviceId, message: Message) -> None:
        """A notification that a job of ours may wait for."""
        if isinstance(message, UploadSnapShotFinished):
            self.snapshots.snapshot_finished(device_id, message)
        elif isinstance(message, DeviceUpgradeResult):
            self.upgrades.upgrade_finished(device_id, message)

    async def close(self) -> None:
        """Cameras that move stop first; then everything else is given up."""
        await self.steering.close()
        await self.records.close()
        await self.snapshots.close()
        await self.upgrades.close()
        await self._commanding.close()
