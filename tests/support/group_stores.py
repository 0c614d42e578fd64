"""Own groups and names of divisions, as a database would hold them, in dictionaries."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from vms.inventory.own_groups import OwnGroup


class InMemoryGroupStore(ABC):
    """The part of `InMemoryDeviceStore` that keeps our own tree."""

    def __init__(self) -> None:
        self._own_groups: dict[str, OwnGroup] = {}
        self._division_names: dict[str, str] = {}

    @abstractmethod
    def _require(self) -> None: ...

    @abstractmethod
    async def _commit(self) -> None: ...

    async def own_groups(self) -> Sequence[OwnGroup]:
        self._require()
        return list(self._own_groups.values())

    async def save_own_group(self, group: OwnGroup) -> None:
        await self._commit()
        self._own_groups[group.group_id] = group

    async def delete_own_group(self, group_id: str) -> None:
        await self._commit()
        self._own_groups.pop(group_id, None)

    async def division_names(self) -> Mapping[str, str]:
        self._require()
        return dict(self._division_names)

    async def save_division_names(self, names: Mapping[str, str]) -> None:
        await self._commit()
        self._division_names.update(names)

    async def delete_division_name(self, code: str) -> None:
        await self._commit()
        self._division_names.pop(code, None)
