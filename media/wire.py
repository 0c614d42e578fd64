"""The relay's door as messages of a byte stream: what is asked, answered and told, typed.

A message is four bytes of length (big endian) and a MessagePack array: sort, number, name, body.
Whoever connects first says `Hello` with the token; nothing else is read before. What is malformed,
unknown or too long closes the link and never raises into the loop. No memory is shared and no
address is assumed, so that the other end may be on another host.
"""

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Literal, TypeVar, cast, get_args

import msgspec

from media.door import (
    Admission,
    Form,
    MediaError,
    MediaEvent,
    StreamAddress,
    StreamFigures,
    StreamId,
    Transport,
    ViewerId,
    WorkerPorts,
)
from media.errors import ProtocolError

MESSAGE_LIMIT_BYTES = 16 * 2**20
"""The longest are snapshots: a picture of 4K as JPEG has a few megabytes."""

GREETING_LIMIT_BYTES = 1024
"""Before the token is known to be right, nothing longer is taken."""

BACKLOG_LIMIT_BYTES = 32 * 2**20
"""What may wait to be sent; a peer that reads so slowly is gone for us."""

CALLS_AT_ONCE = 4_096
"""Calls in flight each way; one more is refused."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of whoever connects; answered by `WorkerPorts`."""

    token: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you alive? Answered by `Load`."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a worker carries."""

    streams: int
    viewers: int
    transcoders: int
    cpu_s: float
    """Processor time since it started, of all its threads."""
    memory_bytes: int
    refused_tokens: int = 0
    """Of media URLs, since it started."""


@dataclass(frozen=True, slots=True)
class Open:
    """`RelayDoor.open`; answered by `StreamAddress`."""

    transport: Transport
    ssrc: int
    host: str


@dataclass(frozen=True, slots=True)
class Expect:
    """`RelayDoor.expect`."""

    stream_id: StreamId
    ssrc: int
    remote_host: str | None
    remote_port: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """`RelayDoor.answer`; answered by SDP."""

    stream_id: StreamId
    viewer_id: ViewerId
    offer: str


@dataclass(frozen=True, slots=True)
class Patch:
    """`RelayDoor.patch`; answered by a fragment of SDP."""

    viewer_id: ViewerId
    fragment: str


@dataclass(frozen=True, slots=True)
class Leave:
    """`RelayDoor.leave`."""

    viewer_id: ViewerId


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`RelayDoor.snapshot`; answered by a JPEG."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class Figures:
    """`RelayDoor.figures`; answered by `StreamFigures`."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class FiguresOf:
    """Of several streams; answered by `ManyFigures`, of those that are there."""

    stream_ids: tuple[StreamId, ...]


@dataclass(frozen=True, slots=True)
class ManyFigures:
    """Those of several streams."""

    streams: tuple[StreamFigures, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """`RelayDoor.close`."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class AdmitViewer:
    """`media.door.Admit`, asked by a worker; answered by `Admission`."""

    token: str
    form: Form


Call = (
    Hello
    | Ping
    | Open
    | Expect
    | Answer
    | Patch
    | Leave
    | Snapshot
    | Figures
    | FiguresOf
    | Close
    | AdmitViewer
)
Reply = (
    WorkerPorts
    | Load
    | StreamAddress
    | StreamFigures
    | ManyFigures
    | Admission
    | str
    | bytes
    | None
)

_CALLS: dict[str, type[Call]] = {kind.__name__: kind for kind in get_args(Call)}
EVENTS: dict[str, type[MediaEvent]] = {kind.__name__: kind for kind in get_args(MediaEvent)}
"""Everything that is told, by its name on the wire."""


