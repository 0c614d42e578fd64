"""Where channels belonged, read back; what is written goes with the change that caused it."""

from collections.abc import Sequence

from vms.inventory.model import ChannelKey
from vms.inventory.placement import Placement, Unplaced
from vms.persistence import placement_log
from vms.persistence.database import Database


class SqlPlacementStore:
    """Rows of placements. See `PlacementStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def placements(self, key: ChannelKey) -> Sequence[Placement]:
        """All of one channel, in order of start."""
        async with self._database.reading() as connection:
            return await placement_log.of_channel(connection, key)

    async def placements_of_all(self, from_s: int, to_s: int) -> Sequence[Placement]:
        """Those that overlap [from_s, to_s), removed channels included, by channel then start."""
        async with self._database.reading() as connection:
            return await placement_log.of_all(connection, from_s, to_s)

    async def unplaced_channels(self) -> Sequence[Unplaced]:
        """Channels that never had a place, removed ones included."""
        async with self._database.reading() as connection:
            return await placement_log.unplaced(connection)
