"""What the keys of rows are called."""

from typing import TYPE_CHECKING

from vms.figures.dimensions import DIVISIONS, Dimension
from vms.inventory.inventory import Inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class RowNames:
    """Names as they are when it is made; where nothing has a name the key is one."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        names = inventory.names()
        self._finders: Mapping[Dimension, Callable[[str], str]] = {
            **dict.fromkeys(DIVISIONS, names.division),
            Dimension.DEVICE: names.device,
            Dimension.PLATFORM: names.device,
            Dimension.PARENT: names.device,
            Dimension.GROUP: names.group,
            Dimension.OWN_GROUP: names.own_group,
            Dimension.CHANNEL: self._channel,
        }

    def name(self, dimension: Dimension, key: str) -> str:
        """Of a row's key."""
        find = self._finders.get(dimension)
        return (find(key) if find is not None else "") or key

    def _channel(self, key: str) -> str:
        device_id, _, channel_id = key.partition("/")
        if not self._inventory.has_channel(device_id, channel_id):
            return ""
        return self._inventory.channel(device_id, channel_id).name