class _Message(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    sort: Literal["ask", "answer", "refusal", "event"]
    number: int
    name: str
    body: msgspec.Raw


OnAsk = Callable[[Call], Awaitable[Reply]]
"""Answers a call of the other side. `MediaError` passes the link; `ProtocolError`, for what is not
served here, closes it. A fault of our own is told to the loop and refused as `MediaError.FAILED`:
what one viewer or camera sent may have led to it, and must not end all that live in the worker."""


class Link(asyncio.Protocol):
    """One end of a connection. `token`: of the side that is called, which awaits `Hello` with it.

    `on_ask` answers the other side's calls, each in a task; `on_event` hears its events, each after
    the caller of an answer that came before has gone on; `on_closed` is called once, with why.
    """

    def __init__(
        self,
        on_ask: OnAsk,
        on_event: Callable[[MediaEvent], None],
        on_closed: Callable[["Link", str], None],
        token: str | None = None,
    ) -> None:
        self._on_ask = on_ask
        self._on_event = on_event
        self._on_closed = on_closed
        self._token = token
        self._is_trusted = token is None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._received = bytearray()
        self._asked: dict[int, asyncio.Future[_Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0
        self._is_over = False
        self.heard = 0
        """Messages that came: it rises while the other side lives."""

    @property
    def is_open(self) -> bool:
        """Connected, and trusted where a token is asked for."""
        return self._transport is not None and self._is_trusted and not self._is_over

    @property
    def in_flight(self) -> int:
        """Calls of ours that wait for an answer."""
        return len(self._asked)

    # What the owner does

    async def ask(self, call: Call, expects: type[T], undo: Callable[[T], Call] | None = None) -> T:
        """The answer to `call`, which is `expects`. When the caller is cancelled meanwhile, `undo`
        makes the call that takes back what was done.

        `MediaError`: what the other side refused with, `NO_WORKER` when the link is or goes down,
        `TOO_MANY` when too many calls wait already.
        """
        if self._transport is None or self._is_over:
            raise MediaError(MediaError.NO_WORKER, "the media worker is not connected")
        if len(self._asked) >= CALLS_AT_ONCE:
            raise MediaError(MediaError.TOO_MANY, f"{CALLS_AT_ONCE} calls wait for an answer")
        self._number += 1
        number = self._number
        answered: asyncio.Future[_Message] = self._loop.create_future()
        self._asked[number] = answered
        try:
            self._send("ask", number, type(call).__name__, call)
            message = await answered
        except asyncio.CancelledError:
            if undo is not None and not self._is_over:
                self._start(self._take_back(number, answered, expects, undo))
            else:
                del self._asked[number]
            raise
        except BaseException:
            del self._asked[number]
            raise
        del self._asked[number]
        return self._result(call, message, expects)

    def _result(self, call: Call, message: "_Message", expects: type[T]) -> T:
        try:
            if message.sort == "refusal":
                raise MediaError(message.name, msgspec.msgpack.decode(message.body, type=str))
            return msgspec.msgpack.decode(message.body, type=expects)
        except (ValueError, RecursionError) as error:
            self.close(f"malformed answer to {type(call).__name__}: {error}")
            raise MediaError(MediaError.NO_WORKER, "the media worker answered nonsense") from error

    async def _take_back(
        self,
        number: int,
        answered: asyncio.Future["_Message"],
        expects: type[T],
        undo: Callable[[T], Call],
    ) -> None:
        if answered.cancelled():
            answered = self._asked[number] = self._loop.create_future()
        with contextlib.suppress(MediaError):
            try:
                message = await answered
            finally:
                del self._asked[number]
            if message.sort == "answer":
                call = undo(msgspec.msgpack.decode(message.body, type=expects))
                await self.ask(call, type(None))

    def tell(self, event: MediaEvent) -> None:
        """Without an answer; a link that is down drops it."""
        if self.is_open:
            self._send("event", 0, type(event).__name__, event)

    def close(self, why: str = "closed") -> None:
        """End the connection; calls in flight fail. Idempotent."""
        if self._is_over:
            return
        self._is_over = True
        if self._transport is not None:
            self._transport.abort()
        self._received.clear()
        for answered in self._asked.values():
            if not answered.done():
                lost = MediaError(MediaError.NO_WORKER, f"the media worker is gone: {why}")
                answered.set_exception(lost)
        for task in self._tasks:
            task.cancel()
        self._on_closed(self, why)

    # What the transport does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.WriteTransport", transport)
        if self._is_over:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self.close(str(exc) if exc else "the connection ended")

    def data_received(self, data: bytes) -> None:
        """Some bytes of the stream."""
        self._received += data
        try:
            self._take_messages()
        except (ValueError, RecursionError) as error:
            self.close(f"malformed message: {error}")

    def _take_messages(self) -> None:
        received, start = self._received, 0
        while not self._is_over and len(received) - start >= _LENGTH_BYTES:
            length = int.from_bytes(received[start : start + _LENGTH_BYTES], "big")
            limit = MESSAGE_LIMIT_BYTES if self._is_trusted else GREETING_LIMIT_BYTES
            if length > limit:
                raise ValueError(f"{length} bytes, more than {limit}")
            end = start + _LENGTH_BYTES + length
            if len(received) < end:
                break
            self._take(_MESSAGES.decode(received[start + _LENGTH_BYTES : end]))
            start = end
        del received[:start]

    def _take(self, message: _Message) -> None:
        self.heard += 1
        if not self._is_trusted and message.name != Hello.__name__:
            raise ValueError("the first word is no greeting")
        match message.sort:
            case "ask":
                self._take_call(message.number, _typed(_CALLS, message))
            case "event":
                event = _typed(EVENTS, message)
                self._loop.call_soon(self._hear, event)
            case "answer" | "refusal":
                answered = self._asked.get(message.number)
                if answered is not None and not answered.done():
                    answered.set_result(message)

    def _hear(self, event: MediaEvent) -> None:
        if not self._is_over:
            self._on_event(event)

    def _take_call(self, number: int, call: Call) -> None:
        if isinstance(call, Hello):
            if self._token is None or not _is_same(call.token, self._token):
                raise ValueError("a wrong token")
            self._is_trusted = True
        if len(self._tasks) >= CALLS_AT_ONCE:
            self._refuse(number, MediaError(MediaError.TOO_MANY, "too many calls at once"))
            return
        self._start(self._answer(number, call))

    async def _answer(self, number: int, call: Call) -> None:
        try:
            self._send("answer", number, "", await self._on_ask(call))
        except MediaError as error:
            self._refuse(number, error)
        except ProtocolError as error:
            self.close(error.reason)
        except Exception as fault:  # noqa: BLE001  told to the loop, as that of any task is
            self._complain(fault)
            failed = f"{type(call).__name__} failed by our own fault: {type(fault).__name__}"
            self._refuse(number, MediaError(MediaError.FAILED, failed))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._complain(fault)
            self.close("a call failed by our own fault")

    def _complain(self, fault: BaseException) -> None:
        self._loop.call_exception_handler(
            {"message": "a call through the relay's door failed", "exception": fault}
        )

    def _refuse(self, number: int, error: MediaError) -> None:
        self._send("refusal", number, error.code, str(error))

    def _send(self, sort: str, number: int, name: str, body: object) -> None:
        transport = self._transport
        if transport is None or self._is_over:
            return
        data = _ENCODER.encode((sort, number, name, body))
        if len(data) > MESSAGE_LIMIT_BYTES:
            raise MediaError(MediaError.TOO_MANY, f"a message of {len(data)} bytes")
        transport.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
        if transport.get_write_buffer_size() > BACKLOG_LIMIT_BYTES:
            self.close("the other side does not read")


_LENGTH_BYTES = 4
_ENCODER = msgspec.msgpack.Encoder()
_MESSAGES = msgspec.msgpack.Decoder(_Message)


def _is_same(told: str, token: str) -> bool:
    # Of text `compare_digest` takes only ASCII, and raises for the rest.
    return hmac.compare_digest(told.encode(), token.encode())


def _typed(kinds: dict[str, type[T]], message: _Message) -> T:
    try:
        kind = kinds[message.name]
    except KeyError:
        raise ValueError(f"nobody knows {message.name[:40]!r}") from None
    return msgspec.msgpack.decode(message.body, type=kind)


@dataclass(frozen=True, slots=True)
class DoorAddress:
    """Where a worker's door is: `path` of a Unix socket, or `host` and `port`."""

    path: str = ""
    host: str = ""
    port: int = 0


async def connect(
    address: DoorAddress,
    token: str,
    on_ask: OnAsk,
    on_event: Callable[[MediaEvent], None],
    on_closed: Callable[[Link, str], None],
) -> tuple[Link, WorkerPorts]:
    """Greet the worker at `address`; where it serves.

    `OSError` when nobody is there, `MediaError` with `NO_WORKER` when it does not take the token.
    """
    loop = asyncio.get_running_loop()
    link = Link(on_ask, on_event, on_closed)
    if address.path:
        await loop.create_unix_connection(lambda: link, address.path)
    else:
        await loop.create_connection(lambda: link, address.host, address.port)
    try:
        return link, await link.ask(Hello(token), WorkerPorts)
    except BaseException:
        link.close("not greeted")
        raise


async def serve(address: DoorAddress, make: Callable[[], Link]) -> asyncio.Server:
    """Listen at `address`; each connection gets a link by `make`. `OSError` when it is taken."""
    loop = asyncio.get_running_loop()
    if address.path:
        return await loop.create_unix_server(make, address.path)
    return await loop.create_server(make, address.host, address.port)
