"""The relay's door as messages, over real sockets, with the other side friendly and not."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from media import wire
from media.door import (
    Admission,
    ContainerParsed,
    FirstPacket,
    FirstPicture,
    Form,
    KeyPictureWanted,
    MediaEnded,
    MediaError,
    MediaEvent,
    MediaResumed,
    MediaSilent,
    SourceFigures,
    SsrcMatched,
    StreamAddress,
    StreamFigures,
    StreamId,
    StreamLost,
    Transport,
    ViewerFigures,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
    WorkerPorts,
)
from media.errors import ProtocolError
from media.wire import Call, DoorAddress, Link, Reply
from tests.support.faults import told_to_loop
from tests.support.waiting import until

TOKEN = "right"  # noqa: S105
STREAM, VIEWER = StreamId("0.ab"), ViewerId("v")
PORTS = WorkerPorts(1, webrtc=8190, http=8091, rtsp=8555, is_tls=True)
FIGURES = StreamFigures(
    stream_id=STREAM,
    transport=Transport.UDP_SHARED,
    remote_address="192.0.2.1:15060",
    ssrc=4_294_967_295,
    container="ps",
    video_codec="h265",
    width=3840,
    height=2160,
    audio_codec=None,
    packets=2**40,
    lost=1,
    reordered=2,
    duplicates=3,
    foreign=4,
    jitter_ms=0.5,
    bitrate_bps=4_000_000,
    frames_per_s=24.97,
    key_pictures=5,
    damaged_units=6,
    last_packet_age_s=None,
    transcoding="h264 720p",
    viewers=(ViewerFigures(VIEWER, "whep", "192.0.2.9:5", 1.5, 7, 8, 0.25, 9, 10, "passed", 11),),
    sources=(SourceFigures("192.0.2.1:15060", 1, None, 2, 3, is_taken=False),),
    unsupported=("svac",),
    tolerated=(("no-psm", 2),),
)
EVENTS: list[MediaEvent] = [
    FirstPacket(STREAM, "192.0.2.1:1"),
    SsrcMatched(STREAM, 1, was_expected=False),
    ContainerParsed(STREAM, "ps"),
    FirstPicture(STREAM, "h264", 640, 360),
    MediaSilent(STREAM, 10.5),
    MediaResumed(STREAM),
    MediaEnded(STREAM),
    StreamLost(STREAM),
    KeyPictureWanted(STREAM),
    ViewerJoined(STREAM, VIEWER, "192.0.2.9:5"),
    ViewerLeft(STREAM, VIEWER, "中文"),
]
CALLS: list[tuple[Call, type[Any], Reply]] = [
    (wire.Ping(), wire.Load, wire.Load(1, 2, 3, 4.5, 6)),
    (
        wire.Open(Transport.TCP_ACTIVE, 1, "::1"),
        StreamAddress,
        StreamAddress(STREAM, "::1", 30_000, 1),
    ),
    (wire.Expect(STREAM, 1, None, 5), type(None), None),
    (wire.Answer(STREAM, VIEWER, "v=0"), str, "v=0\r\n"),
    (wire.Patch(VIEWER, "a=x"), str, ""),
    (wire.Leave(VIEWER), type(None), None),
    (wire.Snapshot(STREAM), bytes, b"\xff\xd8\x00"),
    (wire.Figures(STREAM), StreamFigures, FIGURES),
    (wire.Close(STREAM), type(None), None),
    (
        wire.AdmitViewer("token", Form.WS_FLV),
        Admission,
        Admission(STREAM, VIEWER, PORTS, "another"),
    ),
]


@dataclass
class Side:
    """One end: what it was asked and told, and what it answers."""

    asked: list[Call] = field(default_factory=list[Call])
    heard: list[MediaEvent] = field(default_factory=list[MediaEvent])
    closed: list[str] = field(default_factory=list[str])
    links: list[Link] = field(default_factory=list[Link])
    reply: Callable[[], Reply] = lambda: None
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.release.set()

    async def answer(self, call: Call) -> Reply:
        self.asked.append(call)
        if isinstance(call, wire.Hello):
            return PORTS
        await self.release.wait()
        return self.reply()

    def note_end(self, _link: Link, why: str) -> None:
        self.closed.append(why)

    def link(self) -> Link:
        self.links.append(Link(self.answer, self.heard.append, self.note_end, TOKEN))
        return self.links[-1]


@asynccontextmanager
async def door() -> AsyncGenerator[tuple[Side, DoorAddress]]:
    """A side that listens; nothing of it may have ended in an error that nobody took."""
    complaints = told_to_loop()
    side = Side()
    server = await wire.serve(DoorAddress(host="127.0.0.1", port=0), side.link)
    try:
        yield side, DoorAddress(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for link in side.links:
            link.close()
        await asyncio.sleep(0)
        asyncio.get_running_loop().set_exception_handler(None)
    assert complaints == []


@asynccontextmanager
async def pair() -> AsyncGenerator[tuple[Side, Side, Link]]:
    """The worker's side, the owner's, and the owner's link."""
    async with door() as (worker, address):
        owner = Side()
        link, ports = await wire.connect(
            address, TOKEN, owner.answer, owner.heard.append, owner.note_end
        )
        assert ports == PORTS
        try:
            yield worker, owner, link
        finally:
            link.close()


