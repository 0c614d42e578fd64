"""What a server of ours answers to each torture message, over UDP, TCP, and however TCP is cut."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from sip.errors import ProtocolError
from sip.message import METHODS, Request, Response, response_to
from sip.net.endpoint import Endpoint, IncomingRequest
from sip.oddities import oddities_of
from sip.parser import parse_message
from sip.stream import StreamFramer
from tests.sip.endpoints import opened
from tests.support.waiting import LIMIT_S

HERE = Path(__file__).parent

UDP: Final[dict[str, tuple[int, ...]]] = {
    # RFC 4475, 3.1.1: valid
    "wsinv": (481,),  # its To has a tag, and no such call is known
    "intmeth": (405,),
    "esc01": (488,),
    "escnull": (200,),
    "esc02": (405,),
    "lwsdisp": (200,),
    "longreq": (488,),
    "dblreq": (200,),
    "semiuri": (200,),
    "transports": (200,),
    "mpart01": (200,),
    "unreason": (),
    "noreason": (),
    # 3.1.2: invalid; 200 and 488 stand for those that are put up with
    "badinv01": (400,),
    "clerr": (488,),
    "ncl": (488,),
    "scalar02": (400,),
    "scalarlg": (),
    "quotbal": (488,),
    "ltgtruri": (488,),
    "lwsruri": (400,),
    "lwsstart": (488,),
    "trws": (200,),
    "escruri": (400,),
    "baddate": (488,),
    "regbadct": (200,),
    "badaspec": (200,),
    "baddn": (200,),
    "badvers": (505,),
    "mismatch01": (400,),
    "mismatch02": (400,),
    "bigcode": (),
    # 3.2 and 3.3: transactions, applications
    "badbranch": (200,),
    "insuf": (400,),
    "unkscm": (416,),
    "novelsc": (416,),
    "unksm2": (200,),
    "bext01": (420,),
    "invut": (488,),
    "regaut01": (200,),
    "multi01": (400,),
    "mcl01": (200,),
    "bcast": (),
    "zeromf": (200,),
    "cparam01": (200,),
    "cparam02": (200,),
    "regescrt": (200,),
    "sdp01": (488,),
    # 3.4: RFC 2543
    "inv2543": (488,),
    # Ours
    "own-domain-of-digits-with-port": (200,),
    "own-no-brackets": (200,),
    "own-gb2312-name": (200,),
    "insuf-no-call-id": (400,),
    "insuf-no-cseq": (400,),
    "insuf-no-from": (400,),
    "insuf-no-to": (400,),
    "insuf-no-via": (),
    "ltgtruri-version": (),
    "own-cseq-of-other-digits": (400,),
    "own-four-byte-ping": (),
    "own-http": (),
    "own-rtp": (),
    "own-stun": (),
    "own-via-of-http": (400,),
    "own-via-port": (400,),
    "own-via-without-host": (400,),
}
"""The statuses that a registered device gets; the application takes what it is given."""

TCP: Final[dict[str, tuple[int, ...]]] = UDP | {
    "dblreq": (200, 488),  # two messages on a stream
    "clerr": (),  # the rest is waited for, until the peer has been silent for too long
    "lwsruri": (),  # no start line, so no message
    "own-rtp": (),
}
"""The same on a stream, where Content-Length alone says what a message is."""

CLOSED: Final = frozenset({"ncl", "mcl01"})
"""After these nobody knows where the next message begins: the connection is closed."""

ODD: Final[dict[str, set[str]]] = {
    "clerr": {"content_length_lies"},
    "ncl": {"content_length_lies"},
    "mcl01": {"content_length_lies"},
    "quotbal": {"unbalanced_quotes"},
    "ltgtruri": {"brackets_in_request_uri"},
    "lwsstart": {"blanks_in_start_line"},
    "trws": {"blanks_in_start_line"},
    "regbadct": {"no_angle_brackets"},
    "badaspec": {"blanks_in_address"},
    "baddn": {"unquoted_display_name"},
    "badbranch": set(),
    "inv2543": {"missing_from_tag", "branch_without_cookie"},
    "own-no-brackets": {"no_angle_brackets"},
    "own-gb2312-name": {"headers_not_utf8"},
}
_marks = itertools.count(1)


def names() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*valid/*.sip"))


def octets(name: str) -> bytes:
    (path,) = HERE.glob(f"*valid/{name}.sip")
    return path.read_bytes()


def serve(incoming: IncomingRequest) -> None:
    """As an application would that takes everything but calls."""
    request = incoming.request
    status = 488 if request.method == "INVITE" else 200 if request.method in METHODS else 405
    incoming.respond(response_to(request, status))


def mark(number: int) -> bytes:
    return (
        "OPTIONS sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.4;rport;branch=z9hG4bKmark{number}\r\n"
        "From: <sip:34020000001320000001@3402000000>;tag=m\r\n"
        "To: <sip:34020000002000000001@3402000000>\r\n"
        f"Call-ID: mark-{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class Wire:
    """What came along one socket."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.is_closed = False
        self.news = asyncio.Event()

    def take(self, data: bytes) -> None:
        message = parse_message(data)
        assert isinstance(message, Response)
        self.responses.append(message)
        self.news.set()

    def close(self) -> None:
        self.is_closed = True
        self.news.set()

    async def until_marked(self, number: int) -> list[int]:
        """The statuses that came before the answer to the mark."""
        async with asyncio.timeout(LIMIT_S):
            while not any(_call_id(each) == f"mark-{number}" for each in self.responses):
                self.news.clear()
                await self.news.wait()
        return [each.status for each in self.responses if not _call_id(each).startswith("mark-")]


