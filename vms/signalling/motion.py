"""One camera that moves: who moves it, what it was told, and what has to be stopped."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from vms.gb28181.ids import DeviceId
from vms.gb28181.ptz import Lens, Move, Stop
from vms.signalling.commanding import Addressee

MOVING_AT_ONCE = 2_000

Movement = Move | Lens


@dataclass(frozen=True, slots=True)
class Holder:
    """Who moves a camera. `holder_id` is one sign-in; `name` is for people.

    Of two, the one with the greater `priority` has the camera; it is sent as ControlPriority.
    """

    holder_id: str
    name: str
    priority: int = 5


class Motion:
    """One camera that moves; `until` is of the event loop's clock."""

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

    def arm(self, let_go: Callable[[], object]) -> None:
        """The dead man's handle: `let_go` is called at `until`."""
        if self.expiry is not None:
            self.expiry.cancel()
        self.expiry = asyncio.get_running_loop().call_at(self.until, let_go)

    def take_back(self) -> None:
        """No timer rings and no movement is on its way any more: none may arrive after the stop."""
        for timer in (self.expiry, self.repeat):
            if timer is not None:
                timer.cancel()
        for send in self.sends:
            send.cancel()
