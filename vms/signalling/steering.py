"""Moving cameras, and making sure that they stop (GB/T 28181-2022, 9.3 and annex A.3).

A movement goes on until a stop, so it is held like a dead man's handle: whoever moves renews it,
and when nobody does, it is stopped here. `Stops` sees to it that stops arrive.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from vms.clock import Clock
from vms.errors import (
    ConflictError,
    ExhaustedError,
    InvalidError,
    RejectedError,
)
from vms.events import EventBus
from vms.gb28181 import ptz
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import PtzControl
from vms.gb28181.ptz import Auxiliary, CruiseAction, Lens, Move, PresetAction, ScanAction, Stop
from vms.gb28181.version import Edition
from vms.signalling.commanding import Addressee, Commanding, Outcome
from vms.signalling.messenger import Messenger
from vms.signalling.motion import MOVING_AT_ONCE, Holder, Motion, Movement
from vms.signalling.stops import Stops

log = structlog.get_logger(__name__)

HOLD_S = 3.0
"""A movement that is not renewed for so long is stopped."""

LONGEST_HOLD_S = 10.0

REPEAT_S = 0.5
"""Between two movements on the wire for one camera; of those in between the last counts."""

ON_THE_WAY = 4
"""Movements of one camera that may wait for their 200."""

NAME_BYTES = 32

Action = PresetAction | CruiseAction | ScanAction | Auxiliary


@dataclass(frozen=True, slots=True)
class Steered:
    """A movement under way; without renewal it is stopped at `until`."""

    device_id: str
    channel_id: str
    movement: Movement
    holder: Holder
    until: datetime


class Steering:
    """The one place that sends PTZ commands. Errors as `Commanding`; `ConflictError` names who has
    the camera."""

    def __init__(
        self, commanding: Commanding, messenger: Messenger, events: EventBus, clock: Clock
    ) -> None:
        self._commanding = commanding
        self._messenger = messenger
        self._clock = clock
        self._stops = Stops(messenger, events, clock)
        self._motions: dict[tuple[DeviceId, DeviceId], Motion] = {}

    async def close(self) -> None:
        """Stop what moves."""
        endings = [self._end(motion, "the server stops") for motion in self._motions.values()]
        await self._stops.close(endings)

    @property
    def unconfirmed_stops(self) -> int:
        """Stops that a camera did not confirm at once."""
        return self._stops.unconfirmed

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
        motion.arm(lambda: self._end(motion, "nobody renewed it"))
        sending = self._send_or_wait(motion)
        told = self._told(motion)
        if sending is not None:
            await asyncio.wait([sending])
            if not sending.cancelled():
                self._judge(motion, sending)
        return told

    def _judge(self, motion: Motion, sent: asyncio.Task[None]) -> None:
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
            await self._stops.surely(Motion(to, holder, Move()), Stop())
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
        self._stops.settled(motion_key)
        if name and to.edition is not Edition.E2022:
            return Outcome(True, f"{outcome.sentence}; its edition has no names, none was sent")
        return outcome

    async def release(self, holder_id: str) -> None:
        """Whoever held cameras is gone: they stop."""
        own = [each for each in self._motions.values() if each.holder.holder_id == holder_id]
        if own:
            await asyncio.wait([self._end(motion, "its holder is gone") for motion in own])

    # Who has the camera

    def _held(self, to: Addressee, movement: Movement, holder: Holder) -> Motion:
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
        self._motions[key] = fresh = Motion(to, holder, movement)
        own = Stop(is_lens=isinstance(movement, Lens))
        for before in (motion, self._stops.settled(key)):
            if before is None:
                continue
            # Its late repeats would stop the new movement. What the stop of that one does not end
            # is stopped now, and once more with it.
            if before.ending is not None:
                before.ending.cancel()
            before.take_back()
            for stop in before.stops - {own} - fresh.stops:
                fresh.stops.add(stop)
                _ = self._stops.tell_once(fresh, stop)
        return fresh

    def _contest(self, motion: Motion, holder: Holder) -> None:
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

    def _told(self, motion: Motion) -> Steered:
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

    def _send_or_wait(self, motion: Motion) -> asyncio.Task[None] | None:
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

    def _repeat(self, motion: Motion) -> None:
        motion.repeat = None
        if motion.is_due and motion.ending is None:
            self._send_or_wait(motion)

    def _send(self, motion: Motion) -> asyncio.Task[None]:
        motion.is_due = False
        motion.sent_at = self._now()
        return self._stops.tell(motion, motion.movement)

    # The end

    def _end(self, motion: Motion, why: str) -> asyncio.Task[None]:
        """Stop, once, whoever asks."""
        if motion.ending is None:
            log.info(
                "movement ends",
                device_id=motion.to.device_id,
                channel_id=motion.to.target,
                why=why,
            )
            motion.take_back()
            motion.ending = self._stops.end(motion, self._forget)
        return motion.ending

    def _forget(self, motion: Motion) -> None:
        if self._motions.get(motion.key) is motion:
            del self._motions[motion.key]

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
