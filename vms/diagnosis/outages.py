"""Watches what is lost, keeps outages, tells of them (L-04).

What is observed is written at once and told after the commit. While the database is away, outages
wait in memory, as they are; after a restart those that lasted go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import ParamSpec, TypeVar

import structlog

from vms.clock import Clock
from vms.diagnosis.explainer import ExplainedPlay
from vms.diagnosis.outage_facts import OutageFacts
from vms.diagnosis.outage_grouping import CommonGround, Loss, places_asked
from vms.diagnosis.outage_news import absence_of, news_of, news_of_absence, parts_of
from vms.diagnosis.outage_state import Change, Identity, OutagePolicy
from vms.diagnosis.outage_tracker import OutageTracker
from vms.errors import NotFoundError, UnavailableError, VmsError
from vms.events import (
    ChannelStateChanged,
    ClockDrifted,
    DeviceCameOnline,
    DeviceRemoved,
    DevicesWentOffline,
    DeviceWentOffline,
    DuplicateDevice,
    Event,
    EventBus,
    OutageBegan,
    RegistrationFailed,
    ServerWasAbsent,
    SessionChanged,
    Subscription,
)
from vms.inventory.identifiers import Identifiers
from vms.inventory.inventory import Inventory
from vms.inventory.model import Cause, State
from vms.inventory.outage_records import (
    WITH_ITS_DEVICE,
    Outage,
    OutageKind,
    OutageMember,
    OutageQuery,
    OutageStore,
    OutageWrite,
)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

log = structlog.get_logger(__name__)

NEWS_CAPACITY = 240_000
"""Every device of a full node may go and come back, twice."""

SMALLEST_NEWS = 20
"""Of fewer devices that go at once no news is made beside the outage."""

LOOK_S = 1.0
"""So often it is looked whether something is over, or what was suspected is so."""

RETRY_S = 1.0
MOST_SUSPICIONS = 10_000

MANY = 2_000
"""Losses that take long enough to look at that others would notice."""

TURN = 100
"""Events, or channels, that are looked at in one go; then others have their turn."""

TAKEN_TOGETHER = 20
"""Events between two looks at the time: a catalogue brings thousands, each of them soon done."""

_TAKEN = (
    SessionChanged,
    ServerWasAbsent,
    ChannelStateChanged,
    DeviceWentOffline,
    DeviceCameOnline,
    RegistrationFailed,
    ClockDrifted,
    DuplicateDevice,
    DeviceRemoved,
)
_LOST = frozenset({Cause.SILENT, Cause.CONNECTION_LOST})


class Outages:
    """`start` before anything else, `run` beside everything else.

    `play` explains a session; `tracker` holds what is under way.
    """

    def __init__(
        self,
        store: OutageStore,
        inventory: Inventory,
        events: EventBus,
        clock: Clock,
        facts: OutageFacts,
        play: Callable[[str], Awaitable[ExplainedPlay]],
        policy: OutagePolicy = OutagePolicy(),  # noqa: B008  frozen
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._events = events
        self._clock = clock
        self._facts = facts
        self._play = play
        identifiers = Identifiers()
        self._new_id: Callable[[], str] = lambda: identifiers.next(clock.wall())
        self.tracker = OutageTracker(policy, new_id=self._new_id, parent_of=facts.parent)
        self._suspected: dict[Identity, Loss] = {}
        """What is only true if its device is heard afterwards: it is alive, and yet."""
        self._ground = CommonGround()
        self._absences: list[Outage] = []
        self._open_by_cause: dict[str, int] = {}
        self._missed = 0
        self._next_look = 0.0
        self._next_write = 0.0

    async def start(self) -> None:
        """Take up what lasted. Raises `UnavailableError`."""
        now = self._clock.monotonic()
        for outage, members in await self._store.open_outages():
            kept = [
                (self._facts.again(outage.kind, member, outage.evidence), member)
                for member in members
            ]
            self.tracker.restore(outage, kept, now)

    async def run(self) -> None:
        """Until cancelled. Whatever is wrong with an outage, cameras are watched on."""
        # What was published since the server was built counts, too.
        with self._events.subscribe(NEWS_CAPACITY, after=0, kinds=_TAKEN) as news:
            for number in count(1):
                try:
                    await self._next(news)
                except VmsError as error:
                    log.warning("outages wait", reason=error.message)
                    await asyncio.sleep(RETRY_S)
                except Exception:
                    log.exception("something was lost by our own fault")
                    await asyncio.sleep(RETRY_S)
                if number % (TURN // TAKEN_TOGETHER) == 0:
                    await asyncio.sleep(0)

    async def _next(self, news: Subscription) -> None:
        """What has come, or what is due before anything comes."""
        now = self._clock.monotonic()
        due_s = self.tracker.due_in_s(now)
        wait_s = max(0.0, self._next_look - now)
        wait_s = wait_s if due_s is None else min(wait_s, due_s)
        told = news.next_there()
        if told is None:
            try:
                async with asyncio.timeout(wait_s):
                    told = await news.next()
            except TimeoutError:
                await self._pass(self._clock.monotonic())
        if told is not None:
            await self._take(told.event)
            for _ in range(TAKEN_TOGETHER - 1):
                more = news.next_there()
                if more is None:
                    break
                await self._take(more.event)
            if due_s == 0.0 or now >= self._next_look:
                await self._pass(now)
        if news.missed > self._missed:
            self._missed = news.missed
            await self._look_at_everything()

    # For the API and the metrics

    async def outages(self, query: OutageQuery) -> Sequence[Outage]:
        """Newest first."""
        return await self._store.outages(query)

    async def outage(self, outage_id: str) -> Outage:
        """One, merged ones included; raises `NotFoundError`."""
        outage = await self._store.outage(outage_id)
        if outage is None:
            raise NotFoundError(f"no outage {outage_id}")
        return outage

    async def members(
        self, outage_id: str, after: tuple[str, str] | None, limit: int
    ) -> Sequence[OutageMember]:
        """In order of device and channel ID, behind `after`."""
        return await self._store.members(outage_id, after, limit)

    @property
    def open_by_cause(self) -> Mapping[str, int]:
        """Outages of which somebody is away now."""
        return self._open_by_cause

    @property
    def begun_by_cause(self) -> Mapping[str, int]:
        """Outages since the start of this process, by the cause they began with."""
        return {cause.value: count for cause, count in self.tracker.begun.items()}

    @property
    def suspicions(self) -> int:
        """What may turn out to be lost when its device is heard."""
        return len(self._suspected)

    # What happens

    async def _take(self, event: Event) -> None:
        match event:
            case SessionChanged():
                await self._session_changed(event)
            case ServerWasAbsent():
                self._we_were_absent(event)
            case ChannelStateChanged():
                self._channel_changed(event)
            case _:
                await self._take_of_device(event)

    async def _take_of_device(self, event: Event) -> None:
        match event:
            case DeviceWentOffline():
                self._device_went(event)
            case DeviceCameOnline(device_id=device_id, at=at):
                await self._device_came(device_id, at)
            case RegistrationFailed(device_id=device_id, at=at):
                self._refused(device_id, at)
            case ClockDrifted():
                self._clock_changed(event)
            case DuplicateDevice(device_id=device_id, at=at):
                self._suspect(self._facts.conflict(device_id, event.refused_address, at))
            case DeviceRemoved(device_id=device_id, at=at):
                self._device_removed(device_id, at)
            case _:
                pass

    def _device_went(self, event: DeviceWentOffline) -> None:
        device_id = event.device_id
        self._lost(self._facts.gone(device_id, str(event.cause), event.at))
        for identity in [each for each in self._suspected if each[1] == device_id]:
            del self._suspected[identity]
        device = self._inventory.on_file(device_id)
        if event.cause in _LOST and device is not None and device.binding is not None:
            self._ground.add(device_id, device.binding.host)

    async def _device_came(self, device_id: str, at: datetime) -> None:
        """Its channels follow it without events of their own: some are back, some never were."""
        self._back((OutageKind.GONE, device_id, ""), at)
        for number, channel in enumerate(self._facts.channels(device_id), 1):
            self._channel_is(device_id, channel.channel_id, channel.state, at)
            if number % TURN == 0:
                await asyncio.sleep(0)
        for identity in self.tracker.lost_channels(device_id):
            if not self._inventory.has_channel(device_id, identity[2]):
                self._back(identity, at)

    def _refused(self, device_id: str, at: datetime) -> None:
        if not self._facts.is_there(device_id):
            self._lost(self._facts.gone(device_id, "refused", at))

    def _clock_changed(self, event: ClockDrifted) -> None:
        if event.is_over:
            self._back((OutageKind.CLOCK, event.device_id, ""), event.at)
        else:
            self._lost(self._facts.clock(event.device_id, event.offset_s, event.at))

    def _channel_changed(self, event: ChannelStateChanged) -> None:
        if event.state == State.ONLINE_PROVEN:
            self._seen(event.device_id, event.channel_id, event.at)
        if self._facts.is_there(event.device_id):
            state = State(event.state)
            self._channel_is(event.device_id, event.channel_id, state, event.at)

    def _channel_is(self, device_id: str, channel_id: str, state: State, at: datetime) -> None:
        identity = OutageKind.OFF, device_id, channel_id
        if state is State.OFFLINE:
            self._lost(self._facts.off(device_id, channel_id, at))
        elif state in {State.ONLINE_SIGNALLED, State.ONLINE_PROVEN}:
            self._back(identity, at)

    async def _session_changed(self, event: SessionChanged) -> None:
        if event.state == "streaming":
            self._seen(event.device_id, event.channel_id, event.at)
        if event.state != "closed":
            return
        try:
            play = await self._play(event.session_id)
        except VmsError:
            return  # it was too long ago
        self._suspect(self._facts.unseen(play, event.at))

    def _seen(self, device_id: str, channel_id: str, at: datetime) -> None:
        identity = OutageKind.NO_MEDIA, device_id, channel_id
        self._suspected.pop(identity, None)
        self._back(identity, at)

    def _device_removed(self, device_id: str, at: datetime) -> None:
        for kind in (OutageKind.GONE, OutageKind.CLOCK, OutageKind.CONFLICT):
            self._suspected.pop((kind, device_id, ""), None)
            self._back((kind, device_id, ""), at)
        for identity in self.tracker.lost_channels(device_id):
            self._back(identity, at)

    def _we_were_absent(self, event: ServerWasAbsent) -> None:
        self._absences.append(absence_of(event, self._new_id()))

    def _lost(self, loss: Loss | None) -> None:
        if loss is not None:
            self.tracker.lost(loss, self._clock.monotonic())

    def _back(self, identity: Identity, at: datetime) -> None:
        self.tracker.back(identity, at.timestamp(), self._clock.monotonic())

    def _suspect(self, loss: Loss | None) -> None:
        if loss is not None and len(self._suspected) < MOST_SUSPICIONS:
            self._suspected[loss.identity] = loss

    async def _look_at_everything(self) -> None:
        """Events were missed: what is offline is lost, what is online is back."""
        at = self._clock.wall()
        for identity in self.tracker.lost_of(OutageKind.GONE):
            if self._facts.is_there(identity[1]):
                await self._device_came(identity[1], at)
        for number, device_id in enumerate(self._facts.offline(), 1):
            if not self.tracker.is_lost((OutageKind.GONE, device_id, "")):
                self._lost(self._facts.gone(device_id, str(Cause.SILENT), at))
            if number % TURN == 0:
                await asyncio.sleep(0)

    # As time passes

    async def _pass(self, now: float) -> None:
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            self._look(now)
        if self.tracker.due_in_s(now) == 0.0:
            candidates = self.tracker.candidates(now)
            places = await _done(len(candidates) > MANY, places_asked, candidates)
            alive = await self._facts.alive(places, self._clock.wall())
            await _done(len(candidates) > MANY, self.tracker.settle, now, alive)
            self._tell_of_many()
        if now >= self._next_write:
            await self._write(now)
        self._open_by_cause = {
            cause.value: count for cause, count in self.tracker.open_by_cause().items()
        }

    def _look(self, now: float) -> None:
        for identity, loss in list(self._suspected.items()):
            at = datetime.fromtimestamp(loss.at_s, UTC)
            if self._facts.heard_since(loss.device_id, at):
                del self._suspected[identity]
                self.tracker.lost(loss, now)
        disputed = self.tracker.lost_of(OutageKind.CONFLICT)
        if disputed:
            still = {duplicate.device_id for duplicate in self._inventory.duplicates()}
            for identity in disputed:
                if identity[1] not in still:
                    self._back(identity, self._clock.wall())
        self.tracker.tick(now)
        self.tracker.forget_falls(self._clock.wall().timestamp())

    def _tell_of_many(self) -> None:
        ground, self._ground = self._ground, CommonGround()
        if ground.count >= SMALLEST_NEWS:
            self._events.publish(DevicesWentOffline(self._clock.wall(), ground.count, ground.name))

    async def _write(self, now: float) -> None:
        """What changed, one outage after the other; then it is told."""
        try:
            while self._absences:
                await self._store.write(OutageWrite(self._absences[0]))
                self._tell(news_of_absence(self._absences.pop(0)))
            for outage_id in self.tracker.changed(now):
                kind, members = self.tracker.members_of(outage_id)
                # What asks the inventory stays in this thread.
                is_heavy = members > MANY and kind is not OutageKind.OFF
                change = await _done(is_heavy, self.tracker.change, outage_id, now)
                await self._write_down(change)
                self.tracker.written(change)
                self._tell(news_of(change, self._clock.wall()))
        except UnavailableError as error:
            self._next_write = now + RETRY_S
            log.warning("outages wait for their database", reason=error.message)

    async def _write_down(self, change: Change) -> None:
        """One that cannot be stored as it is keeps no other waiting; raises `UnavailableError`."""
        try:
            for part in parts_of(self._with_channels(change)):
                await self._store.write(part)
        except UnavailableError:
            raise
        except VmsError as error:
            outage_id = change.outage.outage_id
            log.exception("an outage cannot be stored", outage_id=outage_id, reason=error.message)

    def _with_channels(self, change: Change) -> OutageWrite:
        """The channels of a device that went are members of its outage."""
        since_s = {each.device_id: each for each in change.write.members if not each.channel_id}
        followers = [
            OutageMember(
                device_id,
                channel.channel_id,
                channel.key,
                since_s[device_id].since_s,
                since_s[device_id].until_s,
                WITH_ITS_DEVICE,
            )
            for device_id in change.fresh
            for channel in self._facts.channels(device_id)
        ]
        if not followers:
            return change.write
        write = change.write
        return OutageWrite(
            write.outage,
            [*write.members, *followers],
            write.returned_devices,
            write.left_again,
            write.merged,
        )

    def _tell(self, news: Iterable[Event]) -> None:
        for event in news:
            if isinstance(event, OutageBegan):
                log.info("outage", outage_id=event.outage_id, cause=event.cause)
            self._events.publish(event)


async def _done(
    is_heavy: bool,
    work: Callable[Arguments, Result],
    *args: Arguments.args,
    **more: Arguments.kwargs,
) -> Result:
    """In a thread where it takes long: whoever registers is served meanwhile. The tracker has one
    user only, who waits."""
    if is_heavy:
        return await asyncio.to_thread(work, *args, **more)
    return work(*args, **more)
