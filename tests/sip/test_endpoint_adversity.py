"""Peers that are hostile, broken or slow, on real sockets; each beside one that behaves."""

import asyncio
import socket
from pathlib import Path

import pytest

from sip.errors import TransportError
from sip.message import Flow, Response, response_to
from sip.net import connections
from sip.net.binding import bind_pair
from sip.net.endpoint import (
    STRANGER_ANSWERS_PER_S,
    Endpoint,
    IncomingRequest,
)
from sip.parser import parse_message
from tests.sip.endpoints import (
    DEVICE,
    Transport,
    answer_ok,
    both_transports,
    invitation,
    message,
    opened,
    towards,
)
from tests.support.waiting import until


def raw(number: int, *, method: str = "MESSAGE", padding: int = 0) -> bytes:
    return (
        f"{method} sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{number}\r\n"
        f"From: <sip:34020000001320000001@3402000000>;tag=f{'x' * padding}\r\n"
        f"To: <sip:34020000002000000001@3402000000>\r\n"
        f"Call-ID: {number}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def plain_udp(endpoint: Endpoint, host: str = "127.0.0.1") -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.connect(endpoint.address)
    sock.setblocking(False)
    return sock


def answers(sock: socket.socket) -> list[bytes]:
    received: list[bytes] = []
    while True:
        try:
            received.append(sock.recv(65_536))
        except BlockingIOError:
            return received


async def test_a_stranger_gets_ten_answers_a_second_and_is_not_read_beyond() -> None:
    handled: list[IncomingRequest] = []

    def take(incoming: IncomingRequest) -> None:
        handled.append(incoming)
        answer_ok(incoming)

    async with opened(take, is_trusted=lambda _: False) as server:
        with plain_udp(server) as stranger:
            for number in range(200):
                stranger.send(raw(number))
            await until(lambda: server.stats.received + server.stats.strangers_ignored == 200)

            assert len(handled) < 2 * STRANGER_ANSWERS_PER_S
            assert len(answers(stranger)) == len(handled)
            assert server.stats.strangers_ignored == 200 - len(handled)
            assert server.stats.transactions == 0


async def test_a_stranger_gets_eight_kilobytes_a_second() -> None:
    async with opened(is_trusted=lambda _: False) as server:
        with plain_udp(server) as stranger:
            for number in range(5):
                stranger.send(raw(number, padding=3_000))
            await until(lambda: server.stats.received == 5)

            assert len(answers(stranger)) == 2
            assert server.stats.strangers_unanswered == 3


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
async def test_an_ignored_request_costs_no_memory_and_is_delivered_again(method: str) -> None:
    handled: list[IncomingRequest] = []

    def take(incoming: IncomingRequest) -> None:
        handled.append(incoming)
        if len(handled) == 1:
            incoming.ignore()
            assert server.stats.transactions == 0
        else:
            incoming.respond(response_to(incoming.request, 488))

    async with opened(take) as server:
        with plain_udp(server) as peer:
            peer.send(raw(1, method=method))
            peer.send(raw(1, method=method))
            await until(lambda: len(handled) == 2)

            assert len(answers(peer)) == 1


async def test_one_stranger_s_flood_does_not_silence_another() -> None:
    async with opened(is_trusted=lambda _: False) as server:
        with plain_udp(server) as flood, plain_udp(server, "127.0.0.2") as other:
            for number in range(100):
                flood.send(raw(number))
            other.send(raw(1_000))
            await until(lambda: server.stats.received + server.stats.strangers_ignored == 101)

            assert len(answers(other)) == 1


async def test_a_refusal_to_a_stranger_is_never_repeated_by_a_timer() -> None:
    def refuse(incoming: IncomingRequest) -> None:
        incoming.respond(response_to(incoming.request, 403))

    async with opened(refuse, is_trusted=lambda _: False) as server:
        with plain_udp(server) as stranger:
            stranger.send(raw(1, method="INVITE"))
            await until(lambda: server.stats.received == 1)

            assert len(answers(stranger)) == 1
            assert server.stats.transactions == 0


async def test_answers_to_our_own_requests_are_read_from_strangers_too() -> None:
    async with opened(name="s") as server, opened(is_trusted=lambda _: False, name="c") as client:
        response = await client.request(message(client), towards(client, server, "UDP"))

        assert response.status == 200


async def test_a_trusted_peer_has_no_allowance() -> None:
    async with opened() as server:
        with plain_udp(server) as device:
            for number in range(100):
                device.send(raw(number))
            await until(lambda: server.stats.received == 100)

            assert len(answers(device)) == 100


async def test_junk_is_counted_and_dropped_in_silence() -> None:
    async with opened() as server:
        with plain_udp(server) as device:
            for junk in (
                b"\0",
                b"\r\n\r\n",
                b"\0\0\0\1",
                b"GET / HTTP/1.1\r\n\r\n",
                b"\xff" * 65_000,
            ):
                device.send(junk)
            device.send(raw(1))
            await until(lambda: server.stats.received == 1)

            assert len(answers(device)) == 1
            assert server.stats.pings == 2
            assert sum(server.stats.parse_errors.values()) == 3


async def test_a_request_that_can_be_answered_but_not_used_gets_400() -> None:
    async with opened() as server:
        with plain_udp(server) as device:
            device.send(raw(1).replace(b"CSeq: 1 MESSAGE", b"CSeq: one"))
            await until(lambda: sum(server.stats.parse_errors.values()) == 1)
            (answer,) = answers(device)
            response = parse_message(answer)

            assert isinstance(response, Response)
            assert response.status == 400


async def test_a_nonsense_header_met_by_the_application_gets_400() -> None:
    def read(incoming: IncomingRequest) -> None:
        incoming.respond(response_to(incoming.request, 200 + len(incoming.request.from_.tag)))

    async with opened(read) as server:
        with plain_udp(server) as device:
            device.send(raw(1).replace(b"<sip:34020000001320000001@3402000000>", b"<sip"))
            await until(lambda: sum(server.stats.parse_errors.values()) == 1)
            (answer,) = answers(device)

            assert answer.startswith(b"SIP/2.0 400 ")


async def test_our_own_mistake_is_answered_500_told_and_costs_nobody_else() -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def stumble(incoming: IncomingRequest) -> None:
        if incoming.request.call_id == "1":
            raise KeyError("ours")
        answer_ok(incoming)

    async with opened(stumble) as server:
        with plain_udp(server) as device:
            device.send(raw(1))
            device.send(raw(2))
            await until(lambda: server.stats.received == 2)

            assert sorted(answer[8:11] for answer in answers(device)) == [b"200", b"500"]
            assert len(told) == 1


async def test_a_repeated_request_is_answered_from_memory() -> None:
    handled: list[IncomingRequest] = []

    def take(incoming: IncomingRequest) -> None:
        handled.append(incoming)
        answer_ok(incoming)

    async with opened(take) as server:
        with plain_udp(server) as device:
            device.send(raw(1))
            device.send(raw(1))
            await until(lambda: server.stats.received == 2)
            first, second = answers(device)

            assert len(handled) == 1
            assert first == second
            assert server.stats.repeats_absorbed == 1


async def test_an_answer_may_come_later_and_repeats_wait_for_it() -> None:
    waiting: list[IncomingRequest] = []
    async with opened(waiting.append) as server:
        with plain_udp(server) as device:
            device.send(raw(1))
            device.send(raw(1))
            await until(lambda: server.stats.received == 2)
            before = answers(device)
            answer_ok(waiting[0])
            answer_ok(waiting[0])
            await asyncio.sleep(0)  # what is sent in one turn of the loop leaves at its end

            assert before == []
            assert len(answers(device)) == 1
            assert len(waiting) == 1


async def test_a_slow_peer_is_cut_off_and_others_are_served_meanwhile() -> None:
    async with opened(silence_limit_s=0.2, name="s") as server, opened(name="c") as client:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(raw(1)[:-10])
        flow = await client.connect(*server.address)
        response = await client.request(message(client), flow)
        rest = await asyncio.wait_for(reader.read(), timeout=5)
        writer.close()

        assert response.status == 200
        assert rest == b""
        assert server.stats.connections_closed == {"unfinished message": 1}
        assert (await client.request(message(client), flow)).status == 200


async def test_a_body_over_tcp_that_never_closes_its_root_is_answered_though_nothing_follows() -> (
    None
):
    async with opened(is_trusted=lambda _: True) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        asked = raw(1).replace(b"/UDP", b"/TCP")
        writer.write(asked.replace(b"Length: 0", b"Length: 18") + b"<Notify><SN>1</SN>")

        line = await asyncio.wait_for(reader.readline(), timeout=5)
        writer.close()

        assert line == b"SIP/2.0 200 OK\r\n"


async def test_a_silent_stranger_is_cut_off_and_a_silent_device_is_not() -> None:
    trusted: set[Flow] = set()

    def take(incoming: IncomingRequest) -> None:
        trusted.add(incoming.flow)
        answer_ok(incoming)

    async with (
        opened(take, is_trusted=trusted.__contains__, silence_limit_s=0.2, name="s") as server,
        opened(name="c") as client,
    ):
        reader, writer = await asyncio.open_connection(*server.address)
        flow = await client.connect(*server.address)
        await client.request(message(client), flow)
        rest = await asyncio.wait_for(reader.read(), timeout=5)
        writer.close()

        assert rest == b""
        assert server.stats.connections_closed == {"silent stranger": 1}
        assert (await client.request(message(client), flow)).status == 200


async def test_a_rush_of_connections_takes_no_more_files_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "MAX_STRANGER_CONNECTIONS", 8)
    monkeypatch.setattr(connections, "MAX_ACCEPTED_UNWATCHED", 24)

    async with opened(is_trusted=lambda _: False) as server:
        rush = [await asyncio.open_connection(*server.address) for _ in range(100)]
        await until(lambda: server.stats.connections_closed.get("too many strangers", 0) > 60)

        assert server.stats.connections <= 8 + 24
        reader, writer = rush[-1]
        writer.write(raw(1).replace(b"/UDP", b"/TCP"))
        assert (await asyncio.wait_for(reader.readline(), timeout=5)).startswith(b"SIP/2.0 200")
        for _, each in rush:
            each.close()


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_only_a_trusted_peer_may_send_large_messages_over_tcp(is_trusted: bool) -> None:
    sizes: list[int] = []

    def take(incoming: IncomingRequest) -> None:
        sizes.append(len(incoming.request.body))
        answer_ok(incoming)

    async with (
        opened(take, is_trusted=lambda _: is_trusted, name="s") as server,
        opened(name="c") as client,
    ):
        large = message(client, b"<Response>" + b"x" * 1_000_000 + b"</Response>")
        if is_trusted:
            assert (await client.request(large, towards(client, server, "TCP"))).status == 200
            assert sizes == [1_000_021]
        else:
            with pytest.raises(TransportError):
                await client.request(large, towards(client, server, "TCP"))
            assert server.stats.connections_closed == {"no SIP": 1}
            assert sizes == []


