"""Re-INVITE as the caller (RFC 3261, 14.1), over real sockets."""

import asyncio

from sip.net.endpoint import CallLeg, Endpoint, IncomingRequest
from tests.sip.endpoints import (
    Transport,
    answer_ok,
    both_transports,
    invitation,
    opened,
    towards,
)
from tests.sip.test_endpoint import Camera
from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until

OFFER = b"v=0\r\ny=0200000002\r\n"
DEVICE_ID = "34020000001320000001"


async def called(server: Endpoint, device: SipPeer) -> CallLeg:
    flow = server.flow("UDP", device.host, device.port)
    pending = server.invite(invitation(server), flow)
    device.accept(await device.asked("INVITE"))
    leg = await pending.final()
    await until(lambda: len(device.acknowledged) == 1)
    device.acknowledged.clear()
    return leg


def again(asked: Message) -> bytes:
    """The 2xx to a re-INVITE, whose To has its tag already."""
    lines = [
        "SIP/2.0 200 OK",
        f"Via: {asked['Via']}",
        f"From: {asked['From']}",
        f"To: {asked['To']}",
        f"Call-ID: {asked['Call-ID']}",
        f"CSeq: {asked['CSeq']}",
        "Contact: <sip:34020000001320000001@127.0.0.1:5999>",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@both_transports
async def test_between_two_of_us_the_call_stays_one(transport: Transport) -> None:
    camera = Camera()
    async with opened(camera, name="s") as server, opened(name="c") as client:
        leg = await client.invite(invitation(client), towards(client, server, transport)).final()
        response = await leg.reinvite(OFFER)

        await until(lambda: camera.acknowledged == 2)
        assert response.status == 200
        assert camera.seen[1].body == OFFER
        assert camera.seen[1].cseq.number == camera.seen[0].cseq.number + 1
        assert camera.seen[1].headers.get("Contact") == camera.seen[0].headers.get("Contact")
        assert (client.stats.dialogs, server.stats.dialogs) == (1, 1)
        await leg.bye()
        await until(lambda: camera.ended == ["bye"])


async def test_a_repeated_answer_is_acknowledged_again_and_no_second_call_begins() -> None:
    async with opened() as server:
        address = (server.address.host, server.address.port)
        async with SipPeer.open(DEVICE_ID, address, "") as device:
            leg = await called(server, device)
            pending = asyncio.create_task(leg.reinvite(OFFER))
            asked = await device.asked("INVITE")
            for _ in range(3):
                device.send(again(asked))

            assert (await pending).status == 200
            await until(lambda: len(device.acknowledged) == 3)
            assert {each["CSeq"] for each in device.acknowledged} == {"2 ACK"}
            # The answer named another Contact: that is the request URI now, and the road stays.
            assert device.acknowledged[0].start == f"ACK sip:{DEVICE_ID}@127.0.0.1:5999 SIP/2.0"
            assert server.stats.dialogs == 1


async def test_an_offer_that_crosses_another_is_told_and_the_call_goes_on() -> None:
    async with opened() as server:
        address = (server.address.host, server.address.port)
        async with SipPeer.open(DEVICE_ID, address, "") as device:
            leg = await called(server, device)
            pending = asyncio.create_task(leg.reinvite(OFFER))
            device.respond(await device.asked("INVITE"), 491, "Request Pending")

            assert (await pending).status == 491
            await until(lambda: len(device.acknowledged) == 1)
            assert (leg.is_over, server.stats.dialogs) == (False, 1)


async def test_a_late_answer_is_acknowledged_though_nobody_waits_and_the_call_goes_on() -> None:
    async with opened() as server:
        address = (server.address.host, server.address.port)
        async with SipPeer.open(DEVICE_ID, address, "") as device:
            leg = await called(server, device)
            pending = asyncio.create_task(leg.reinvite(OFFER))
            asked = await device.asked("INVITE")
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
            device.send(again(asked))

            await until(lambda: len(device.acknowledged) == 1)
            assert device.requests == []
            assert (leg.is_over, server.stats.dialogs) == (False, 1)


async def test_the_callee_of_a_call_may_reinvite_too() -> None:
    legs: list[CallLeg] = []
    seen: list[IncomingRequest] = []
    camera = Camera()

    def take(incoming: IncomingRequest) -> None:
        seen.append(incoming)
        camera(incoming)
        leg = incoming.leg
        if leg is not None:
            legs.append(leg)

    def accept(incoming: IncomingRequest) -> None:
        if incoming.request.method == "INVITE":
            camera.accept(incoming)
        else:
            answer_ok(incoming)

    async with opened(take, name="s") as server, opened(name="c") as client:
        leg = await client.invite(invitation(client), towards(client, server, "UDP")).final()
        leg.on_request = accept
        await leg.request("INFO")

        assert (await legs[0].reinvite(OFFER)).status == 200
        await until(lambda: camera.acknowledged == 2)
