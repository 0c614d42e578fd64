"""Writes to the tree of our own, and the local names of divisions: committed before they return."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from vms.clock import Clock
from vms.errors import ConflictError, InvalidError, NotFoundError
from vms.events import EventBus
from vms.inventory.changes import local_name
from vms.inventory.model import Channel, ChannelPatch
from vms.inventory.naming import Names
from vms.inventory.overriding import patched_channel
from vms.inventory.own_groups import OwnGroup, OwnGroupNode, OwnGroups
from vms.inventory.policy import InventoryPolicy
from vms.inventory.reads import InventoryReads
from vms.inventory.store import DeviceStore
from vms.inventory.tree import DivisionNode, division_tree

MOST_NAMES = 50_000
"""Divisions named here; the country has 41,000 townships."""

LONGEST_CODE = 20


class Grouping(InventoryReads):
    """Own groups and local names of divisions."""

    def __init__(
        self, store: DeviceStore, clock: Clock, events: EventBus, policy: InventoryPolicy
    ) -> None:
        super().__init__(store, clock, events, policy)
        self._own_groups = OwnGroups()
        self._division_names: dict[str, str] = {}
        self._groups_lock = asyncio.Lock()

    async def _read_groups(self) -> None:
        """At start."""
        self._own_groups = OwnGroups(await self._store.own_groups())
        self._division_names = dict(await self._store.division_names())

    def _patched_channel(self, channel: Channel, patch: ChannelPatch) -> Channel:
        """`channel` with what is set over the report; a group it is put into has to be there."""
        group_id = patch.get("overrides", {}).get("own_group_id")
        if group_id and str(group_id) not in self._own_groups:
            raise InvalidError(f"no such group: {str(group_id)[:40]}")
        return patched_channel(channel, patch)

    @asynccontextmanager
    async def _groups_stay(self, *patches: ChannelPatch) -> AsyncGenerator[None]:
        """Inside, no group goes that one of these puts a channel into. Always behind the turn of
        a device, never ahead of one."""
        async with AsyncExitStack() as stack:
            if any(patch.get("overrides", {}).get("own_group_id") for patch in patches):
                await stack.enter_async_context(self._groups_lock)
            yield

    def names(self) -> Names:
        """What divisions, groups and devices are called now."""
        records = self._roster.records
        nodes = (node for record in records.values() for node in (record.nodes or {}).values())
        return Names(self._division_names, nodes, self._own_groups, self.on_file)

    def divisions(self) -> list[DivisionNode]:
        """The tree of divisions with names and live counts."""
        return division_tree(self._roster.divisions, self.names().division)

    def own_groups_within(self, *group_ids: str) -> frozenset[str]:
        """These nodes of our own tree and all below them; raises `NotFoundError`."""
        for group_id in group_ids:
            self._own_groups.get(group_id)
        return self._own_groups.within(*group_ids)

    def own_groups(self) -> list[OwnGroupNode]:
        """The tree of our own with live counts."""
        return self._own_groups.tree(self._roster.own_groups)

    def own_group(self, group_id: str) -> OwnGroup:
        """A node; raises `NotFoundError`."""
        return self._own_groups.get(group_id)

    def own_group_path(self, group_id: str) -> tuple[str, ...]:
        """Names from the top down to a node; empty where there is none of this ID."""
        return self._own_groups.path(group_id)

    def own_group_list(self) -> list[OwnGroup]:
        """Every node, parents before their children."""
        return self._own_groups.listed()

    async def add_own_group(
        self, name: str, parent_id: str = "", group_id: str | None = None
    ) -> OwnGroup:
        """A new node, last below its parent; raises `InvalidError`, `ConflictError`."""
        return await self._to_the_end(self._add_own_group(name, parent_id, group_id))

    async def _add_own_group(self, name: str, parent_id: str, group_id: str | None) -> OwnGroup:
        async with self._groups_lock:
            if group_id is None:
                group_id = self._identifiers.next(self._ledger_clock.moment())
            group = self._own_groups.added(group_id, name, parent_id)
            await self._store.save_own_group(group)
            self._own_groups.put(group)
            return group

    async def change_own_group(
        self,
        group_id: str,
        *,
        name: str | None = None,
        parent_id: str | None = None,
        position: int | None = None,
    ) -> OwnGroup:
        """Rename or move a node with all below it; None: as it is. `parent_id` empty: to the top.

        Raises `NotFoundError`, `InvalidError`, and `ConflictError` for a move below itself.
        """
        return await self._to_the_end(self._change_own_group(group_id, name, parent_id, position))

    async def _change_own_group(
        self, group_id: str, name: str | None, parent_id: str | None, position: int | None
    ) -> OwnGroup:
        async with self._groups_lock:
            group = self._own_groups.changed(
                group_id, name=name, parent_id=parent_id, position=position
            )
            await self._store.save_own_group(group)
            self._own_groups.put(group)
            return group

    async def remove_own_group(self, group_id: str) -> None:
        """Delete a node with nothing in or below it: nothing is moved behind anybody's back.

        Raises `ConflictError` where groups or channels hang in it, `NotFoundError`.
        """
        await self._to_the_end(self._remove_own_group(group_id))

    async def _remove_own_group(self, group_id: str) -> None:
        async with self._groups_lock:
            self._own_groups.may_go(group_id)
            counts = self._roster.own_groups
            channels = counts[group_id, True] + counts[group_id, False]
            if channels:
                raise ConflictError(
                    f"{channels} channels hang in this group; put them elsewhere first",
                    channels=channels,
                )
            await self._store.delete_own_group(group_id)
            self._own_groups.drop(group_id)

    def division_names(self) -> Mapping[str, str]:
        """Names that were given here, by code."""
        return self._division_names

    async def name_divisions(self, names: Mapping[str, str]) -> None:
        """Give divisions names, by code; raises `InvalidError`, and then none is named."""
        await self._to_the_end(self._name_divisions(names))

    async def _name_divisions(self, names: Mapping[str, str]) -> None:
        checked: dict[str, str] = {}
        for code, name in names.items():
            text = local_name(name)
            if not (2 <= len(code) <= LONGEST_CODE and code.isascii() and code.isdigit()):
                raise InvalidError(f"a civil code has 2 to {LONGEST_CODE} digits: {code[:40]!r}")
            if text is None:
                raise InvalidError(f"division {code} needs a name")
            checked[code] = text
        async with self._groups_lock:
            if len({*self._division_names, *checked}) > MOST_NAMES:
                raise InvalidError(f"at most {MOST_NAMES} divisions are named here")
            await self._store.save_division_names(checked)
            self._division_names.update(checked)

    async def forget_division_name(self, code: str) -> None:
        """Back to the national or the reported name; raises `NotFoundError`."""
        await self._to_the_end(self._forget_division_name(code))

    async def _forget_division_name(self, code: str) -> None:
        async with self._groups_lock:
            if code not in self._division_names:
                raise NotFoundError(f"division {code[:40]} has no name of ours")
            await self._store.delete_division_name(code)
            self._division_names.pop(code, None)
