"""Answers awaited from devices, by device, CmdType and SN (4.0 of the command language)."""

import asyncio
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import Message

PARTS_KEPT = 20_000
"""Parts one query may have waiting: a catalogue of 52,000 in parts of four, with room."""

SN_MODULUS = 2**31 - 1


@dataclass(eq=False, slots=True)
class Expectation:
    """One query of ours; answers queue in `parts` until they are taken."""

    device_id: DeviceId
    cmd_type: str
    sn: int
    parts: asyncio.Queue[Message] = field(
        default_factory=lambda: asyncio.Queue[Message](PARTS_KEPT)
    )


class Pending:
    """Matches answers to queries. Only a query of ours makes its answer a full answer."""

    def __init__(self) -> None:
        self._sn = 0
        self._open: dict[tuple[DeviceId, str], list[Expectation]] = defaultdict(list)

    def next_sn(self) -> int:
        """A fresh SN, for a command that has no MANSCDP answer."""
        self._sn = self._sn % SN_MODULUS + 1
        return self._sn

    @contextmanager
    def expect(self, device_id: DeviceId, cmd_type: str) -> Generator[Expectation]:
        """Await answers to a new query while inside the block; its SN is fresh."""
        expectation = Expectation(device_id, cmd_type, self.next_sn())
        key = (device_id, cmd_type)
        self._open[key].append(expectation)
        try:
            yield expectation
        finally:
            self._open[key].remove(expectation)
            if not self._open[key]:
                del self._open[key]

    def offer(self, device_id: DeviceId, cmd_type: str, sn: int, answer: Message) -> bool:
        """Whether somebody awaited it.

        The SN decides; where a device answers with a wrong SN and exactly one query of that kind
        is open, it is that one's.
        """
        awaiting = self._open.get((device_id, cmd_type))
        if not awaiting:
            return False
        matching = [each for each in awaiting if each.sn == sn]
        if not matching and len(awaiting) == 1 and cmd_type != "Catalog":
            matching = awaiting
        for expectation in matching:
            if not expectation.parts.full():
                expectation.parts.put_nowait(answer)
        return bool(matching)
