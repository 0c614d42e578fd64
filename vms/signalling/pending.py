"""Answers awaited from devices, by device, CmdType and SN (4.0 of the command language)."""

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import Message
from vms.gb28181.manscdp.registry import COMMANDS, Root

PARTS_KEPT = 20_000
"""Parts one query may have waiting: a catalogue of 52,000 in parts of four, with room."""

SN_MODULUS = 2**31 - 1

SPENT_KEPT = 20_000
"""SNs of ours that await nothing any more: what comes under them is late, not mislabelled."""

ANSWERS: Mapping[type, str] = {
    command.cls: command.cmd_type
    for command in COMMANDS
    if command.root is Root.RESPONSE and command.cmd_type != "Catalog"
}
"""The CmdType of every answer that only a query or control of ours brings about. A catalogue is
not among them: it may come unasked."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The device took our MESSAGE: 200."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """It did not."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It sent something that is no MANSCDP: perhaps the answer."""


Part = Message | Delivered | Undelivered | Unreadable


@dataclass(eq=False, slots=True)
class Expectation:
    """One query of ours; answers queue in `parts`, news of our own MESSAGE among them."""

    device_id: DeviceId
    cmd_type: str
    target: str
    sn: int
    parts: deque[Part] = field(default_factory=deque[Part])
    _waiting: asyncio.Future[None] | None = None

    def put(self, part: Part) -> None:
        """One more; beyond `PARTS_KEPT` it is lost, and the answer incomplete."""
        if len(self.parts) < PARTS_KEPT:
            self.parts.append(part)
            self._wake()

    async def next(self, wait_s: float) -> Part | None:
        """The next one, None after `wait_s` of silence; for one who waits."""
        if not self.parts:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(max(0.0, wait_s), self._wake)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        return self.parts.popleft() if self.parts else None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Pending:
    """Matches answers to queries. Only a query of ours makes its answer a full answer."""

    def __init__(self) -> None:
        self._sn = 0
        self._open: dict[tuple[DeviceId, str], list[Expectation]] = defaultdict(list)
        self._spent: OrderedDict[tuple[DeviceId, str, int], None] = OrderedDict()

    def next_sn(self) -> int:
        """A fresh SN, for a command that has no MANSCDP answer."""
        self._sn = self._sn % SN_MODULUS + 1
        return self._sn

    def spend_sn(self, device_id: DeviceId, cmd_type: str) -> int:
        """A fresh SN for a command whose answer, should one come, nobody waits for."""
        sn = self.next_sn()
        self._spend(device_id, cmd_type, sn)
        return sn

    @contextmanager
    def expect(
        self, device_id: DeviceId, cmd_type: str, target: str = ""
    ) -> Generator[Expectation]:
        """Await answers to a new query while inside the block; its SN is fresh.

        `target` is the DeviceID that it asks about, the device itself by default.
        """
        expectation = Expectation(device_id, cmd_type, target or device_id, self.next_sn())
        key = (device_id, cmd_type)
        self._open[key].append(expectation)
        try:
            yield expectation
        finally:
            self._open[key].remove(expectation)
            if not self._open[key]:
                del self._open[key]
            self._spend(device_id, cmd_type, expectation.sn)

    def take(self, device_id: DeviceId, message: Message) -> bool:
        """Whether `message` is of a kind that only answers (`ANSWERS`); whoever waits has it."""
        cmd_type = ANSWERS.get(type(message))
        if cmd_type is None:
            return False
        self.offer(device_id, cmd_type, message.sn, message)
        return True

    def awaits(self, device_id: DeviceId, cmd_type: str, sn: int) -> bool:
        """Whether a query of this very SN is open."""
        return any(each.sn == sn for each in self._open.get((device_id, cmd_type), ()))

    def offer(self, device_id: DeviceId, cmd_type: str, sn: int, answer: Message) -> bool:
        """Whether somebody awaited it.

        The SN decides. Where a device answers with an SN that was never ours, it is the one open
        query of that kind about that DeviceID, or the only one at all. A catalogue has to carry
        the right one: only a whole one may take channels away.
        """
        awaiting = self._open.get((device_id, cmd_type))
        if not awaiting:
            return False
        matching = [each for each in awaiting if each.sn == sn]
        is_mislabelled = (device_id, cmd_type, sn) not in self._spent
        if not matching and is_mislabelled and cmd_type != "Catalog":
            matching = [each for each in awaiting if each.target == answer.device_id] or awaiting
            matching = matching if len(matching) == 1 else []
        for expectation in matching:
            expectation.put(answer)
        return bool(matching)

    def unreadable(self, device_id: DeviceId) -> None:
        """The device sent a body that nobody can read; whoever waits for it may ask otherwise."""
        for cmd_type in ANSWERS.values():
            for expectation in self._open.get((device_id, cmd_type), ()):
                expectation.put(Unreadable())

    def _spend(self, device_id: DeviceId, cmd_type: str, sn: int) -> None:
        self._spent[device_id, cmd_type, sn] = None
        if len(self._spent) > SPENT_KEPT:
            self._spent.popitem(last=False)
