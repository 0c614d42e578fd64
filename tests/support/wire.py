"""Two SIP agents joined by a link that loses, delays and repeats, on a clock of its own.

An hour of protocol runs in a millisecond: time jumps from one event to the next.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sip.agent import Agent
from sip.effects import (
    Acknowledged,
    Answered,
    Broken,
    Cancelled,
    ClientKey,
    Deliver,
    Effect,
    Ended,
    Send,
    TimedOut,
)
from sip.message import Address, Flow, Request, Response, response_to
from sip.parser import parse_message


@dataclass
class Link:
    """What the road does to a message; probabilities between 0 and 1."""

    loss: float = 0.0
    repetition: float = 0.0
    delay_s: float = 0.01
    jitter_s: float = 0.0
    is_reliable: bool = False
    seed: int = 0
    drop: Callable[[bytes], bool] | None = None
    """Loses the messages it says True to."""


@dataclass
class Side:
    """One end: its agent, what it got, and how its application answers."""

    name: str
    agent: Agent
    flow: Flow
    delivered: list[Deliver] = field(default_factory=list[Deliver])
    answered: list[Answered] = field(default_factory=list[Answered])
    timed_out: list[ClientKey] = field(default_factory=list[ClientKey])
    broken: list[ClientKey] = field(default_factory=list[ClientKey])
    cancelled: list[Cancelled] = field(default_factory=list[Cancelled])
    acknowledged: list[Acknowledged] = field(default_factory=list[Acknowledged])
    ended: list[Ended] = field(default_factory=list[Ended])
    sent: list[Request | Response] = field(default_factory=list[Request | Response])
    sent_at: list[float] = field(default_factory=list[float])
    on_deliver: Callable[[Deliver], None] | None = None

    @property
    def final_statuses(self) -> list[int]:
        """The status of every final answer that reached the application."""
        return [each.response.status for each in self.answered if each.response.is_final]

    def sent_starts(self) -> list[str]:
        """Methods and statuses in the order in which they went out."""
        return [
            each.method if isinstance(each, Request) else str(each.status) for each in self.sent
        ]


class Wire:
    """`a` calls, `b` answers 200 to everything unless told otherwise."""

    def __init__(self, link: Link | None = None) -> None:
        self.link = link or Link()
        self.now = 0.0
        self._dice = random.Random(self.link.seed)  # noqa: S311  a test that can be repeated
        self._count = itertools.count()
        self._under_way: list[tuple[float, int, Side, bytes]] = []
        here, there = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
        transport: Literal["UDP", "TCP"] = "TCP" if self.link.is_reliable else "UDP"
        connection = 1 if self.link.is_reliable else 0
        self.a = Side("a", self._agent("a"), Flow(transport, here, there, connection))
        self.b = Side("b", self._agent("b"), Flow(transport, there, here, connection))
        self.b.on_deliver = self.answer_ok

    def _agent(self, name: str) -> Agent:
        counter = itertools.count(1)
        return Agent(lambda: f"{name}{next(counter)}")

    def answer_ok(self, delivered: Deliver) -> None:
        """`b` answers 200, and accepts an INVITE."""
        if delivered.key.method == "INVITE":
            self.accept(delivered)
        else:
            self.respond(self.b, delivered, 200)

    def accept(self, delivered: Deliver) -> None:
        """`b` accepts an INVITE."""
        response = response_to(
            delivered.request, 200, headers=[("Contact", "<sip:camera@192.0.2.2:5060>")]
        )
        _, effects = self.b.agent.accept(delivered.key, response, self.now)
        self.perform(self.b, effects)

    def respond(self, side: Side, delivered: Deliver, status: int) -> None:
        """Answer a delivered request."""
        response = response_to(delivered.request, status)
        self.perform(side, side.agent.respond(delivered.key, response, self.now))

    def send(self, side: Side, request: Request) -> ClientKey:
        """Start a client transaction."""
        key, effects = side.agent.send(request, side.flow, str(side.flow.local), self.now)
        self.perform(side, effects)
        return key

    def perform(self, side: Side, effects: Sequence[Effect]) -> None:
        """Do what an agent asks for."""
        for effect in effects:
            self._perform_one(side, effect)

    def _perform_one(self, side: Side, effect: Effect) -> None:
        match effect:
            case Send():
                self._put(side, effect.data)
            case Deliver():
                side.delivered.append(effect)
                if side.on_deliver is not None:
                    side.on_deliver(effect)
            case Answered():
                side.answered.append(effect)
            case TimedOut(key):
                side.timed_out.append(key)
            case Broken(key):
                side.broken.append(key)
            case Cancelled():
                side.cancelled.append(effect)
            case Acknowledged():
                side.acknowledged.append(effect)
            case Ended():
                side.ended.append(effect)

    def _put(self, side: Side, data: bytes) -> None:
        side.sent.append(parse_message(data))
        side.sent_at.append(self.now)
        link = self.link
        is_lost = link.drop is not None and link.drop(data)
        copies = 1 + (self._dice.random() < link.repetition)
        for _ in range(copies):
            if is_lost or self._dice.random() < link.loss:
                continue
            at = self.now + link.delay_s + self._dice.random() * link.jitter_s
            other = self.b if side is self.a else self.a
            heapq.heappush(self._under_way, (at, next(self._count), other, data))

    def run(self, until_s: float) -> None:
        """Let time pass up to then."""
        while (at := self._next_event()) is not None and at <= until_s:
            self.now = max(self.now, at)
            while self._under_way and self._under_way[0][0] <= self.now:
                _, _, side, data = heapq.heappop(self._under_way)
                effects = side.agent.receive(parse_message(data), side.flow, self.now)
                self.perform(side, effects)
            for side in (self.a, self.b):
                deadline = side.agent.deadline
                if deadline is not None and deadline <= self.now:
                    self.perform(side, side.agent.tick(self.now))
        self.now = until_s

    def _next_event(self) -> float | None:
        moments = [
            moment
            for moment in (self.a.agent.deadline, self.b.agent.deadline)
            if moment is not None
        ]
        if self._under_way:
            moments.append(self._under_way[0][0])
        return min(moments, default=None)


def losing(start: bytes, count: int) -> Link:
    """A link that loses the first `count` messages beginning so, and nothing else."""
    left = [count]

    def drop(data: bytes) -> bool:
        is_lost = data.startswith(start) and left[0] > 0
        left[0] -= is_lost
        return is_lost

    return Link(drop=drop)