async def test_a_peer_that_does_not_read_its_answers_is_cut_off() -> None:
    def answer_much(incoming: IncomingRequest) -> None:
        incoming.respond(response_to(incoming.request, 200, body=b"x" * 500_000))

    async with opened(answer_much, name="s") as server, opened(name="c") as client:
        _, writer = await asyncio.open_connection(*server.address, limit=1_024)
        for number in range(100):
            writer.write(raw(number))
        flow = await client.connect(*server.address)
        await until(lambda: server.stats.connections_closed.get("unread answers", 0) > 0)
        writer.close()

        assert (await client.request(message(client), flow)).status == 200


async def test_several_messages_in_one_segment_are_all_answered() -> None:
    async with opened() as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(raw(1) + b"\r\n\r\n" + raw(2) + raw(3)[:30])
        writer.write(raw(3)[30:])
        received = b""
        while received.count(b"SIP/2.0 200 OK") < 3:
            received += await asyncio.wait_for(reader.read(65_536), timeout=5)
        writer.close()
        await writer.wait_closed()

        assert server.stats.received == 3


async def test_a_connection_that_cannot_be_opened_is_told() -> None:
    async with opened() as client:
        udp, tcp = bind_pair("127.0.0.1", 0)
        port = udp.getsockname()[1]
        udp.close()
        tcp.close()

        with pytest.raises(TransportError):
            await client.request(message(client), client.flow("TCP", "127.0.0.1", port))
        pending = client.invite(invitation(client), client.flow("TCP", "127.0.0.1", port))
        with pytest.raises(TransportError):
            await pending.final()


