"""What moves cameras on the wire, and making sure that their stops arrive.

Over UDP a stop goes out twice; one that is not confirmed is repeated and reported, and tried again
and again until its device is back.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine

import structlog

from vms.clock import Clock
from vms.errors import RejectedError, VmsError
from vms.events import EventBus, MovementNotStopped
from vms.gb28181 import ptz
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import PtzControl
from vms.gb28181.ptz import Stop
from vms.signalling.messenger import Messenger
from vms.signalling.motion import MOVING_AT_ONCE, Motion, Movement

log = structlog.get_logger(__name__)

STOP_AGAIN_S = 0.2
"""Between the two stops over UDP: what swallowed the first may have passed."""

STOP_LIMIT_S = 3.0
"""For the 200 to a stop, before the next try."""

STOP_TRIES = 3

STOP_LATER_S = 2.0
LONGEST_PAUSE_S = 30.0
OWED_FOR_S = 3_600.0
"""A stop that no try got through is tried for so long, after pauses that double."""


class Stops:
    """Sends movements and their stops for `Steering`, which says when."""

    def __init__(self, messenger: Messenger, events: EventBus, clock: Clock) -> None:
        self._messenger = messenger
        self._events = events
        self._clock = clock
        self.unconfirmed = 0
        """Stops that a camera did not confirm at once."""
        self._owed: dict[tuple[DeviceId, DeviceId], Motion] = {}
        """Over for us, and perhaps not for the camera."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self, endings: Collection[asyncio.Task[None]]) -> None:
        """Wait for `endings` as long as for one answer; give up what is left."""
        if endings:
            await asyncio.wait(endings, timeout=STOP_LIMIT_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end(self, motion: Motion, over: Callable[[Motion], None]) -> asyncio.Task[None]:
        """Stop all of a motion; `over` is called once nothing more is tried at once.

        The task raises the first error, after every stop was tried.
        """
        return self._run(self._ended(motion, over))

    def settled(self, key: tuple[DeviceId, DeviceId]) -> Motion | None:
        """The camera does something else now: no stop of an earlier movement is tried later."""
        motion = self._owed.pop(key, None)
        if motion is not None and motion.owing is not None:
            motion.owing.cancel()
        return motion

    async def surely(self, motion: Motion, stop: Stop) -> None:
        """Raises what the last try ended with; the first that fails is reported."""
        to = motion.to
        for attempt in range(1, STOP_TRIES + 1):
            try:
                await self._once(motion, stop)
            except VmsError as error:
                if attempt == 1:
                    self.unconfirmed += 1
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

    def tell(
        self, motion: Motion, command: Movement | Stop, limit_s: float | None = None
    ) -> asyncio.Task[None]:
        """On its way, and called back by `take_back`."""
        task = self._run(self._message(motion, command, limit_s))
        motion.sends.add(task)
        task.add_done_callback(motion.sends.discard)
        return task

    def tell_once(self, motion: Motion, stop: Stop) -> asyncio.Task[None]:
        """One stop, one try."""
        return self.tell(motion, stop, STOP_LIMIT_S)

    async def _ended(self, motion: Motion, over: Callable[[Motion], None]) -> None:
        failed: VmsError | None = None
        try:
            for stop in sorted(motion.stops, key=lambda each: each.is_lens):
                try:
                    await self.surely(motion, stop)
                except VmsError as error:
                    failed = failed or error
                    if isinstance(error, RejectedError):
                        motion.stops.discard(stop)
                else:
                    motion.stops.discard(stop)
        finally:
            over(motion)
        if failed is not None:
            if motion.stops and len(self._owed) < MOVING_AT_ONCE:
                self._owed[motion.key] = motion
                motion.owing = self._run(self._later(motion))
            raise failed

    async def _later(self, motion: Motion) -> None:
        """A camera that cannot be reached may turn until it is told."""
        gives_up_at, pause_s = self._now() + OWED_FOR_S, STOP_LATER_S
        while motion.stops and self._now() < gives_up_at:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            for stop in list(motion.stops):
                try:
                    await self._once(motion, stop)
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

    async def _once(self, motion: Motion, stop: Stop) -> None:
        """One over TCP, two over UDP; one 200 is enough."""
        is_tcp = self._messenger.flow(motion.to.device_id).transport == "TCP"
        first = self.tell_once(motion, stop)
        if is_tcp:
            await first
            return
        await asyncio.sleep(STOP_AGAIN_S)
        second = self.tell_once(motion, stop)
        try:
            await first
        except VmsError:
            await second

    async def _message(
        self, motion: Motion, command: Movement | Stop, limit_s: float | None
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