def _call_id(response: Response) -> str:
    return response.headers.get("Call-ID") or ""


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        self._wire.take(data)


class Stream(asyncio.Protocol):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._framer = StreamFramer()

    def data_received(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            self._wire.take(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._wire.close()


@asynccontextmanager
async def on_udp(server: Endpoint) -> AsyncGenerator[tuple[asyncio.DatagramTransport, Wire]]:
    wire = Wire()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Datagrams(wire), remote_addr=server.address
    )
    try:
        yield transport, wire
    finally:
        transport.close()


@asynccontextmanager
async def on_tcp(server: Endpoint) -> AsyncGenerator[tuple[asyncio.Transport, Wire]]:
    wire = Wire()
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: Stream(wire), *server.address
    )
    try:
        yield transport, wire
    finally:
        transport.abort()


def test_every_message_has_its_outcome() -> None:
    assert names() == sorted(UDP)
    assert len([name for name in UDP if not name.startswith(("own-", "insuf-", "ltgtruri-"))]) == 49


@pytest.mark.parametrize("name", names())
async def test_over_udp_it_gets_its_answer_and_the_next_one_too(name: str) -> None:
    number = next(_marks)
    async with opened(serve) as server, on_udp(server) as (transport, wire):
        transport.sendto(octets(name))
        transport.sendto(mark(number))

        assert tuple(await wire.until_marked(number)) == UDP[name]


@pytest.mark.parametrize("name", names())
async def test_over_tcp_it_gets_its_answer_and_others_too(name: str) -> None:
    number = next(_marks)
    async with opened(serve) as server, on_tcp(server) as (transport, wire):
        transport.write(octets(name))
        if name in CLOSED:
            async with asyncio.timeout(LIMIT_S):
                while not wire.is_closed:
                    await wire.news.wait()
            assert wire.responses == []
            return
        # On the same stream the mark could be taken for what is still missing.
        async with on_tcp(server) as (other, other_wire):
            if name == "clerr":
                other.write(mark(number))
                await other_wire.until_marked(number)
                assert wire.responses == []
                return
        transport.write(b"\r\n\r\n" + mark(number))
        assert tuple(await wire.until_marked(number)) == TCP[name]


def framed(*pieces: bytes) -> list[bytes] | str:
    framer = StreamFramer()
    frames: list[bytes] = []
    try:
        for piece in pieces:
            frames += framer.feed(piece)
    except ProtocolError as error:
        return error.reason
    return frames


@pytest.mark.parametrize("name", names())
def test_wherever_the_stream_is_cut_the_messages_are_the_same(name: str) -> None:
    data = octets(name) + b"\r\n\r\n" + mark(0)
    whole = framed(data)

    for cut in range(1, len(data)):
        assert framed(data[:cut], data[cut:]) == whole


@pytest.mark.parametrize("name", sorted(ODD))
def test_what_is_put_up_with_has_a_name(name: str) -> None:
    message = parse_message(octets(name))

    assert isinstance(message, Request)
    assert ODD[name] <= set(oddities_of(message))


@pytest.mark.parametrize(
    "path", sorted((HERE / "invalid").glob("*.sip")), ids=lambda path: path.stem
)
async def test_a_stranger_s_nonsense_gets_no_answer(path: Path) -> None:
    number = next(_marks)
    async with (
        opened(serve, is_trusted=lambda _: False) as server,
        on_udp(server) as (transport, wire),
    ):
        transport.sendto(octets(path.stem))
        transport.sendto(mark(number))

        assert await wire.until_marked(number) == []


async def test_an_extension_that_is_required_is_named() -> None:
    number = next(_marks)
    async with opened(serve) as server, on_udp(server) as (transport, wire):
        transport.sendto(octets("bext01"))
        transport.sendto(mark(number))
        await wire.until_marked(number)

        assert wire.responses[0].headers.get_all("Unsupported") == [
            "nothing-supports-this",
            "nor-this",
        ]
