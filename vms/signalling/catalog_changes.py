"""Changes of a catalogue (GB/T 28181-2022, 9.11.4): taken as they come, then looked into.

A change is applied at once. One that comes while the whole catalogue is being asked for is applied
once more when that is stored: the answer may be older than the change. What a change alone does not
tell (what was deleted, what hangs where) a query of the whole catalogue does, a minute later.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from vms.clock import Clock, next_beat
from vms.errors import NotFoundError, VmsError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.messages import CatalogChange, CatalogEvent, CatalogNotify
from vms.inventory.catalog import channels_of
from vms.inventory.inventory import Inventory
from vms.inventory.model import ReportedChannel
from vms.signalling.device_queries import DeviceQueries
from vms.signalling.notices import Told

log = structlog.get_logger(__name__)

SETTLED_AFTER_S = 60.0
"""Changes come in crowds; the catalogue is asked for once they had time to end."""

LOOK_S = 1.0
QUERIES_AT_ONCE = 8

LATE_LIMIT = 10_000
"""Changes of one device kept for the end of a running query; more are left to another query."""


_TOLD = (
    "manufacturer",
    "model",
    "owner",
    "civil_code",
    "address",
    "parent_ids",
    "business_group_id",
    "parental",
    "secrecy",
    "ptz_type",
    "longitude",
    "latitude",
)
"""What an item tells beside its name and its status."""


@dataclass(slots=True)
class _Changed:
    """What a row of changes comes to: the last word on each channel."""

    items: dict[ChannelId, ReportedChannel] = field(
        default_factory=dict[ChannelId, ReportedChannel]
    )
    absent: set[ChannelId] = field(default_factory=set[ChannelId])
    is_puzzling: bool = False
    """It names what we do not know: the catalogue has to be asked for."""


class CatalogKeeper:
    """Applies changes; `run` asks for catalogues that changes alone do not explain."""

    def __init__(self, inventory: Inventory, queries: DeviceQueries, clock: Clock) -> None:
        self._inventory = inventory
        self._queries = queries
        self._clock = clock
        self._late: dict[DeviceId, list[CatalogChange]] = {}
        self._due: OrderedDict[DeviceId, float] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def puzzles(self) -> Sequence[DeviceId]:
        """Whose catalogue is going to be asked for."""
        return tuple(self._due)

    async def keep(self, device_id: DeviceId, told: Sequence[Told]) -> None:
        """See `Keeper`."""
        changes = [
            change
            for each in told
            if isinstance(each.message, CatalogNotify)
            for change in each.message.changes
        ]
        self._remember(device_id, changes)
        await self._apply(device_id, changes)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await next_beat(LOOK_S)
                now = self._clock.monotonic()
                while self._due and len(self._tasks) < QUERIES_AT_ONCE:
                    device_id, due = next(iter(self._due.items()))
                    if due > now:
                        break
                    del self._due[device_id]
                    self._begin(self._ask(device_id))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, device_id: DeviceId) -> None:
        job = await self._queries.catalog_fetched(device_id)
        if job.error:
            log.info("no catalogue after a change", device_id=device_id, error=job.error)

    # A running query

    def _remember(self, device_id: DeviceId, changes: Sequence[CatalogChange]) -> None:
        late = self._late.get(device_id)
        if late is None:
            sync = self._queries.sync_of(device_id)
            if sync is None:
                return
            late = self._late[device_id] = []
            sync.add_done_callback(lambda _: self._begin(self._replay(device_id)))
        late.extend(changes)
        if len(late) > LATE_LIMIT:
            late.clear()
            self._look_into(device_id)

    async def _replay(self, device_id: DeviceId) -> None:
        await self._apply(device_id, self._late.pop(device_id, []))

    # Changes

    async def _apply(self, device_id: DeviceId, changes: Iterable[CatalogChange]) -> None:
        is_deaf = self._inventory.profile(device_id).ignore_catalog_on_off
        changed = _Changed()
        for change in changes:
            is_switch = change.event in {CatalogEvent.ON, CatalogEvent.OFF}
            if not (is_deaf and is_switch):
                self._take(device_id, changed, change)
        if changed.items or changed.absent:
            items = list(changed.items.values())
            await self._inventory.upsert_channels(device_id, items, changed.absent)
        if changed.is_puzzling:
            self._look_into(device_id)

    def _take(self, device_id: DeviceId, changed: _Changed, change: CatalogChange) -> None:
        item, channel_id = change.item, change.item.channel_id
        match change.event:
            case CatalogEvent.ADD | CatalogEvent.UPDATE:
                changed.absent.discard(channel_id)
                if not item.name:
                    item = self._filled(device_id, changed, item)
                found = channels_of(device_id, [item])
                changed.items |= {each.channel_id: each for each in found}
                is_placed = bool(found) and self._knows_all(device_id, changed, item.parent_ids)
                is_clear = is_placed if change.event is CatalogEvent.ADD else bool(item.name)
                changed.is_puzzling |= not is_clear
            case CatalogEvent.DELETE:
                changed.items.pop(channel_id, None)
                changed.absent.add(channel_id)
                changed.is_puzzling = True
            case CatalogEvent.ON | CatalogEvent.OFF | CatalogEvent.VIDEO_LOST | CatalogEvent.DEFECT:
                known = self._known(device_id, changed, channel_id)
                if known is None:
                    changed.is_puzzling |= str(channel_id) != str(device_id)
                    return
                is_plain = change.event in {CatalogEvent.ON, CatalogEvent.OFF}
                changed.absent.discard(channel_id)
                changed.items[channel_id] = replace(
                    known,
                    is_on=change.event is CatalogEvent.ON,
                    status_text="" if is_plain else change.event.value,
                )

    def _filled(
        self, device_id: DeviceId, changed: _Changed, item: ReportedChannel
    ) -> ReportedChannel:
        """A change that lacks the Name, which a whole item has, leaves alone what it does not
        tell: some devices send no more than the new Status."""
        known = self._known(device_id, changed, item.channel_id)
        if known is None:
            return item
        told = {name: value for name in _TOLD if (value := getattr(item, name))}
        extra = {**known.extra, **item.extra}
        return replace(known, is_on=item.is_on, status_text=item.status_text, extra=extra, **told)

    def _known(
        self, device_id: DeviceId, changed: _Changed, channel_id: str
    ) -> ReportedChannel | None:
        item = changed.items.get(ChannelId(channel_id))
        if item is not None:
            return item
        try:
            return self._inventory.channel(device_id, channel_id).reported
        except NotFoundError:
            return None

    def _knows_all(self, device_id: DeviceId, changed: _Changed, parent_ids: Iterable[str]) -> bool:
        return all(
            parent_id == device_id or self._known(device_id, changed, parent_id) is not None
            for parent_id in parent_ids
        )

    def _look_into(self, device_id: DeviceId) -> None:
        """Ask for the catalogue once the changes had time to end."""
        if device_id not in self._due:
            self._due[device_id] = self._clock.monotonic() + SETTLED_AFTER_S

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if isinstance(fault, VmsError):  # removed in the meantime, or no database
            log.info("catalogue not looked into", error=str(fault))
        elif fault is not None:
            log.error("looking into a catalogue failed by our own fault", exc_info=fault)