@pytest.mark.parametrize(("call", "expects", "reply"), CALLS, ids=lambda it: type(it).__name__)
async def test_calls_and_replies_arrive_as_they_were(
    call: Call, expects: type[Any], reply: Reply
) -> None:
    async with pair() as (worker, _owner, link):
        worker.reply = lambda: reply

        assert await link.ask(call, expects) == reply
        assert worker.asked[-1] == call


async def test_events_arrive_as_they_were_and_in_order() -> None:
    assert {type(event) for event in EVENTS} == set(wire.EVENTS.values())
    async with pair() as (worker, owner, _link):
        for event in EVENTS:
            worker.links[0].tell(event)

        await until(lambda: len(owner.heard) == len(EVENTS))
        assert owner.heard == EVENTS


async def test_both_sides_may_ask() -> None:
    async with pair() as (worker, owner, _link):
        owner.reply = lambda: Admission(STREAM, VIEWER)

        asked = wire.AdmitViewer("token", Form.HLS)
        assert await worker.links[0].ask(asked, Admission) == Admission(STREAM, VIEWER)


async def test_a_refusal_keeps_its_code_and_its_words() -> None:
    def refuse() -> Reply:
        raise MediaError(MediaError.NO_PICTURE, "no picture yet")

    async with pair() as (worker, _owner, link):
        worker.reply = refuse

        with pytest.raises(MediaError, match="no picture yet") as caught:
            await link.ask(wire.Snapshot(STREAM), bytes)
        assert caught.value.code == MediaError.NO_PICTURE
        assert link.is_open


async def test_an_event_is_heard_after_the_caller_of_an_earlier_answer_went_on() -> None:
    order: list[str] = []

    def hear(_event: MediaEvent) -> None:
        order.append("event")

    async def ask(link: Link) -> None:
        await link.ask(wire.Close(STREAM), type(None))
        order.append("went on")

    async with door() as (worker, address):
        owner = Side()
        link, _ = await wire.connect(address, TOKEN, owner.answer, hear, owner.note_end)
        # Answer and event leave together, and so arrive together.
        worker.release.clear()
        call = asyncio.ensure_future(ask(link))
        await until(lambda: wire.Close(STREAM) in worker.asked)
        worker.release.set()
        asyncio.get_running_loop().call_soon(worker.links[0].tell, KeyPictureWanted(STREAM))
        await until(lambda: len(order) == 2)
        assert order == ["went on", "event"]
        await call
        link.close()


def message(*parts: object) -> bytes:
    """One, with its length, whatever it holds."""
    body = msgspec.msgpack.encode(parts)
    return len(body).to_bytes(4, "big") + body


