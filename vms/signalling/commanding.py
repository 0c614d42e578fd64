"""How any command reaches a device: to whom, in whose edition, and what its answer is worth."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar, cast

from vms.errors import NotFoundError, RejectedError, UnsupportedError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.command import Answer
from vms.gb28181.manscdp.editions import ORDER
from vms.gb28181.manscdp.messages import (
    DeviceConfigResponse,
    DeviceControlResponse,
    Message,
    Result,
)
from vms.gb28181.manscdp.registry import command_of
from vms.gb28181.profiles import Profile
from vms.gb28181.version import Edition
from vms.inventory.inventory import Inventory
from vms.inventory.model import Device
from vms.signalling.messenger import MESSAGE_LIMIT_S, Gather, Messenger, part
from vms.signalling.pending import Delivered

RESULT_LIMIT_S = 5.0
"""For the Response to a control, counted from its 200."""

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a command is for: the device on the line, and the DeviceID that stands in the body."""

    device: Device
    target: DeviceId
    profile: Profile

    @property
    def edition(self) -> Edition:
        """The one to speak: told by the device or set by a person, else assumed."""
        return self.profile.edition

    @property
    def device_id(self) -> DeviceId:
        """Who is on the line."""
        return self.device.device_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command that the device took.

    `is_confirmed` False: it said 200 and nothing more, where a Response should have come.
    """

    is_confirmed: bool
    sentence: str


class Commanding:
    """Sends commands. Raises as `Messenger` does, and `NotFoundError` for a device or channel that
    is not on file, `UnsupportedError` for a command that the device's edition does not have."""

    def __init__(self, messenger: Messenger, inventory: Inventory) -> None:
        self._messenger = messenger
        self._inventory = inventory
        self._flights: dict[Hashable, asyncio.Task[object]] = {}

    async def close(self) -> None:
        """Give up what is on its way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def addressee(self, device_id: str, channel_id: str | None = None) -> Addressee:
        """A device on file, or one of its channels; the device itself may be its own channel."""
        device = self._inventory.device(device_id)
        target = device.device_id
        if channel_id is not None and channel_id != target:
            if not self._inventory.has_channel(device_id, channel_id):
                raise NotFoundError(f"no channel {channel_id} on device {device_id}")
            target = DeviceId(channel_id)
        profile = self._inventory.profile(device_id)
        return Addressee(device, target, profile)

    def is_lone_camera(self, to: Addressee) -> bool:
        """A device of one channel: what its ID names is the camera."""
        return self._inventory.channel_counts(to.device_id)[0] <= 1

    def require(
        self, to: Addressee, name: str, editions: frozenset[Edition], *, force: bool
    ) -> None:
        """Refuse what the device's edition does not have, unless a person insists."""
        if force or to.edition in editions:
            return
        known = ", ".join(each.value for each in ORDER if each in editions)
        is_told = to.device.edition is not Edition.UNKNOWN or to.device.edition_override
        speaks = "speaks" if is_told else "does not name its edition and is taken for"
        raise UnsupportedError(
            f"{name} is in the editions {known}; {to.device_id} {speaks} {to.edition}",
            device_id=to.device_id,
            command=name,
            edition=to.edition.value,
        )

    def require_message(self, to: Addressee, message: Message, *, force: bool) -> None:
        """The same for a message as a whole."""
        command = command_of(message)
        self.require(to, command.name, frozenset(command.editions), force=force)

    async def ask(
        self,
        to: Addressee,
        message: Callable[[int], Message],
        expected: type[Reply],
        *,
        force: bool,
        limit_s: float | None = None,
        gather: Gather[Reply] | None = None,
    ) -> Reply:
        """A question with one answer. Who asks the same while it is on its way has its answer too.

        `message(sn)` makes the question; two that differ in nothing but the SN are the same.
        """
        question = message(0)
        self.require_message(to, question, force=force)
        key = (to.device_id, question)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(
                self._asked(to, message, expected, limit_s, gather)
            )
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        answer: object = await asyncio.shield(flight)
        return cast("Reply", answer)

    async def _asked(
        self,
        to: Addressee,
        message: Callable[[int], Message],
        expected: type[Reply],
        limit_s: float | None,
        gather: Gather[Reply] | None,
    ) -> Reply:
        cmd_type = command_of(message(0)).cmd_type
        return await self._messenger.ask(
            to.device_id,
            cmd_type,
            message,
            expected,
            target=to.target,
            limit_s=limit_s,
            gather=gather,
        )

    def _landed(self, key: Hashable, flight: asyncio.Task[object]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # whoever still waits has it; nobody may

    async def tell(
        self, to: Addressee, message: Callable[[int], Message], *, force: bool
    ) -> Outcome:
        """Something whose 200 is the whole answer, or all that is waited for."""
        told = message(0)
        self.require_message(to, told, force=force)
        command = command_of(told)
        sn = self._messenger.pending.spend_sn(to.device_id, command.cmd_type)
        await self._messenger.tell(to.device_id, message(sn))
        return Outcome(True, f"{to.device_id} took {command.name} (200)")

    async def control(
        self, to: Addressee, message: Callable[[int], Message], *, force: bool
    ) -> Outcome:
        """An order. Raises `RejectedError` where the device answers ERROR."""
        order = message(0)
        self.require_message(to, order, force=force)
        command = command_of(order)
        if command.answer is Answer.NONE:
            return await self.tell(to, message, force=True)
        answer: DeviceControlResponse | DeviceConfigResponse | None
        if command.cmd_type == "DeviceConfig":
            answer = await self.ask_if_answered(
                to, message, DeviceConfigResponse, limit_s=RESULT_LIMIT_S
            )
        else:
            answer = await self.ask_if_answered(
                to, message, DeviceControlResponse, limit_s=RESULT_LIMIT_S
            )
        if answer is None:
            return Outcome(
                False,
                f"{to.device_id} took {command.name} (200) and did not tell what became of it "
                f"in {RESULT_LIMIT_S:.0f} s",
            )
        if answer.result is Result.ERROR:
            raise RejectedError(
                f"{to.device_id} answered ERROR to {command.name}",
                200,
                device_id=to.device_id,
                command=command.name,
            )
        return Outcome(True, f"{to.device_id} answered OK to {command.name}")

    async def ask_if_answered(
        self,
        to: Addressee,
        message: Callable[[int], Message],
        expected: type[Reply],
        *,
        limit_s: float,
    ) -> Reply | None:
        """A question that may remain without an answer; None where the 200 is all that comes."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + MESSAGE_LIMIT_S + limit_s
        cmd_type = command_of(message(0)).cmd_type
        async with self._messenger.asking(
            to.device_id, cmd_type, message, to.target
        ) as expectation:
            while True:
                news = await part(expectation, deadline - loop.time())
                if isinstance(news, expected):
                    return news
                if news is None:
                    return None
                if isinstance(news, Delivered):
                    deadline = loop.time() + limit_s
