"""Scanners, floods, forged headers and peers that dawdle, on real sockets, while devices work."""

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from sip.bans import MAX_BANS
from sip.message import Flow, response_to
from sip.net.connections import MAX_STRANGERS_PER_HOST
from sip.net.endpoint import (
    REFLECTION_LIMIT,
    STRANGER_ANSWERS_PER_S,
    STRANGER_BYTES_PER_S,
    Endpoint,
    IncomingRequest,
)
from tests.sip.endpoints import answer_ok, invitation, message, opened, towards
from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import DEVICE, device, keepalive, registered, stage
from vms.server import Server
from vms.signalling import overload

SCANNER = "127.66.0.1"
TRAP = "127.77.0.1"
DEVICES = 5
SITE = 2_000
PACKETS = 10_000
CHUNK = 100
PATIENCE_S = 60.0
USER_AGENT = "friendly-scanner"
_numbers = itertools.count(1)


def request(method: str, source: str, *, user: str = "100", agent: str = USER_AGENT) -> bytes:
    number = next(_numbers)
    return (
        f"{method} sip:{user}@3402000000 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {source}:5060;rport;branch=z9hG4bK{number}\r\n"
        f"From: <sip:{user}@3402000000>;tag={number}\r\nTo: <sip:{user}@3402000000>\r\n"
        f"Call-ID: {number}@{source}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:{user}@{source}>\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def scan(source: str, number: int) -> bytes:
    """What scanners send: registrations of guessed users, calls, questions, and nonsense."""
    match number % 5:
        case 0:
            return request("REGISTER", source, user=str(34020000001320000000 + number))
        case 1:
            return request("OPTIONS", source)
        case 2:
            return request("INVITE", source, user=f"00{number}")
        case 3:
            return request("REGISTER", source, user="admin")
        case _:
            return b"GET / HTTP/1.1\r\nHost: server\r\n\r\n"


@contextmanager
def socket_at(host: str, endpoint: Endpoint) -> Generator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.connect(endpoint.address)
        sock.setblocking(False)
        yield sock


def answers(sock: socket.socket) -> list[bytes]:
    received: list[bytes] = []
    while True:
        try:
            received.append(sock.recv(65_536))
        except (BlockingIOError, ConnectionRefusedError):
            return received


def seen(endpoint: Endpoint) -> int:
    """Datagrams that the endpoint has taken from its socket."""
    stats = endpoint.stats
    unread = stats.strangers_ignored + stats.banned_dropped + stats.pings
    return stats.received + unread + sum(stats.parse_errors.values())


async def send_all(endpoint: Endpoint, packets: Iterable[tuple[socket.socket, bytes]]) -> None:
    """As fast as the server takes them, so that none is lost in its socket."""
    pending = iter(packets)
    while chunk := list(itertools.islice(pending, CHUNK)):
        wanted = seen(endpoint) + len(chunk)
        for sock, packet in chunk:
            sock.send(packet)
        async with asyncio.timeout(PATIENCE_S):
            while seen(endpoint) < wanted:  # noqa: ASYNC110  thousands of times; the socket's turn is enough
                await asyncio.sleep(0)


class Allowed:
    """What one source may have got since this was made; time is read, not judged."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def check(self, received: list[bytes]) -> None:
        seconds = 1 + time.monotonic() - self._since
        assert len(received) <= STRANGER_ANSWERS_PER_S * seconds
        assert sum(map(len, received)) <= STRANGER_BYTES_PER_S * seconds


@asynccontextmanager
async def fleet(server: Server) -> AsyncGenerator[list[SipPeer]]:
    """Registered devices, each at an address of its own, one of them beside the scanner."""
    hosts = [f"127.0.1.{number}" for number in range(1, DEVICES)] + ["127.66.0.2"]
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                registered(server, f"3402000000118000000{number}", host=host)
            )
            for number, host in enumerate(hosts)
        ]


async def keepalives(peers: list[SipPeer], until_set: asyncio.Event) -> int:
    """All devices speak again and again; how many rounds were answered, every time all of them."""
    rounds = 0
    while not until_set.is_set() or not rounds:
        for peer in peers:
            answer = await peer.tell(keepalive(peer.device_id, next(_numbers)))
            assert answer.status == 200
        rounds += 1
    return rounds


async def insisting(camera: SipPeer, raw: bytes) -> int:
    """The status of the answer; repeats as devices do, while a scanner uses up what their
    address may cost."""

    def is_answered() -> bool:
        camera.send(raw)
        return bool(camera.responses)

    await until(is_answered)
    return camera.responses[0].status


async def test_a_scanner_at_one_address_is_banned_and_devices_are_answered_throughout(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, fleet(server) as peers:
        endpoint, is_over = server.endpoint, asyncio.Event()
        speaking = asyncio.create_task(keepalives(peers, is_over))
        with socket_at(SCANNER, endpoint) as scanner:
            allowed = Allowed()
            await send_all(endpoint, ((scanner, scan(SCANNER, n)) for n in range(PACKETS)))
            is_over.set()
            assert await speaking > 0

            allowed.check(answers(scanner))
        (ban,) = endpoint.bans()
        assert ban.host == SCANNER
        assert ban.dropped == endpoint.stats.banned_dropped > PACKETS / 2
        assert endpoint.stats.transactions < PACKETS / 10
        assert endpoint.stats.socket_drops == 0


async def test_scanners_at_a_thousand_addresses_get_their_allowance_at_most(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, fleet(server) as peers:
        endpoint, is_over = server.endpoint, asyncio.Event()
        speaking = asyncio.create_task(keepalives(peers, is_over))
        for network in range(4):
            hosts = [f"127.66.{network + 1}.{number}" for number in range(1, 251)]
            with ExitStack() as stack:
                allowed = Allowed()
                sockets = [stack.enter_context(socket_at(host, endpoint)) for host in hosts]
                await send_all(
                    endpoint,
                    (
                        (sock, scan(host, number))
                        for number in range(10)
                        for host, sock in zip(hosts, sockets, strict=True)
                    ),
                )
                for sock in sockets:
                    allowed.check(answers(sock))
        is_over.set()
        assert await speaking > 0

        bans = endpoint.bans()
        assert 0 < len(bans) <= min(1_004, MAX_BANS)
        assert {ban.host for ban in bans} >= {f"127.66.{number}.0/24" for number in range(1, 5)}
        assert endpoint.stats.bans == len(bans)


async def test_nobody_is_banned_where_a_device_is_registered(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server, host=SCANNER) as camera:
        endpoint = server.endpoint
        with socket_at(SCANNER, endpoint) as scanner:
            await send_all(endpoint, ((scanner, scan(SCANNER, n)) for n in range(3_000)))
        # The device comes through another port of its NAT, and is no stranger there for long.
        await camera.reopen()

        assert endpoint.bans() == []
        assert await insisting(camera, camera.message(keepalive())) == 200


async def registering(camera: SipPeer) -> int:
    """The whole dialogue, with the repeats of RFC 3261 (timer E); its last status."""

    async def answer_to(raw: bytes) -> Message:
        wait_s = 0.5
        while True:
            camera.send(raw)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    return await camera.answer_to(raw)
            wait_s = min(2 * wait_s, 4.0)

    challenged = await answer_to(camera.register_request())
    answer = await answer_to(camera.register_request(camera.authorization(challenged)))
    return answer.status


async def test_a_site_of_two_thousand_cameras_behind_one_address_comes_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine: nobody is put off, so that only the gate can keep cameras out.
    monkeypatch.setattr(overload, "CROWD", 2 * SITE)
    async with stage(tmp_path) as server, AsyncExitStack() as stack:
        cameras = [
            await stack.enter_async_context(
                device(server, f"3402000000132{number:07}", host="127.66.0.3")
            )
            for number in range(SITE)
        ]
        with socket_at(SCANNER, server.endpoint) as scanner:
            site = asyncio.gather(*map(registering, cameras))
            numbers = itertools.count()

            def is_banned() -> bool:
                for number in itertools.islice(numbers, CHUNK):
                    scanner.send(scan(SCANNER, number))
                return len(server.endpoint.bans()) > 0

            await until(is_banned)

            assert await site == [200] * SITE
        assert [ban.host for ban in server.endpoint.bans()] == [SCANNER]
        assert server.endpoint.stats.bans_imposed == 1


async def test_cameras_that_wait_for_approval_with_the_right_password_ban_nobody(
    tmp_path: Path,
) -> None:
    async with (
        stage(tmp_path, sip__admission="approve", sip__ban_after_failures="1") as server,
        device(server) as camera,
    ):
        for _ in range(4):
            assert (await camera.register()).status == 403

        assert server.endpoint.bans() == []


async def test_a_lifted_ban_is_over(tmp_path: Path) -> None:
    async with stage(tmp_path) as server:
        endpoint = server.endpoint
        with socket_at(SCANNER, endpoint) as scanner:
            await send_all(endpoint, ((scanner, scan(SCANNER, n)) for n in range(3_000)))
        assert [ban.host for ban in endpoint.bans()] == [SCANNER]
        assert endpoint.lift(SCANNER)
        assert not endpoint.lift(SCANNER)

        async with device(server, host=SCANNER) as camera:
            assert await insisting(camera, camera.register_request()) == 401


async def test_a_wrong_password_now_and_then_bans_nobody(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server, password="mistyped") as camera:
        for _ in range(5):
            assert (await camera.register()).status == 403

        assert server.endpoint.bans() == []


async def test_unasked_responses_are_limited_too(tmp_path: Path) -> None:
    response = (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
    )
    async with stage(tmp_path) as server:
        with socket_at(SCANNER, server.endpoint) as scanner:
            await send_all(server.endpoint, ((scanner, response) for _ in range(2_000)))

            assert answers(scanner) == []
        stats = server.endpoint.stats
        assert stats.received < 1_000
        assert stats.received + stats.strangers_ignored + stats.banned_dropped == 2_000


async def test_who_sends_nothing_but_acks_is_not_read_for_long(tmp_path: Path) -> None:
    async with stage(tmp_path) as server:
        with socket_at(SCANNER, server.endpoint) as scanner:
            await send_all(
                server.endpoint, ((scanner, request("ACK", SCANNER)) for _ in range(500))
            )

            assert answers(scanner) == []
        # Sixty failures in a minute are too many, and each of these is a fifth of one.
        assert [(ban.host, ban.why) for ban in server.endpoint.bans()] == [(SCANNER, "stray ACK")]
        assert server.endpoint.stats.received < 400


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "INVITE", "SUBSCRIBE", "BYE", "FETCH"])
async def test_what_a_stranger_gets_is_no_amplifier_and_comes_once(
    tmp_path: Path, method: str
) -> None:
    # The shortest request that is one: whoever forges addresses sends no more than needed.
    asked = (
        f"{method} sip:a@b SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bKq\r\n"
        f"f:<sip:{DEVICE}@b>;tag=1\r\nt:<sip:{DEVICE}@b>\r\ni:1\r\nCSeq:1 {method}\r\n\r\n"
    ).encode()
    async with stage(tmp_path) as server:
        with socket_at(SCANNER, server.endpoint) as stranger:
            stranger.send(asked)
            await until(lambda: server.endpoint.stats.received == 1)
            await until(lambda: server.inbound.is_idle)
            received = answers(stranger)

            assert len(received) <= 1
            assert all(len(answer) <= REFLECTION_LIMIT * len(asked) for answer in received)
            assert server.endpoint.stats.transactions == 0


async def test_a_stranger_s_options_get_no_answer(tmp_path: Path) -> None:
    async with stage(tmp_path) as server:
        with socket_at(SCANNER, server.endpoint) as stranger:
            stranger.send(request("OPTIONS", SCANNER))
            await until(lambda: server.endpoint.stats.received == 1)

            assert answers(stranger) == []
            assert server.endpoint.stats.transactions == 0


# Addresses inside messages


class Trap:
    """Listens where nobody may ever speak to."""

    def __init__(self) -> None:
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((TRAP, 0))
        self.port = int(self.udp.getsockname()[1])
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.bind((TRAP, self.port))
        self.tcp.listen()
        for sock in (self.udp, self.tcp):
            sock.setblocking(False)

    @property
    def address(self) -> str:
        return f"{TRAP}:{self.port}"

    def is_untouched(self) -> bool:
        try:
            self.udp.recv(65_536)
        except BlockingIOError:
            pass
        else:
            return False
        try:
            connection, _ = self.tcp.accept()
        except BlockingIOError:
            return True
        connection.close()
        return False

    def close(self) -> None:
        self.udp.close()
        self.tcp.close()


@pytest.fixture
def trap() -> Generator[Trap]:
    with ExitStack() as stack:
        trap = Trap()
        stack.callback(trap.close)
        yield trap


def with_traps(raw: bytes, trap: Trap) -> bytes:
    """The same request, every address in it another one."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    address = trap.address.encode()
    lines[1:2] = [
        b"Via: SIP/2.0/UDP " + address + b";rport;" + lines[1].rpartition(b";")[2],
        b"Record-Route: <sip:" + address + b";lr>",
        b"Route: <sip:" + address + b";lr>",
        b"Reply-To: <sip:" + address + b">",
        b"Via: SIP/2.0/UDP " + address + b";branch=z9hG4bKfar",
    ]
    contact = b"Contact: <sip:x@" + address + b">"
    lines = [contact if line.startswith(b"Contact:") else line for line in lines]
    return b"\r\n".join(lines) + blank + body


async def test_a_device_is_reached_where_it_is_whatever_its_headers_say(
    tmp_path: Path, trap: Trap
) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        challenged = await camera.ask(with_traps(camera.register_request(), trap))
        authorization = camera.authorization(challenged)
        raw = with_traps(camera.register_request(authorization), trap)
        assert (await camera.ask(raw)).status == 200

        # Greeting: the questions that follow a registration.
        await camera.asked("MESSAGE", "DeviceInfo")
        await camera.asked("MESSAGE", "Catalog")
        assert (await camera.ask(with_traps(camera.message(keepalive()), trap))).status == 200
        assert trap.is_untouched()


async def test_requests_inside_calls_go_where_the_answer_came_from(trap: Trap) -> None:
    lines = [("Contact", f"<sip:x@{trap.address}>"), ("Record-Route", f"<sip:{trap.address};lr>")]
    async with opened() as server:
        ours = (server.address.host, server.address.port)
        async with SipPeer.open(DEVICE, ours, "") as camera:
            camera.answers["INFO"] = 200
            pending = server.invite(
                invitation(server), server.flow("UDP", camera.host, camera.port)
            )
            asked = await camera.asked("INVITE")
            camera.respond(asked, 200, headers=lines)
            leg = await pending.final()
            await until(lambda: len(camera.acknowledged) == 1)
            await leg.request("INFO")
            await leg.bye()

            assert [each.method for each in camera.requests] == ["INFO", "BYE"]
            assert trap.is_untouched()


async def test_subscriptions_are_refreshed_where_the_answer_came_from(trap: Trap) -> None:
    lines = [("Contact", f"<sip:x@{trap.address}>"), ("Record-Route", f"<sip:{trap.address};lr>")]
    async with opened() as server:
        ours = (server.address.host, server.address.port)
        async with SipPeer.open(DEVICE, ours, "") as camera:
            flow = server.flow("UDP", camera.host, camera.port)
            wanted = server.new_request(
                "SUBSCRIBE",
                f"sip:{DEVICE}@3402000000",
                from_="<sip:34020000002000000001@3402000000>",
                to=f"<sip:{DEVICE}@3402000000>",
                headers=[("Event", "presence"), ("Expires", "600")],
            )
            pending = asyncio.create_task(server.subscribe(wanted, flow))
            camera.respond(await camera.asked("SUBSCRIBE"), 200, headers=lines)
            subscription = await pending
            refreshing = asyncio.create_task(subscription.refresh(600))
            camera.respond(await camera.asked("SUBSCRIBE"), 200, headers=lines)
            await refreshing

            assert trap.is_untouched()


# Connections


async def test_peers_that_send_a_byte_now_and_then_are_closed_and_devices_are_served() -> None:
    async with opened(silence_limit_s=1.0, name="s") as server, opened(name="c") as client:
        flow = await client.connect(*server.address)
        dawdlers = [
            await asyncio.open_connection(*server.address, local_addr=(f"127.80.0.{1 + n % 4}", 0))
            for n in range(200)
        ]
        number = 0

        def all_are_closed() -> bool:
            nonlocal number
            for _, writer in dawdlers:
                if not writer.is_closing():
                    writer.write(b"REGISTER sip:a@b SIP/2.0\r\n"[number % 26 :][:1])
            number += 1
            return server.stats.connections == 1

        await until(all_are_closed, PATIENCE_S)
        assert (await client.request(message(client), flow)).status == 200
        assert sum(server.stats.connections_closed.values()) == 200
        for _, writer in dawdlers:
            writer.close()


async def test_connections_of_one_host_are_limited_and_its_oldest_stranger_goes() -> None:
    trusted: set[Flow] = set()

    def take(incoming: IncomingRequest) -> None:
        trusted.add(incoming.flow)
        answer_ok(incoming)

    async with (
        opened(take, is_trusted=trusted.__contains__, name="s") as server,
        opened(name="c") as client,
    ):
        flow = await client.connect(*server.address)
        assert (await client.request(message(client), flow)).status == 200
        crowd = [
            await asyncio.open_connection(*server.address)
            for _ in range(MAX_STRANGERS_PER_HOST + 50)
        ]
        assert await asyncio.wait_for(crowd[0][0].read(), PATIENCE_S) == b""
        reader, writer = await asyncio.open_connection(
            *server.address, local_addr=("127.80.0.9", 0)
        )
        writer.write(request("MESSAGE", "127.80.0.9").replace(b"/UDP", b"/TCP"))

        assert (await reader.readline()).startswith(b"SIP/2.0 200")
        assert server.stats.connections <= MAX_STRANGERS_PER_HOST + 2
        assert (await client.request(message(client), flow)).status == 200
        for _, each in [*crowd, (reader, writer)]:
            each.close()


async def test_a_banned_peer_s_connections_are_closed_at_once() -> None:
    async with opened(is_trusted=lambda _: False, ban_after_failures=3) as server:
        for _ in range(5):
            reader, writer = await asyncio.open_connection(*server.address, local_addr=(SCANNER, 0))
            writer.write(b"GET / HTTP/1.1\r\n" * 1_000)
            assert await _rest(reader) == b""
            writer.close()

        await until(lambda: server.stats.connections_barred > 0)
        assert [ban.host for ban in server.bans()] == [SCANNER]
        # What others send in its name by datagrams would not have kept it from connecting.
        with socket_at(SCANNER, server) as sock:
            sock.send(request("MESSAGE", SCANNER))
            await until(lambda: len(answers(sock)) == 1)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionResetError:
        return b""


async def test_a_thousand_messages_in_one_go_are_all_answered_and_others_have_their_turn() -> None:
    async with opened(name="s") as server, opened(name="c") as client:
        flow = towards(client, server, "TCP")
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(
            b"".join(
                request("MESSAGE", "127.0.0.1").replace(b"/UDP", b"/TCP") for _ in range(1_000)
            )
        )
        assert (await client.request(message(client), flow)).status == 200
        received = b""
        while received.count(b"SIP/2.0 200") < 1_000:
            received += await asyncio.wait_for(reader.read(65_536), PATIENCE_S)
        writer.close()


async def test_a_body_of_sixteen_mebibytes_leaves_others_their_answers() -> None:
    bodies: list[int] = []

    def take(incoming: IncomingRequest) -> None:
        bodies.append(len(incoming.request.body))
        incoming.respond(response_to(incoming.request, 200))

    body = b"<Response>" + b"x" * (16 * 2**20 - 4_096) + b"</Response>"
    async with opened(take, name="s") as server, opened(name="c") as client:
        flow, other = [await client.connect(*server.address) for _ in range(2)]
        large = asyncio.create_task(client.request(message(client, body), flow))
        for _ in range(10):
            assert (await client.request(message(client), other)).status == 200

        assert (await large).status == 200
        assert max(bodies) == len(body)
