"""What people decide of channels beside what one report says: many at once, and before any came."""

from collections.abc import Sequence

from vms.errors import ConflictError, NotFoundError, VmsError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.bulk_filing import BulkFiling, ChannelWish
from vms.inventory.journal import removals
from vms.inventory.model import Channel, ChannelPatch


class ChannelFiling(BulkFiling):
    """Everything here is committed before it returns."""

    async def add_channel(
        self, device_id: DeviceId, channel_id: ChannelId, patch: ChannelPatch
    ) -> Channel:
        """Put a channel on file before its device names it: not commissioned until it does.

        Raises `ConflictError` where it is there already, `InvalidError` for nonsense.
        """
        if channel_id in self._record(device_id).channels:
            raise ConflictError(f"channel {channel_id} is on file already")
        [outcome] = await self.file_channels([ChannelWish(device_id, channel_id, patch)])
        if isinstance(outcome, VmsError):
            raise outcome
        return self.channel(device_id, channel_id)

    async def change_channels(
        self, channels: Sequence[tuple[DeviceId, ChannelId]], patch: ChannelPatch
    ) -> list[VmsError | None]:
        """Set the same for many, in one transaction; why each was refused, None where it was not.

        Raises `UnavailableError` when the database cannot serve; then none is changed.
        """
        is_there = [self.has_channel(*each) for each in channels]
        wishes = [
            ChannelWish(*each, patch)
            for each, there in zip(channels, is_there, strict=True)
            if there
        ]
        outcomes = iter(await self.file_channels(wishes))
        judged: list[VmsError | None] = []
        for (device_id, channel_id), there in zip(channels, is_there, strict=True):
            outcome = next(outcomes) if there else _missing(device_id, channel_id)
            judged.append(outcome if isinstance(outcome, VmsError) else None)
        return judged

    async def assign_to_own_group(
        self, group_id: str | None, channels: Sequence[tuple[DeviceId, ChannelId]]
    ) -> list[VmsError | None]:
        """Hang channels into a node of our own tree, or with None into none.

        Raises `NotFoundError` for the node.
        """
        if group_id is not None:
            self.own_group(group_id)
        patch = ChannelPatch(overrides={"own_group_id": group_id})
        return await self.change_channels(channels, patch)

    async def remove_channel(self, device_id: str, channel_id: str) -> None:
        """Take a channel off file that its device does not name; its ledger stays.

        Raises `ConflictError` where the device does: its next catalogue would bring it back.
        """
        await self._to_the_end(self._remove_channel(device_id, channel_id))

    async def _remove_channel(self, device_id: str, channel_id: str) -> None:
        async with self._alone(device_id):
            record = self._record(device_id)
            await self._journal.settle(record)
            channel = self.channel(device_id, channel_id)
            if channel.absent_syncs == 0:
                raise ConflictError("the device reports this channel; take it out there")
            at_s = self._ledger_clock.now_s()
            await self._save_channels(record, (), [channel], removals([channel], at_s), at_s)
            self._roster.drop_channel(record, channel_id)
            self._look_at_channels(record, (), [channel])


def _missing(device_id: str, channel_id: str) -> NotFoundError:
    return NotFoundError(f"no channel {channel_id} on device {device_id}")
