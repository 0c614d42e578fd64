"""Alarms (GB/T 28181-2022, 9.4 and A.2.5.3): stored once, however they come, then confirmed."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

import structlog

from vms.clock import Clock
from vms.errors import VmsError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import AlarmNotify, AlarmResponse
from vms.inventory.inventory import Inventory
from vms.inventory.model import ReportedAlarm
from vms.inventory.reported import ReportedPosition
from vms.signalling.clock_offsets import ClockOffsets
from vms.signalling.device_link import DeviceLink
from vms.signalling.header_text import readable
from vms.signalling.notices import Told

log = structlog.get_logger(__name__)

BY_DEVICE, BY_GPS = 2, 4
"""AlarmMethod: raised by the device; a position."""

TWINS_KEPT = 20_000
CONFIRMATIONS_AT_ONCE = 2_000
"""Responses that wait for their 200; devices live without the ones beyond."""

SILENCED_KEPT = 4_096
"""Sources of one device that wait for a ResetAlarm: not all need be on file."""

_Likeness: TypeAlias = tuple[object, ...]


class AlarmKeeper:
    """Stores alarms and answers those that came by MESSAGE with a Response.

    A device with an alarm subscription tells each alarm twice, by MESSAGE and by NOTIFY, with
    numbers of their own. So of alarms that are alike to the second, as many are stored as came by
    the one way or by the other, whichever are more.
    """

    def __init__(self, inventory: Inventory, link: DeviceLink, clock: Clock) -> None:
        self.unconfirmed = 0
        """Confirmations left out because too many were under way."""
        self._inventory = inventory
        self._link = link
        self._clock = clock
        self._offsets = ClockOffsets(inventory)
        self._twins: OrderedDict[_Likeness, Counter[bool]] = OrderedDict()
        self._silenced: dict[DeviceId, set[str]] = {}
        self._confirmations: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """No confirmation is under way."""
        return not self._confirmations

    async def close(self) -> None:
        """Wait for the confirmations: they are bounded, each by the limit of a MESSAGE."""
        while self._confirmations:
            await asyncio.wait(self._confirmations)

    def awaiting_reset(self, device_id: DeviceId) -> frozenset[str]:
        """Sources that raised an alarm of method 2 and send no other of it until they get a
        ResetAlarm (A.2.3.1.6)."""
        return frozenset(self._silenced.get(device_id, ()))

    def reset_sent(self, device_id: DeviceId, source_id: str) -> None:
        """A ResetAlarm was taken by the device."""
        silenced = self._silenced.get(device_id, set())
        silenced.discard(source_id)
        if source_id == device_id or not silenced:
            self._silenced.pop(device_id, None)

    async def keep(self, device_id: DeviceId, told: Sequence[Told]) -> None:
        """See `Keeper`."""
        alarms = [(each, alarm) for each in told if isinstance(alarm := each.message, AlarmNotify)]
        # Alarms without a time of their own cannot be told apart: those are all stored.
        counted = [(self._likeness(device_id, alarm), each.is_notify) for each, alarm in alarms]
        originals = [
            (each, alarm)
            for (each, alarm), (likeness, is_notify) in zip(alarms, counted, strict=True)
            if not self._is_twin(likeness, is_notify=is_notify)
        ]
        try:
            await self._store(device_id, originals)
        except VmsError:
            for likeness, is_notify in counted:
                if likeness is not None and likeness in self._twins:
                    self._twins[likeness][is_notify] -= 1
            raise
        await self._store_positions(device_id, originals)
        for each, alarm in alarms:
            self._offsets.at_least(device_id, alarm.occurred_at, self._clock.wall())
            if alarm.method == BY_DEVICE:
                silenced = self._silenced.setdefault(device_id, set())
                if len(silenced) < SILENCED_KEPT:
                    silenced.add(alarm.device_id)
            if not each.is_notify:
                self._confirm(device_id, alarm)

    async def _store(
        self, device_id: DeviceId, originals: Sequence[tuple[Told, AlarmNotify]]
    ) -> None:
        stored = await asyncio.gather(
            *(
                self._inventory.record_alarm(device_id, self._reported(each, alarm))
                for each, alarm in originals
            ),
            return_exceptions=True,
        )
        for outcome in stored:
            if isinstance(outcome, BaseException):
                raise outcome
        for (each, alarm), is_new in zip(originals, stored, strict=True):
            likeness = self._likeness(device_id, alarm)
            if not is_new and likeness is not None and likeness in self._twins:
                # The very same message again: no second alarm that a NOTIFY could belong to.
                self._twins[likeness][each.is_notify] -= 1

    async def _store_positions(
        self, device_id: DeviceId, originals: Sequence[tuple[Told, AlarmNotify]]
    ) -> None:
        """Some makers tell where they are by alarms."""
        positions = [
            ReportedPosition(
                source_id=alarm.device_id,
                captured_at=alarm.occurred_at or self._clock.wall(),
                longitude=alarm.longitude,
                latitude=alarm.latitude,
            )
            for _, alarm in originals
            if alarm.method == BY_GPS
            and alarm.longitude is not None
            and alarm.latitude is not None
            and (alarm.device_id == device_id or self._has(device_id, alarm))
        ]
        if positions:
            await self._inventory.record_positions(device_id, positions)

    def _has(self, device_id: DeviceId, alarm: AlarmNotify) -> bool:
        return self._inventory.has_channel(device_id, alarm.device_id)

    def _reported(self, told: Told, alarm: AlarmNotify) -> ReportedAlarm:
        request = told.incoming.request
        return ReportedAlarm(
            source_id=alarm.device_id,
            sn=alarm.sn,
            priority=alarm.priority,
            method=alarm.method,
            alarm_type=alarm.alarm_type,
            occurred_at=alarm.occurred_at or self._clock.wall(),
            description=alarm.description,
            longitude=alarm.longitude,
            latitude=alarm.latitude,
            raw=request.body,
            occasion=""
            if alarm.occurred_at
            else f"{readable(request.call_id)} {request.cseq.number}",
        )

    def _likeness(self, device_id: DeviceId, alarm: AlarmNotify) -> _Likeness | None:
        if alarm.occurred_at is None:
            return None
        kind = (alarm.priority, alarm.method, alarm.alarm_type, alarm.event_type)
        return (device_id, alarm.device_id, alarm.occurred_at, alarm.description, *kind)

    def _is_twin(self, likeness: _Likeness | None, *, is_notify: bool) -> bool:
        """Whether the other way has brought it already; counts it."""
        if likeness is None:
            return False
        came = self._twins.setdefault(likeness, Counter())
        self._twins.move_to_end(likeness)
        if len(self._twins) > TWINS_KEPT:
            self._twins.popitem(last=False)
        is_twin = came[is_notify] < came[not is_notify]
        came[is_notify] += 1
        return is_twin

    def _confirm(self, device_id: DeviceId, alarm: AlarmNotify) -> None:
        if not self._inventory.profile(device_id).alarm_response:
            return
        if len(self._confirmations) >= CONFIRMATIONS_AT_ONCE:
            self.unconfirmed += 1
            return
        answer = AlarmResponse(alarm.sn, alarm.device_id)
        task = asyncio.get_running_loop().create_task(self._confirmed(device_id, answer))
        self._confirmations.add(task)
        task.add_done_callback(self._confirmations.discard)

    async def _confirmed(self, device_id: DeviceId, answer: AlarmResponse) -> None:
        try:
            await self._link.confirm_alarm(device_id, answer)
        except VmsError as error:
            log.info("alarm not confirmed", device_id=device_id, error=str(error))
