"""A bad network between two peers: a UDP relay that loses, repeats, delays and disorders, by seed.

    async with impaired(("127.0.0.1", port), Impairment(loss=0.05), seed=1) as network:
        send_to(network.address)
        network.is_dead = True  # the far side vanished: half-open, nothing passes either way

Each peer that sends to `address` gets a socket of its own towards the target, as behind a NAT, and
what the target answers there goes back to it. `there` and `back` count what was done.
"""

import asyncio
import random
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"
BUFFER_BYTES = 4 * 2**20
STRAGGLER_S = 0.05
"""A packet held back goes after this long, when too few others came to pass it."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Impairment:
    """Shares are of 1; `depth` packets overtake one that is held back.

    `delay_s` is added to every packet, and up to `jitter_s` more by chance.
    """

    loss: float = 0.0
    reorder: float = 0.0
    depth: int = 5
    duplicate: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0


@dataclass(slots=True)
class Direction:
    """What became of the packets of one direction; `passed` counts each that came and went on."""

    impairment: Impairment
    dice: random.Random
    passed: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0


@dataclass(slots=True)
class _Lane:
    """One peer's packets in one direction, and those that wait to be overtaken."""

    direction: Direction
    transport: asyncio.DatagramTransport
    to: Address | None
    held: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])

    def send(self, data: bytes) -> None:
        direction, dice = self.direction, self.direction.dice
        what = direction.impairment
        if dice.random() < what.loss:
            direction.lost += 1
            return
        direction.passed += 1
        if dice.random() < what.duplicate:
            direction.duplicated += 1
            self._go(data)
        if dice.random() < what.reorder:
            direction.reordered += 1
            self.held.append((what.depth, data))
            asyncio.get_running_loop().call_later(STRAGGLER_S, self._release, data)
            return
        self._go(data)
        waiting, self.held = self.held, []
        for left, one in waiting:
            if left > 1:
                self.held.append((left - 1, one))
            else:
                self._go(one)

    def _release(self, data: bytes) -> None:
        for place, (_, one) in enumerate(self.held):
            if one is data:
                del self.held[place]
                self._go(data)
                return

    def _go(self, data: bytes) -> None:
        what = self.direction.impairment
        wait_s = what.delay_s + what.jitter_s * self.direction.dice.random()
        if wait_s:
            asyncio.get_running_loop().call_later(wait_s, self._write, data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.sendto(data, self.to)


class _Far(asyncio.DatagramProtocol):
    """The side of the target: its answers go back to one peer."""

    def __init__(self, network: "Network", back: _Lane) -> None:
        self._network = network
        self._back = back

    def datagram_received(self, data: bytes, addr: Address) -> None:
        _ = addr
        if self._network.is_dead:
            self._network.swallowed += 1
        else:
            self._back.send(data)


class Network(asyncio.DatagramProtocol):
    """The relay; made by `impaired`. `swallowed` counts what came while it was dead."""

    def __init__(self, target: Address, there: Direction, back: Direction) -> None:
        self.there = there
        self.back = back
        self.is_dead = False
        self.swallowed = 0
        self._target = target
        self._near: asyncio.DatagramTransport | None = None
        self._lanes: dict[Address, _Lane] = {}
        self._early: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """Where peers send."""
        if self._near is None:
            raise RuntimeError("the relay is not open yet")
        host, port = self._near.get_extra_info("sockname")[:2]
        return host, port

    async def open(self, host: str) -> None:
        """Bind a port that is free."""
        self._near, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(host, 0)
        )
        _enlarge(self._near)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self.is_dead:
            self.swallowed += 1
            return
        lane = self._lanes.get(addr)
        if lane is not None:
            lane.send(data)
            return
        is_new = addr not in self._early
        self._early.setdefault(addr, []).append(data)
        if is_new:
            task = asyncio.get_running_loop().create_task(self._open(addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, peer: Address) -> None:
        if self._near is None:
            return
        back = _Lane(self.back, self._near, peer)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Far(self, back), remote_addr=self._target
        )
        _enlarge(transport)
        lane = self._lanes[peer] = _Lane(self.there, transport, None)
        for data in self._early.pop(peer, []):
            lane.send(data)

    async def close(self) -> None:
        """Give the sockets back; what is under way is lost."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self._lanes.values():
            lane.transport.close()
        if self._near is not None:
            self._near.close()
        # Transports close their sockets on the loop's next round.
        await asyncio.sleep(0)


def _enlarge(transport: asyncio.DatagramTransport) -> None:
    """Nothing shall be lost that is not counted: the event loop takes a datagram a round."""
    udp: socket.socket = transport.get_extra_info("socket")
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        udp.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)


@asynccontextmanager
async def impaired(
    target: Address,
    there: Impairment,
    back: Impairment | None = None,
    *,
    seed: int,
    host: str = HOST,
) -> AsyncGenerator[Network]:
    """A relay to `target`; `there` is what is done towards it, `back` to its answers (nothing)."""
    network = Network(
        target,
        Direction(there, random.Random(seed)),  # noqa: S311  repeatable, not secret
        Direction(back or Impairment(), random.Random(seed + 1)),  # noqa: S311  as above
    )
    await network.open(host)
    try:
        yield network
    finally:
        await network.close()
