"""Two real endpoints on loopback: registration, messages, calls, over UDP and TCP."""

import asyncio

import pytest

from sip.digest import (
    Nonces,
    NonceVerdict,
    authorization,
    challenge_header,
    choose_challenge,
    parse_credentials,
    verify,
)
from sip.errors import TransactionTimeoutError, TransportError
from sip.message import Flow, Request, Response, response_to
from sip.net.endpoint import CallLeg, IncomingRequest, InviteRefusedError
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


class Camera:
    """Accepts every INVITE and remembers what came of it."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.ended: list[str] = []
        self.acknowledged = 0
        self.cancelled = 0
        self.invites: list[IncomingRequest] = []
        self.accepts_at_once = True

    def __call__(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        self.seen.append(request)
        if request.method != "INVITE":
            answer_ok(incoming)
            return
        self.invites.append(incoming)
        incoming.on_cancelled = self._note_cancel
        incoming.respond(response_to(request, 100))
        if self.accepts_at_once:
            self.accept(incoming)

    def accept(self, incoming: IncomingRequest) -> None:
        leg = incoming.accept(
            response_to(
                incoming.request,
                200,
                headers=[("Contact", "<sip:34020000001320000001@127.0.0.1:5060>")],
                body=b"v=0\r\n",
                content_type="application/sdp",
            )
        )
        leg.on_ended = self.ended.append
        leg.on_acknowledged = self._note_ack

    def _note_ack(self, _: Request) -> None:
        self.acknowledged += 1

    def _note_cancel(self) -> None:
        self.cancelled += 1


@both_transports
async def test_a_message_is_answered_along_its_own_road(transport: Transport) -> None:
    seen: list[IncomingRequest] = []

    def take(incoming: IncomingRequest) -> None:
        seen.append(incoming)
        answer_ok(incoming)

    async with opened(take, name="s") as server, opened(name="c") as client:
        response = await client.request(message(client), towards(client, server, transport))

        assert response.status == 200
        assert response.to.tag
        assert response.top_via.params["received"] == "127.0.0.1"
        assert seen[0].request.body == b"<Notify/>"
        assert seen[0].flow.transport == transport


@both_transports
async def test_a_device_registers_after_one_challenge(transport: Transport) -> None:
    nonces = Nonces(b"k" * 32, "3402000000")
    user = "34020000001320000001"

    def register(incoming: IncomingRequest) -> None:
        request = incoming.request
        header = request.headers.get("Authorization")
        if header is None:
            challenge = challenge_header("3402000000", nonces.issue(1e9, user))
            incoming.respond(response_to(request, 401, headers=[("WWW-Authenticate", challenge)]))
            return
        credentials = parse_credentials(header)
        method, uri = request.literal_method, request.uri
        right = verify(credentials, method, "secret of the camera", request_uri=uri).is_right
        fresh = nonces.judge(credentials, request.from_.uri.user, 1e9 + 1) is NonceVerdict.FRESH
        incoming.respond(response_to(request, 200 if right and fresh else 403))

    async with opened(register, name="s") as server, opened(name="c") as client:
        uri = "sip:34020000002000000001@3402000000"
        request = client.new_request(
            "REGISTER", uri, from_=DEVICE, to=DEVICE, contact=DEVICE, headers=[("Expires", "3600")]
        )
        flow = towards(client, server, transport)
        first = await client.request(request, flow)
        challenge = choose_challenge(first.headers.get_all("WWW-Authenticate"))
        assert first.status == 401
        assert challenge is not None
        request.headers.set("CSeq", "2 REGISTER")
        request.headers.set(
            "Authorization",
            authorization(
                challenge, "REGISTER", uri, user, "secret of the camera", cnonce="c", nc=1
            ),
        )
        second = await client.request(request, flow)

        assert second.status == 200


@both_transports
async def test_a_call_is_accepted_acknowledged_used_and_ended(transport: Transport) -> None:
    camera = Camera()
    async with opened(camera, name="s") as device, opened(name="c") as server:
        provisional: list[int] = []
        pending = server.invite(invitation(server), towards(server, device, transport))
        pending.on_provisional = lambda response: provisional.append(response.status)
        leg = await pending.final()
        await until(lambda: camera.acknowledged == 1)
        answer = await leg.request("INFO", body=b"PAUSE", content_type="Application/MANSRTSP")
        await leg.bye()

        assert leg.answer is not None
        assert leg.answer.body == b"v=0\r\n"
        assert answer.status == 200
        assert provisional == [100]
        assert camera.ended == ["bye"]
        assert camera.seen[1].uri == "sip:34020000001320000001@127.0.0.1:5060"
        assert device.stats.dialogs == server.stats.dialogs == 0


async def test_the_device_may_hang_up() -> None:
    legs: list[CallLeg] = []

    def accept(incoming: IncomingRequest) -> None:
        legs.append(incoming.accept(response_to(incoming.request, 200)))

    async with opened(accept, name="s") as device, opened(name="c") as server:
        leg = await server.invite(invitation(server), towards(server, device, "UDP")).final()
        reasons: list[str] = []
        leg.on_ended = reasons.append
        await legs[0].bye()

        assert reasons == ["bye"]
        assert leg.is_over


async def test_a_cancelled_invite_is_refused_with_487() -> None:
    camera = Camera()
    camera.accepts_at_once = False
    async with opened(camera, name="s") as device, opened(name="c") as server:
        pending = server.invite(invitation(server), towards(server, device, "UDP"))
        await until(lambda: bool(camera.invites))
        await pending.cancel()
        with pytest.raises(InviteRefusedError) as refused:
            await pending.final()

        assert refused.value.status == 487
        assert camera.cancelled == 1
        with pytest.raises(LookupError):
            camera.accept(camera.invites[0])


async def test_a_call_accepted_after_it_was_given_up_is_ended() -> None:
    camera = Camera()
    camera.accepts_at_once = False
    async with opened(camera, name="s") as device, opened(name="c") as server:
        pending = server.invite(invitation(server), towards(server, device, "UDP"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pending.final()
        await until(lambda: bool(camera.invites))
        camera.accept(camera.invites[0])

        await until(lambda: camera.ended == ["bye"])


async def test_a_call_accepted_while_whoever_waited_was_cancelled_is_ended() -> None:
    camera = Camera()
    camera.accepts_at_once = False
    async with opened(camera, name="s") as device, opened(name="c") as server:
        pending = server.invite(invitation(server), towards(server, device, "UDP"))
        # In the very step in which the 200 comes, before the waiting task can run.
        accept = pending.accepted

        def accepted(leg: CallLeg) -> None:
            waiting.cancel()
            accept(leg)

        pending.accepted = accepted  # type: ignore[method-assign]
        waiting = asyncio.ensure_future(pending.final())
        await until(lambda: bool(camera.invites))
        camera.accept(camera.invites[0])
        with pytest.raises(asyncio.CancelledError):
            await waiting

        await pending.cancel()

        await until(lambda: camera.ended == ["bye"])


async def test_a_refused_invite_tells_its_status() -> None:
    def refuse(incoming: IncomingRequest) -> None:
        incoming.respond(response_to(incoming.request, 486))

    async with opened(refuse, name="s") as device, opened(name="c") as server:
        pending = server.invite(invitation(server), towards(server, device, "UDP"))
        with pytest.raises(InviteRefusedError) as refused:
            await pending.final()

        assert refused.value.status == 486


async def test_a_request_to_nobody_times_out_and_is_repeated_until_then() -> None:
    async with opened(lambda _: None, name="s") as server, opened(name="c") as client:
        with pytest.raises(TransactionTimeoutError):
            await client.request(message(client), towards(client, server, "UDP"), limit_s=0.7)

        assert client.stats.retransmissions == 1
        assert server.stats.repeats_absorbed == 1


async def test_a_tcp_connection_that_breaks_fails_its_requests() -> None:
    broken: list[Flow] = []

    def hang_up(incoming: IncomingRequest) -> None:
        server.disconnect(incoming.flow)

    async with opened(hang_up, name="s") as server, opened(name="c") as client:
        client.on_connection_closed = broken.append
        flow = await client.connect(server.address.host, server.address.port)
        with pytest.raises(TransportError):
            await client.request(message(client), flow)

        assert broken == [flow]
        with pytest.raises(TransportError):
            await client.request(message(client), flow)


async def test_each_device_may_keep_a_connection_of_its_own() -> None:
    async with opened(name="s") as server, opened(name="c") as client:
        first = await client.connect(server.address.host, server.address.port)
        second = await client.connect(server.address.host, server.address.port)
        answers: list[Response] = [
            await client.request(message(client), flow) for flow in (first, second)
        ]

        assert first != second
        assert [answer.status for answer in answers] == [200, 200]
        assert server.stats.connections == 2


async def test_both_transports_share_one_port_number() -> None:
    async with opened() as endpoint:
        assert endpoint.address.port > 0
        _, writer = await asyncio.open_connection(*endpoint.address)
        writer.close()
        await writer.wait_closed()


async def test_the_receive_buffer_asked_for_and_granted_are_told() -> None:
    async with opened() as endpoint:
        assert endpoint.stats.wanted_receive_buffer_bytes == 1 << 20
        assert endpoint.stats.granted_receive_buffer_bytes > 0
        assert endpoint.stats.socket_drops == 0