HELLO = message("ask", 1, "Hello", {"token": TOKEN})
DEEP = b"\x91" * 900


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (message("ask", 1, "Hello", {"token": "wrong"}), "a wrong token"),
        (message("ask", 1, "Hello", {"token": "wröng"}), "a wrong token"),
        (message("ask", 1, "Hello", {"token": 5}), "malformed"),
        (message("ask", 1, "Ping", {}), "no greeting"),
        (message("event", 0, "MediaEnded", {"stream_id": "s"}), "no greeting"),
        ((5_000).to_bytes(4, "big"), "5000 bytes"),
        (len(DEEP).to_bytes(4, "big") + DEEP, "malformed"),
        (b"\x00\x00\x00\x01\xc1", "malformed"),
        (HELLO + b"\xff\xff\xff\xff", "4294967295 bytes"),
        (HELLO + message("ask", 2, "Shutdown", {}), "nobody knows 'Shutdown'"),
        (HELLO + message("ask", 2, "Open", {"transport": "pigeon", "ssrc": 1}), "malformed"),
        (HELLO + message("ask", "two", "Ping", {}), "malformed"),
        (HELLO + message("event", 0, "ViewerLeft", {"stream_id": 1}), "malformed"),
        (HELLO + message("shout", 0, "Ping", {}), "malformed"),
        (HELLO + message("ask", 2, "Ping"), "malformed"),
        (HELLO + b"\x00\x00\x00\x00", "malformed"),
        (HELLO + b"\x00\x00", "ended"),
    ],
)
async def test_what_is_unknown_or_malformed_closes_the_link_and_nothing_else(
    sent: bytes, why: str
) -> None:
    async with door() as (side, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(sent)
        writer.write_eof()

        async with asyncio.timeout(5):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(10_000)
        writer.close()
        await until(lambda: side.closed != [])
        assert why in side.closed[0]
        assert not any(link.is_open for link in side.links)


async def test_an_answer_to_nothing_changes_nothing() -> None:
    async with door() as (side, address):
        _reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(HELLO + message("answer", 99, "", None) + message("ask", 2, "Ping", {}))

        await until(lambda: wire.Ping() in side.asked)
        assert side.links[0].is_open
        writer.close()


async def test_an_answer_of_another_kind_closes_the_link() -> None:
    async with pair() as (worker, owner, link):
        worker.reply = lambda: "no address"

        with pytest.raises(MediaError) as caught:
            await link.ask(wire.Open(Transport.UDP, 1, "127.0.0.1"), StreamAddress)
        assert caught.value.code == MediaError.NO_WORKER
        assert "malformed answer to Open" in owner.closed[0]


async def test_a_call_that_is_not_served_closes_the_link() -> None:
    def refuse() -> Reply:
        raise ProtocolError("not here")

    async with pair() as (worker, _owner, link):
        worker.reply = refuse

        with pytest.raises(MediaError):
            await link.ask(wire.Ping(), wire.Load)
        assert worker.closed == ["not here"]


async def test_a_fault_of_our_own_costs_the_call_and_nobody_else() -> None:
    def fail() -> Reply:
        raise KeyError("a mistake")

    async with pair() as (worker, owner, link):
        complaints = told_to_loop()
        worker.reply = fail

        with pytest.raises(MediaError, match="Snapshot failed by our own fault") as caught:
            await link.ask(wire.Snapshot(STREAM), bytes)
        assert caught.value.code == MediaError.FAILED
        assert link.is_open
        assert (worker.closed, owner.closed) == ([], [])
    assert [type(told["exception"]) for told in complaints] == [KeyError]


async def test_calls_in_flight_fail_when_the_other_side_goes() -> None:
    async with pair() as (worker, owner, link):
        worker.release.clear()
        calls = [
            asyncio.ensure_future(link.ask(wire.Figures(STREAM), StreamFigures)) for _ in range(3)
        ]
        await until(lambda: len(worker.asked) == 4)
        worker.links[0].close()

        found = await asyncio.gather(*calls, return_exceptions=True)
        codes = [error.code for error in found if isinstance(error, MediaError)]
        assert codes == [MediaError.NO_WORKER] * 3
        assert link.in_flight == 0
        assert len(owner.closed) == 1
        with pytest.raises(MediaError):
            await link.ask(wire.Ping(), wire.Load)


async def test_what_was_done_for_a_caller_that_has_gone_is_taken_back() -> None:
    async with pair() as (worker, _owner, link):
        worker.release.clear()
        worker.reply = lambda: StreamAddress(STREAM, "127.0.0.1", 30_000)
        call = asyncio.ensure_future(
            link.ask(
                wire.Open(Transport.UDP, 1, "127.0.0.1"),
                StreamAddress,
                undo=lambda address: wire.Close(address.stream_id),
            )
        )
        await until(lambda: len(worker.asked) == 2)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        worker.release.set()

        await until(lambda: worker.asked[-1] == wire.Close(STREAM))
        worker.reply = lambda: None
        await until(lambda: link.in_flight == 0)


async def test_calls_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CALLS_AT_ONCE", 2)
    async with pair() as (worker, _owner, link):
        worker.release.clear()
        waiting = [asyncio.ensure_future(link.ask(wire.Close(STREAM), type(None))) for _ in "ab"]
        await until(lambda: link.in_flight == 2)

        with pytest.raises(MediaError) as caught:
            await link.ask(wire.Close(STREAM), type(None))
        assert caught.value.code == MediaError.TOO_MANY
        worker.release.set()
        await asyncio.gather(*waiting)


async def test_who_does_not_read_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BACKLOG_LIMIT_BYTES", 1_000_000)
    async with door() as (side, address):
        _reader, writer = await asyncio.open_connection(address.host, address.port, limit=1)
        writer.write(HELLO)
        await until(lambda: bool(side.links) and side.links[0].is_open)

        long_word = ViewerLeft(STREAM, VIEWER, "x" * 100_000)
        for _ in range(200):
            side.links[0].tell(long_word)

        assert side.closed == ["the other side does not read"]
        writer.close()