@both_transports
async def test_whoever_waits_when_the_endpoint_closes_is_told(transport: Transport) -> None:
    async with opened(lambda _: None, name="s") as server, opened(name="c") as client:
        asking = asyncio.ensure_future(
            client.request(message(client), towards(client, server, transport))
        )
        await until(lambda: server.stats.received == 1)
        await client.close()

        with pytest.raises(TransportError):
            await asking
        with pytest.raises(TransportError):
            await client.request(message(client), towards(client, server, transport))


async def test_datagrams_the_kernel_drops_are_counted() -> None:
    async with opened() as server:
        blocked = asyncio.get_running_loop()
        with plain_udp(server) as device:
            sent = 0
            # Nobody reads while this loop runs, so the buffer of 1 MiB overflows.
            for number in range(400):
                device.send(
                    raw(number).replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 8_000 + b"\r\n\r\n")
                )
                sent += 1
            drops = server.stats.socket_drops
            await until(lambda: server.stats.received + drops == sent)

        assert blocked.is_running()
        assert drops > 0
        assert drops == drops_by_the_kernel_s_table(server)


def drops_by_the_kernel_s_table(endpoint: Endpoint) -> int:
    wanted = f":{endpoint.address.port:04X}"
    for line in Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]:
        words = line.split()
        if words[1].endswith(wanted):
            return int(words[-1])
    raise AssertionError("the socket is not in the table")


def test_a_number_taken_on_either_transport_is_refused() -> None:
    udp, tcp = bind_pair("127.0.0.1", 0)
    port = udp.getsockname()[1]
    with udp:
        tcp.close()
        with pytest.raises(OSError, match="in use"):
            bind_pair("127.0.0.1", port)


async def test_the_address_told_to_a_host_can_be_set() -> None:
    endpoint = await Endpoint.open(
        "0.0.0.0",  # noqa: S104  the wildcard is what is tested
        0,
        on_request=answer_ok,
        is_trusted=lambda _: True,
        now=lambda: 0.0,
        token=lambda: "t",
        user_agent="test",
        advertised=lambda host: "203.0.113.7" if host == "192.0.2.1" else None,
    )
    try:
        assert endpoint.local_address("192.0.2.1").host == "203.0.113.7"
        assert endpoint.local_address("127.0.0.1") == ("127.0.0.1", endpoint.address.port)
        made = endpoint.new_request("OPTIONS", "sip:a@b", from_=DEVICE, to=DEVICE)
        assert made.headers.get("From") == f"{DEVICE};tag=t"
    finally:
        await endpoint.close()
