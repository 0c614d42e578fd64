"""Moving cameras, and making sure that they stop (GB/T 28181-2022, 9.3 and annex A.3).

A movement goes on until a stop, so it is held like a dead man's handle: whoever moves renews it,
and when nobody does, it is stopped here. Over UDP a stop goes out twice; one that is not confirmed
is repeated and reported, and tried again and again until its device is back.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from vms.clock import Clock
from vms.errors import (
    ConflictError,
    ExhaustedError,
    InvalidError,
    RejectedError,
    VmsError,
)
from vms.events import EventBus, MovementNotStopped
from vms.gb28181 import ptz
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import PtzControl
from vms.gb28181.ptz import Auxiliary, CruiseAction, Lens, Move, PresetAction, ScanAction, Stop
from vms.gb28181.version import Edition
from vms.signalling.commanding import Addressee, Commanding, Outcome
from vms.signalling.messenger import Messenger

log = structlog.get_logger(__name__)

HOLD_S = 3.0
"""A movement that is not renewed for so long is stopped."""

LONGEST_HOLD_S = 10.0

REPEAT_S = 0.5
"""Between two movements on the wire for one camera; of those in between the last counts."""

STOP_AGAIN_S = 0.2
"""Between the two stops over UDP: what swallowed the first may have passed."""

STOP_LIMIT_S = 3.0
"""For the 200 to a stop, before the next try."""

STOP_TRIES = 3

STOP_LATER_S = 2.0
LONGEST_PAUSE_S = 30.0
OWED_FOR_S = 3_600.0
"""A stop that no try got through is tried for so long, after pauses that double."""

MOVING_AT_ONCE = 2_000

ON_THE_WAY = 4
"""Movements of one camera that may wait for their 200."""

NAME_BYTES = 32

Movement = Move | Lens
Action = PresetAction | CruiseAction | ScanAction | Auxiliary


@dataclass(frozen=True, slots=True)
class Holder:
    """Who moves a camera. `holder_id` is one sign-in; `name` is for people.

    Of two, the one with the greater `priority` has the camera; it is sent as ControlPriority.
    """

    holder_id: str
    name: str
    priority: int = 5


@dataclass(frozen=True, slots=True)
class Steered:
    """A movement under way; without renewal it is stopped at `until`."""

    device_id: str
    channel_id: str
    movement: Movement
    holder: Holder
    until: datetime


class _Motion:
    """One camera that moves."""

    def __init__(self, to: Addressee, holder: Holder, movement: Movement) -> None:
        self.to = to
        self.holder = holder
        self.movement = movement
        self.until = 0.0
        self.sent_at: float | None = None
        self.is_due = False
        self.is_accepted = False
        self.stops: set[Stop] = set()
        self.sends: set[asyncio.Task[None]] = set()
        self.expiry: asyncio.TimerHandle | None = None
        self.repeat: asyncio.TimerHandle | None = None
        self.ending: asyncio.Task[None] | None = None
        self.owing: asyncio.Task[None] | None = None

    @property
    def key(self) -> tuple[DeviceId, DeviceId]:
        """Which camera it is."""
        return self.to.device_id, self.to.target

    def take_back(self) -> None:
        """No timer rings and no movement is on its way any more: none may arrive after the stop."""
        for timer in (self.expiry, self.repeat):
            if timer is not None:
                timer.cancel()
        for send in self.sends:
            send.cancel()


class Steering:
    """The one place that sends PTZ commands. Errors as `Commanding`; `ConflictError` names who has
    the camera."""

    def __init__(
        self, commanding: Commanding, messenger: Messenger, events: EventBus, clock: Clock
    ) -> None:
        self._commanding = commanding
        self._messenger = messenger
        self._events = events
        self._clock = clock
        self.unconfirmed_stops = 0
        """Stops that a camera did not confirm at once."""
        self._motions: dict[tuple[DeviceId, DeviceId], _Motion] = {}
        self._owed: dict[tuple[DeviceId, DeviceId], _Motion] = {}
        """Over for us, and perhaps not for the camera."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop what moves."""
        stopping = [self._end(motion, "the server stops") for motion in self._motions.values()]
        if stopping:
            await asyncio.wait(stopping, timeout=STOP_LIMIT_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def moving(self, device_id: str, channel_id: str) -> Steered | None:
        """What moves a camera now."""
        motion = self._motions.get((DeviceId(device_id), DeviceId(channel_id)))
        return None if motion is None or motion.ending is not None else self._told(motion)

    async def move(
        self,
        device_id: str,
        channel_id: str,
        movement: Movement,
        holder: Holder,
        *,
        hold_s: float = HOLD_S,
        force: bool = False,
    ) -> Steered:
        """Begin a movement, change it, or renew it for `hold_s`.

        The first of a movement waits for its 200; a change within `REPEAT_S` follows by itself.
        """
        if not 0 < hold_s <= LONGEST_HOLD_S:
            raise InvalidError(f"a hold lasts up to {LONGEST_HOLD_S:.0f} s", field="hold_s")
        to = self._commanding.addressee(device_id, channel_id)
        self._check(to, movement, force=force)
        motion = self._held(to, movement, holder)
        motion.movement = movement
        motion.until = self._now() + hold_s
        motion.stops.add(Stop(is_lens=isinstance(movement, Lens)))
        self._arm(motion)
        sending = self._send_or_wait(motion)
        told = self._told(motion)
        if sending is not None:
            await asyncio.wait([sending])
            if not sending.cancelled():
                self._judge(motion, sending)
        return told

    def _judge(self, motion: _Motion, sent: asyncio.Task[None]) -> None:
        """Raises what became of a movement. What a camera refused need not be stopped, unless
        another one is on its way."""
        error = sent.exception()
        motion.is_accepted = motion.is_accepted or error is None
        is_refused = isinstance(error, RejectedError) and not motion.is_accepted
        if is_refused and not motion.sends and motion.ending is None:
            motion.take_back()
            self._forget(motion)
        if error is not None:
            raise error

    async def stop(self, device_id: str, channel_id: str, holder: Holder) -> Outcome:
        """Stop a movement, a cruise or a scan. Raises `NoAnswerError` or `RejectedError` when the
        camera did not confirm it: it may still be moving."""
        to = self._commanding.addressee(device_id, channel_id)
        motion = self._motions.get((to.device_id, to.target))
        if motion is None:
            self._messenger.flow(to.device_id)
            await self._stop_surely(_Motion(to, holder, Move()), Stop())
        else:
            self._contest(motion, holder)
            ending = self._end(motion, "told to")
            await asyncio.wait([ending])
            if ending.cancelled():
                return Outcome(False, f"{to.target} was told to move again meanwhile")
            ending.result()
        return Outcome(True, f"{to.device_id} confirmed the stop")

    async def act(
        self,
        device_id: str,
        channel_id: str,
        action: Action,
        holder: Holder,
        *,
        name: str = "",
        force: bool = False,
    ) -> Outcome:
        """Presets, cruises, scans, switches (1 is the wiper). A movement ends first.

        `name` goes with setting a preset and with a cruise, to devices of 2022; others get none.
        """
        if len(name.encode("gb18030")) > NAME_BYTES:
            raise InvalidError(f"a name has at most {NAME_BYTES} bytes", field="name")
        to = self._commanding.addressee(device_id, channel_id)
        code = self._check(to, action, force=force)
        motion_key = (to.device_id, to.target)
        motion = self._motions.get(motion_key)
        if motion is not None:
            self._contest(motion, holder)
            await asyncio.wait([self._end(motion, "something else is wanted")])
        is_preset, is_cruise = isinstance(action, PresetAction), isinstance(action, CruiseAction)
        outcome = await self._commanding.control(
            to,
            lambda sn: PtzControl(
                sn,
                to.target,
                code,
                holder.priority,
                preset_name=name if is_preset else "",
                cruise_track_name=name if is_cruise else "",
            ),
            force=force,
        )
        self._settled(motion_key)
        if name and to.edition is not Edition.E2022:
            return Outcome(True, f"{outcome.sentence}; its edition has no names, none was sent")
        return outcome

    async def release(self, holder_id: str) -> None:
        """Whoever held cameras is gone: they stop."""
        own = [each for each in self._motions.values() if each.holder.holder_id == holder_id]
        if own:
            await asyncio.wait([self._end(motion, "its holder is gone") for motion in own])

    # Who has the camera

    def _held(self, to: Addressee, movement: Movement, holder: Holder) -> _Motion:
        key = (to.device_id, to.target)
        motion = self._motions.get(key)
        if motion is not None and motion.ending is None:
            self._contest(motion, holder)
            motion.to = to
            motion.holder = holder
            return motion
        self._messenger.flow(to.device_id)
        if len(self._motions) >= MOVING_AT_ONCE:
            raise ExhaustedError(f"{MOVING_AT_ONCE} cameras move already", what="movements")
        self._motions[key] = fresh = _Motion(to, holder, movement)
        own = Stop(is_lens=isinstance(movement, Lens))
        for before in (motion, self._settled(key)):
            if before is None:
                continue
            # Its late repeats would stop the new movement. What the stop of that one does not end
            # is stopped now, and once more with it.
            if before.ending is not None:
                before.ending.cancel()
            before.take_back()
            for stop in before.stops - {own} - fresh.stops:
                fresh.stops.add(stop)
                _ = self._tell(fresh, stop, STOP_LIMIT_S)
        return fresh

    def _contest(self, motion: _Motion, holder: Holder) -> None:
        holds = motion.holder
        if holds.holder_id == holder.holder_id or motion.ending is not None:
            return
        if holder.priority <= holds.priority:
            raise ConflictError(
                f"{holds.name} is moving {motion.to.target}",
                holder=holds.name,
                priority=holds.priority,
            )
        log.info(
            "camera taken over",
            device_id=motion.to.device_id,
            channel_id=motion.to.target,
            holder=holder.name,
            before=holds.name,
        )

    def _told(self, motion: _Motion) -> Steered:
        left = timedelta(seconds=motion.until - self._now())
        return Steered(
            motion.to.device_id,
            motion.to.target,
            motion.movement,
            motion.holder,
            self._clock.wall() + left,
        )

    # What goes on the wire

    def _check(self, to: Addressee, command: Movement | Action, *, force: bool) -> bytes:
        """The eight bytes; raises `InvalidError` for what they cannot say."""
        profile = to.profile
        try:
            code = ptz.encode(command, address=profile.ptz_address, max_speed=profile.ptz_max_speed)
        except ProtocolError as error:
            raise InvalidError(str(error), field="command") from error
        self._commanding.require_message(to, PtzControl(0, to.target, code), force=force)
        return code

    def _send_or_wait(self, motion: _Motion) -> asyncio.Task[None] | None:
        """At once where nothing went out lately, else by a timer; the last movement counts."""
        wait_s = 0.0
        if motion.sent_at is not None:
            wait_s = motion.sent_at + REPEAT_S - self._now()
        if wait_s <= 0 and len(motion.sends) < ON_THE_WAY:
            return self._send(motion)
        motion.is_due = True
        if motion.repeat is None:
            loop = asyncio.get_running_loop()
            motion.repeat = loop.call_later(max(wait_s, 0.05), self._repeat, motion)
        return None

    def _repeat(self, motion: _Motion) -> None:
        motion.repeat = None
        if motion.is_due and motion.ending is None:
            self._send_or_wait(motion)

    def _send(self, motion: _Motion) -> asyncio.Task[None]:
        motion.is_due = False
        motion.sent_at = self._now()
        return self._tell(motion, motion.movement)

    # The end

    def _arm(self, motion: _Motion) -> None:
        """The dead man's handle."""
        if motion.expiry is not None:
            motion.expiry.cancel()
        loop = asyncio.get_running_loop()
        motion.expiry = loop.call_at(motion.until, self._end, motion, "nobody renewed it")

    def _end(self, motion: _Motion, why: str) -> asyncio.Task[None]:
        """Stop, once, whoever asks."""
        if motion.ending is None:
            log.info(
                "movement ends",
                device_id=motion.to.device_id,
                channel_id=motion.to.target,
                why=why,
            )
            motion.take_back()
            motion.ending = self._run(self._ended(motion))
        return motion.ending

    async def _ended(self, motion: _Motion) -> None:
        """Raises the first error, after every stop was tried."""
        failed: VmsError | None = None
        try:
            for stop in sorted(motion.stops, key=lambda each: each.is_lens):
                try:
                    await self._stop_surely(motion, stop)
                except VmsError as error:
                    failed = failed or error
                    if isinstance(error, RejectedError):
                        motion.stops.discard(stop)
                else:
                    motion.stops.discard(stop)
        finally:
            self._forget(motion)
        if failed is not None:
            if motion.stops and len(self._owed) < MOVING_AT_ONCE:
                self._owed[motion.key] = motion
                motion.owing = self._run(self._stop_later(motion))
            raise failed

    async def _stop_later(self, motion: _Motion) -> None:
        """A camera that cannot be reached may turn until it is told."""
        gives_up_at, pause_s = self._now() + OWED_FOR_S, STOP_LATER_S
        while motion.stops and self._now() < gives_up_at:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            for stop in list(motion.stops):
                try:
                    await self._stop_once(motion, stop)
                except RejectedError:
                    motion.stops.discard(stop)
                except VmsError:
                    continue  # still away
                else:
                    log.info(
                        "stop confirmed late", device_id=motion.key[0], channel_id=motion.key[1]
                    )
                    motion.stops.discard(stop)
        if self._owed.get(motion.key) is motion:
            del self._owed[motion.key]

    def _settled(self, key: tuple[DeviceId, DeviceId]) -> _Motion | None:
        """The camera does something else now: no stop of an earlier movement is tried later."""
        motion = self._owed.pop(key, None)
        if motion is not None and motion.owing is not None:
            motion.owing.cancel()
        return motion

    def _forget(self, motion: _Motion) -> None:
        if self._motions.get(motion.key) is motion:
            del self._motions[motion.key]

    async def _stop_surely(self, motion: _Motion, stop: Stop) -> None:
        """Raises what the last try ended with; the first that fails is reported."""
        to = motion.to
        for attempt in range(1, STOP_TRIES + 1):
            try:
                await self._stop_once(motion, stop)
            except VmsError as error:
                if attempt == 1:
                    self.unconfirmed_stops += 1
                    at = self._clock.wall()
                    self._events.publish(
                        MovementNotStopped(to.device_id, to.target, at, str(error))
                    )
                log.warning(
                    "stop not confirmed",
                    device_id=to.device_id,
                    channel_id=to.target,
                    attempt=attempt,
                    error=str(error),
                )
                if attempt == STOP_TRIES:
                    raise
            else:
                return

    async def _stop_once(self, motion: _Motion, stop: Stop) -> None:
        """One over TCP, two over UDP; one 200 is enough."""
        is_tcp = self._messenger.flow(motion.to.device_id).transport == "TCP"
        first = self._tell(motion, stop, STOP_LIMIT_S)
        if is_tcp:
            await first
            return
        await asyncio.sleep(STOP_AGAIN_S)
        second = self._tell(motion, stop, STOP_LIMIT_S)
        try:
            await first
        except VmsError:
            await second

    def _tell(
        self, motion: _Motion, command: Movement | Stop, limit_s: float | None = None
    ) -> asyncio.Task[None]:
        """On its way, and called back by `take_back`."""
        task = self._run(self._message(motion, command, limit_s))
        motion.sends.add(task)
        task.add_done_callback(motion.sends.discard)
        return task

    async def _message(
        self, motion: _Motion, command: Movement | Stop, limit_s: float | None
    ) -> None:
        to, profile = motion.to, motion.to.profile
        code = ptz.encode(command, address=profile.ptz_address, max_speed=profile.ptz_max_speed)
        sn = self._messenger.pending.spend_sn(to.device_id, "DeviceControl")
        message = PtzControl(sn, to.target, code, motion.holder.priority)
        await self._messenger.tell(to.device_id, message, limit_s=limit_s)

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits for it

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
