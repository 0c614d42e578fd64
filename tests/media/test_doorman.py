"""What a worker refuses by itself, and whom it tells of that nobody waits for."""

import asyncio
import secrets

import pytest

from media.door import Admission, Form, MediaError, MediaEvent, StreamId, ViewerId, ViewerLeft
from media.doorman import ASK_AGAIN_S, REFUSED_KEPT, Doorman
from media.plan import Place, RelayPlan
from media.relay import Relay
from media.seal import Seal
from tests.support.clock import FakeClock
from tests.support.waiting import until

HOST = "127.0.0.1"
STREAM, VIEWER = StreamId("stream"), ViewerId("viewer")


class Owner:
    """Knows which tokens count, and may take its time."""

    def __init__(self, seal: Seal | None) -> None:
        self.clock = FakeClock()
        self.good: set[str] = set()
        self.asked: list[str] = []
        self.events: list[MediaEvent] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.doorman = Doorman(
            self.judge, seal, now=self.clock.monotonic, on_event=self.events.append
        )

    async def judge(self, token: str, _form: Form) -> Admission:
        """As `media.door.Admit`."""
        self.asked.append(token)
        await self.may_answer.wait()
        if token not in self.good:
            raise MediaError(MediaError.NOT_ADMITTED, "unknown")
        return Admission(STREAM, VIEWER)

    async def ask(self, token: str) -> str:
        """The viewer let in, else the code."""
        try:
            return (await self.doorman.admit(token, Form.FLV)).viewer_id
        except MediaError as error:
            return error.code


async def test_forged_tokens_cost_the_owner_nothing_and_nobody_else_their_place() -> None:
    seal = Seal()
    owner = Owner(seal)
    good = seal.token()
    owner.good.add(good)

    forged = {await owner.ask(token) for token in ("x", "é", *(Seal().token() for _ in range(200)))}

    assert forged == {"not_admitted"}
    assert owner.asked == []
    assert owner.doorman.refusals == 202
    assert await owner.ask(good) == "viewer"


async def test_a_token_that_was_refused_is_asked_about_once_a_second() -> None:
    seal = Seal()
    owner = Owner(seal)
    used_up = seal.token()

    for _ in range(10):
        assert await owner.ask(used_up) == "not_admitted"
    assert len(owner.asked) == 1

    owner.good.add(used_up)  # given back meanwhile
    owner.clock.advance(ASK_AGAIN_S)

    assert await owner.ask(used_up) == "viewer"


async def test_a_wall_of_stale_tokens_keeps_no_fresh_one_out() -> None:
    seal = Seal()
    owner = Owner(seal)
    fresh = seal.token()
    owner.good.add(fresh)

    stale = [await owner.ask(seal.token()) for _ in range(50)]

    assert stale == ["not_admitted"] * 50
    assert await owner.ask(fresh) == "viewer"


async def test_refused_tokens_are_forgotten_the_oldest_first() -> None:
    seal = Seal()
    owner = Owner(seal)
    first, *others = (seal.token() for _ in range(REFUSED_KEPT + 1))
    for token in (first, *others):
        await owner.ask(token)

    owner.asked.clear()
    await owner.ask(others[-1])
    await owner.ask(first)

    assert owner.asked == [first]


async def test_who_is_let_in_when_nobody_waits_any_more_has_left() -> None:
    owner = Owner(None)
    owner.good.add("token")
    owner.may_answer.clear()
    waiting = asyncio.create_task(owner.ask("token"))
    await until(lambda: bool(owner.asked))

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert owner.events == []
    owner.may_answer.set()

    await until(lambda: bool(owner.events))
    assert owner.events == [ViewerLeft(STREAM, VIEWER, "left")]


async def test_closing_it_leaves_no_question_open() -> None:
    owner = Owner(None)
    owner.may_answer.clear()
    waiting = asyncio.create_task(owner.ask("token"))
    await until(lambda: bool(owner.asked))

    await owner.doorman.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert owner.events == []


async def _status(port: int, request: str) -> str:
    """Of the answer to one request."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(f"{request}\r\nHost: x\r\nCSeq: 1\r\n\r\n".encode())
    first = await reader.readline()
    writer.close()
    return first.decode().split(" ")[1]


async def test_at_the_ports_of_a_worker_only_tokens_that_were_lent_are_asked_about() -> None:
    seal = Seal()
    owner = Owner(None)
    relay = Relay(
        RelayPlan(
            (42_300, 42_319),
            Place(HOST, 0),
            (HOST,),
            http=Place(HOST, 0),
            rtsp=Place(HOST, 0),
            seal=seal.key,
        ),
        now=owner.clock.monotonic,
        token=lambda: secrets.token_hex(16),
        on_event=owner.events.append,
        admit=owner.judge,
    )
    await relay.start()
    try:
        ports = relay.ports(0)
        asked = [
            (port, f"{method} {scheme}/live/1/2{ending}?token={token} {version}")
            for token in ("guessed", Seal().token(), seal.token())
            for port, method, scheme, ending, version in (
                (ports.http, "GET", "", ".flv", "HTTP/1.1"),
                (ports.rtsp, "DESCRIBE", f"rtsp://{HOST}:{ports.rtsp}", "", "RTSP/1.0"),
            )
        ]
        statuses = [await _status(port, request) for port, request in asked]
    finally:
        await relay.stop()

    assert statuses == ["403"] * 6
    assert len(owner.asked) == 1
    assert relay.refused_tokens == 6
