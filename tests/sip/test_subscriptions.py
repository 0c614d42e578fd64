"""Subscriptions in both roles over real sockets; odd devices are made of plain bytes."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from sip.errors import TransactionTimeoutError
from sip.message import Request, response_to
from sip.net.endpoint import (
    Endpoint,
    IncomingRequest,
    Notifier,
    SubscribeRefusedError,
    Subscription,
)
from sip.net.subscriptions import MAX_HELD_NOTIFIES
from tests.sip.endpoints import (
    DEVICE,
    SERVER,
    Transport,
    answer_ok,
    both_transports,
    opened,
    towards,
)
from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until

QUERY = (
    b'<?xml version="1.0" encoding="GB2312"?>\r\n<Query>\r\n<CmdType>Catalog</CmdType>\r\n'
    b"<SN>17430</SN>\r\n<DeviceID>34020000001180000001</DeviceID>\r\n</Query>\r\n"
)
MANSCDP = "Application/MANSCDP+xml"
_branches = itertools.count(1)


def subscribe(
    client: Endpoint, *, event: str = "Catalog;id=1894", expires_s: int = 600, call_id: str = ""
) -> Request:
    return client.new_request(
        "SUBSCRIBE",
        "sip:34020000001320000001@3402000000",
        from_=SERVER,
        to=DEVICE,
        call_id=call_id or None,
        contact=f"<sip:34020000002000000001@{client.address}>",
        headers=[("Event", event), ("Expires", str(expires_s))],
        body=QUERY,
        content_type=MANSCDP,
    )


def notify(
    asked: Message,
    *,
    cseq: int = 1,
    state: str = "active;expires=600",
    tag: str | None = "32128",
    to: str | None = None,
    event: str | None = "Catalog;id=1894",
    call_id: str | None = None,
) -> bytes:
    """As a device writes it in answer to the SUBSCRIBE `asked`."""
    source = f"<sip:34020000001320000001@3402000000>{f';tag={tag}' if tag else ''}"
    lines = [
        "NOTIFY sip:34020000002000000001@3402000000 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK55aa{next(_branches)}",
        f"From: {source}",
        f"To: {to or asked['From']}",
        f"Call-ID: {call_id or asked['Call-ID']}",
        f"CSeq: {cseq} NOTIFY",
        "Max-Forwards: 70",
        *([f"Event: {event}"] if event else []),
        f"Subscription-State: {state}",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class Listener:
    """Answers NOTIFYs and remembers them."""

    def __init__(self, take: Callable[[IncomingRequest], None] = answer_ok) -> None:
        self.heard: list[Request] = []
        self.reasons: list[str] = []
        self.take = take

    def attach(self, subscription: Subscription) -> None:
        subscription.ear = self

    def notified(self, subscription: Subscription, incoming: IncomingRequest) -> None:
        self.heard.append(incoming.request)
        self.take(incoming)

    def ended(self, subscription: Subscription, reason: str) -> None:
        self.reasons.append(reason)


@asynccontextmanager
async def a_device(server: Endpoint, host: str = "127.0.0.1") -> AsyncGenerator[SipPeer]:
    address = (server.address.host, server.address.port)
    async with SipPeer.open("34020000001320000001", address, "", host=host) as device:
        yield device


async def subscribed(
    server: Endpoint,
    device: SipPeer,
    *,
    event: str = "Catalog;id=1894",
    headers: Sequence[tuple[str, str]] = (("Expires", "600"),),
) -> tuple[Subscription, Message]:
    flow = server.flow("UDP", device.host, device.port)
    pending = asyncio.create_task(server.subscribe(subscribe(server, event=event), flow))
    asked = await device.asked("SUBSCRIBE")
    device.respond(asked, 200, headers=headers)
    return await pending, asked


class Served:
    """A camera that accepts subscriptions."""

    def __init__(self, expires_s: int = 600) -> None:
        self.notifiers: list[Notifier] = []
        self.ended: list[str] = []
        self._expires_s = expires_s

    def __call__(self, incoming: IncomingRequest) -> None:
        if incoming.request.method != "SUBSCRIBE":
            incoming.respond(response_to(incoming.request, 405))
            return
        response = response_to(incoming.request, 200)
        notifier = incoming.accept_subscription(response, self._expires_s)
        notifier.on_ended = self.ended.append
        self.notifiers.append(notifier)


@both_transports
async def test_a_whole_subscription_between_two_of_us(transport: Transport) -> None:
    camera, listener = Served(), Listener()
    async with opened(camera, name="s") as served, opened(name="c") as client:
        subscription = await client.subscribe(subscribe(client), towards(client, served, transport))
        listener.attach(subscription)
        (notifier,) = camera.notifiers

        assert (subscription.granted_s, subscription.event) == (600, "Catalog;id=1894")
        answer = await notifier.notify(b"<Notify/>", content_type=MANSCDP)
        assert answer.status == 200
        assert listener.heard[0].headers.get("Event") == "Catalog;id=1894"
        assert listener.heard[0].headers.get("Subscription-State") == "active;expires=600"
        assert listener.heard[0].headers.get("Contact") is not None

        again = await subscription.refresh(900, QUERY)
        assert (again.status, subscription.granted_s, notifier.granted_s) == (200, 900, 900)
        assert len(camera.notifiers) == 1

        await subscription.end(QUERY)
        await until(lambda: camera.ended == ["unsubscribed"])
        await notifier.notify(state="terminated;reason=timeout")
        await until(lambda: len(listener.heard) == 2)
        assert listener.reasons == []
        assert (served.stats.subscriptions, client.stats.subscriptions) == (0, 0)


async def test_a_refresh_stays_in_its_dialog() -> None:
    async with opened() as server, a_device(server) as device:
        subscription, asked = await subscribed(server, device)
        refreshing = asyncio.create_task(subscription.refresh(600, QUERY))
        again = await device.asked("SUBSCRIBE")
        device.respond(again, 200)
        await refreshing

        assert again["Call-ID"] == asked["Call-ID"]
        assert again["From"] == asked["From"]
        assert again["To"].endswith(";tag=32128")
        assert again["CSeq"] == "2 SUBSCRIBE"
        assert again["Event"] == "Catalog;id=1894"
        assert again["Contact"] == asked["Contact"]
        assert again.body == QUERY


async def test_an_answer_without_expires_and_contact_is_taken() -> None:
    async with opened() as server, a_device(server) as device:
        subscription, _ = await subscribed(server, device, headers=[])

        assert subscription.granted_s is None
        assert server.stats.subscriptions == 1


async def test_a_refused_subscription_raises_and_leaves_nothing() -> None:
    async with opened() as server, a_device(server) as device:
        flow = server.flow("UDP", device.host, device.port)
        pending = asyncio.create_task(server.subscribe(subscribe(server), flow))
        device.respond(await device.asked("SUBSCRIBE"), 489, "Bad Event")

        with pytest.raises(SubscribeRefusedError) as raised:
            await pending
        assert raised.value.status == 489
        assert server.stats.subscriptions == 0


async def test_silence_leaves_nothing() -> None:
    async with opened() as server, a_device(server) as device:
        flow = server.flow("UDP", device.host, device.port)
        with pytest.raises(TransactionTimeoutError):
            await server.subscribe(subscribe(server), flow, limit_s=0.05)

        assert server.stats.subscriptions == 0


async def test_a_notify_before_the_answer_waits_for_it() -> None:
    listener = Listener()
    async with opened() as server, a_device(server) as device:
        flow = server.flow("UDP", device.host, device.port)
        pending = asyncio.create_task(server.subscribe(subscribe(server), flow))
        asked = await device.asked("SUBSCRIBE")
        early = notify(asked)
        device.send(early)
        await until(lambda: server.stats.received == 1)
        device.respond(asked, 200, headers=[("Expires", "600")])
        listener.attach(await pending)

        assert (await device.answer_to(early)).status == 200
        assert len(listener.heard) == 1


async def test_early_notifies_are_bounded_and_refused_with_their_subscribe() -> None:
    beyond: list[IncomingRequest] = []
    async with opened(beyond.append) as server, a_device(server) as device:
        flow = server.flow("UDP", device.host, device.port)
        pending = asyncio.create_task(server.subscribe(subscribe(server), flow))
        asked = await device.asked("SUBSCRIBE")
        early = [notify(asked, cseq=number) for number in range(MAX_HELD_NOTIFIES + 2)]
        for each in early:
            device.send(each)
        await until(lambda: server.stats.received == len(early))
        device.respond(asked, 403, "Forbidden")
        with pytest.raises(SubscribeRefusedError):
            await pending

        statuses = [(await device.answer_to(each)).status for each in early[:MAX_HELD_NOTIFIES]]
        assert statuses == [481] * MAX_HELD_NOTIFIES
        assert len(beyond) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "<sip:34020000002000000001@3402000000>"},
        {"tag": None},
        {"tag": "other", "to": "<sip:34020000002000000001@3402000000>;tag=strange"},
        {"event": None},
        {"event": "presence"},
        {"event": "catalog;id=1894"},
    ],
)
async def test_a_notify_with_tags_or_event_of_its_own_is_known_by_its_call_id(
    changes: dict[str, str | None],
) -> None:
    listener = Listener()
    async with opened() as server, a_device(server) as device:
        subscription, asked = await subscribed(server, device)
        listener.attach(subscription)
        raw = notify(asked, **changes)  # type: ignore[arg-type]  # names of str parameters
        device.send(raw)

        assert (await device.answer_to(raw)).status == 200
        assert len(listener.heard) == 1


async def test_a_notify_from_another_host_is_the_application_s() -> None:
    unknown: list[IncomingRequest] = []

    def refuse(incoming: IncomingRequest) -> None:
        unknown.append(incoming)
        incoming.respond(response_to(incoming.request, 481))

    listener = Listener()
    async with (
        opened(refuse) as server,
        a_device(server) as device,
        a_device(server, "127.0.0.9") as other,
    ):
        subscription, asked = await subscribed(server, device)
        listener.attach(subscription)
        raw = notify(asked)
        other.send(raw)

        assert (await other.answer_to(raw)).status == 481
        assert (len(unknown), listener.heard) == (1, [])


async def test_a_notify_of_no_subscription_is_the_application_s() -> None:
    unknown: list[IncomingRequest] = []

    def take(incoming: IncomingRequest) -> None:
        unknown.append(incoming)
        answer_ok(incoming)

    async with opened(take) as server, a_device(server) as device:
        _, asked = await subscribed(server, device)
        raw = notify(asked, call_id="another")
        device.send(raw)

        assert (await device.answer_to(raw)).status == 200
        assert len(unknown) == 1


async def test_two_subscriptions_of_one_device_are_told_apart_by_their_event_even_in_one_call() -> (
    None
):
    first, second = Listener(), Listener()
    async with opened() as server, a_device(server) as device:
        flow = server.flow("UDP", device.host, device.port)

        async def subscribed_to(event: str, listener: Listener) -> Message:
            request = subscribe(server, event=event, call_id="one-for-all")
            pending = asyncio.create_task(server.subscribe(request, flow))
            asked = await device.asked("SUBSCRIBE")
            device.respond(asked, 200)
            listener.attach(await pending)
            return asked

        await subscribed_to("presence;id=1", first)
        asked = await subscribed_to("presence;id=2", second)
        for number, event in enumerate(("presence;id=2", "presence;id=1", "presence;id=2")):
            raw = notify(asked, cseq=number + 1, event=event, call_id="one-for-all")
            device.send(raw)
            await device.answer_to(raw)

        assert [request.cseq.number for request in first.heard] == [2]
        assert [request.cseq.number for request in second.heard] == [1, 3]


async def test_a_lower_number_is_refused_and_a_repeated_notify_is_answered_once_more() -> None:
    listener = Listener()
    async with opened() as server, a_device(server) as device:
        subscription, asked = await subscribed(server, device)
        listener.attach(subscription)
        newer, older = notify(asked, cseq=5), notify(asked, cseq=4)
        device.send(newer)
        assert (await device.answer_to(newer)).status == 200
        device.send(older)
        assert (await device.answer_to(older)).status == 500
        device.send(newer)
        assert (await device.answer_to(newer)).status == 200

        assert len(listener.heard) == 1


async def test_a_terminated_notify_ends_it_after_its_answer() -> None:
    held: list[IncomingRequest] = []
    listener = Listener(held.append)
    async with opened() as server, a_device(server) as device:
        subscription, asked = await subscribed(server, device)
        listener.attach(subscription)
        raw = notify(asked, state="terminated;reason=deactivated")
        device.send(raw)
        await until(lambda: len(held) == 1)
        assert (listener.reasons, server.stats.subscriptions) == ([], 1)
        answer_ok(held[0])

        assert (await device.answer_to(raw)).status == 200
        assert (listener.reasons, server.stats.subscriptions) == (["deactivated"], 0)
        assert subscription.is_over


@pytest.mark.parametrize("status", [481, 489])
async def test_a_refusal_of_the_refresh_ends_it(status: int) -> None:
    listener = Listener()
    async with opened() as server, a_device(server) as device:
        subscription, _ = await subscribed(server, device)
        listener.attach(subscription)
        refreshing = asyncio.create_task(subscription.refresh(600))
        device.respond(await device.asked("SUBSCRIBE"), status, "No")

        assert (await refreshing).status == status
        assert (listener.reasons, server.stats.subscriptions) == ([f"refused {status}"], 0)


async def test_a_refresh_refused_for_a_while_leaves_what_was_granted() -> None:
    listener = Listener()
    async with opened() as server, a_device(server) as device:
        subscription, _ = await subscribed(server, device)
        listener.attach(subscription)
        refreshing = asyncio.create_task(subscription.refresh(600))
        device.respond(await device.asked("SUBSCRIBE"), 503, "Busy")

        assert (await refreshing).status == 503
        assert (listener.reasons, server.stats.subscriptions) == ([], 1)


async def test_silence_after_a_refresh_ends_it() -> None:
    listener = Listener()
    async with opened() as server, a_device(server) as device:
        subscription, _ = await subscribed(server, device)
        listener.attach(subscription)
        with pytest.raises(TransactionTimeoutError):
            await subscription.refresh(600, limit_s=0.05)

        assert (listener.reasons, server.stats.subscriptions) == (["no answer"], 0)


async def test_an_answer_without_a_to_is_taken() -> None:
    async with opened() as server, a_device(server) as device:
        flow = server.flow("UDP", device.host, device.port)
        pending = asyncio.create_task(server.subscribe(subscribe(server), flow))
        asked = await device.asked("SUBSCRIBE")
        device.send(
            f"SIP/2.0 200 OK\r\nVia: {asked['Via']}\r\nFrom: {asked['From']}\r\n"
            f"Call-ID: {asked['Call-ID']}\r\nCSeq: {asked['CSeq']}\r\n\r\n".encode()
        )
        await pending

        assert server.stats.subscriptions == 1


async def test_a_forgotten_subscription_s_notify_is_the_application_s() -> None:
    unknown: list[IncomingRequest] = []

    def take(incoming: IncomingRequest) -> None:
        unknown.append(incoming)
        answer_ok(incoming)

    async with opened(take) as server, a_device(server) as device:
        subscription, asked = await subscribed(server, device)
        subscription.forget()
        raw = notify(asked)
        device.send(raw)
        await device.answer_to(raw)

        assert (len(unknown), server.stats.subscriptions) == (1, 0)


async def test_a_refresh_of_a_dialog_nobody_knows_is_answered_481() -> None:
    async with opened() as server, a_device(server) as device:
        raw = device.request("SUBSCRIBE", headers=[("Event", "Catalog")]).replace(
            b"\r\nCall-ID", b";tag=unknown\r\nCall-ID"
        )

        assert (await device.ask(raw)).status == 481


async def test_a_refresh_from_another_host_is_refused() -> None:
    camera = Served()
    async with (
        opened(camera) as served,
        a_device(served) as platform,
        a_device(served, "127.0.0.9") as thief,
    ):
        first = platform.request("SUBSCRIBE", headers=[("Event", "Catalog"), ("Expires", "60")])
        answer = await platform.ask(first)
        again = thief.request(
            "SUBSCRIBE",
            headers=[("Event", "Catalog"), ("Expires", "0")],
            call_id=answer["Call-ID"],
        ).replace(b"\r\nCall-ID", f";tag={answer['To'].partition('tag=')[2]}\r\nCall-ID".encode())

        assert answer["Expires"] == "600"
        assert (await thief.ask(again)).status == 403
        assert served.stats.subscriptions == 1


async def test_a_subscriber_that_knows_nothing_of_it_ends_a_served_subscription() -> None:
    camera = Served()
    async with opened(camera) as served, a_device(served) as platform:
        await platform.ask(platform.request("SUBSCRIBE", headers=[("Event", "Catalog")]))
        telling = asyncio.create_task(camera.notifiers[0].notify(b"<Notify/>"))
        platform.respond(await platform.asked("NOTIFY"), 481, "No")

        assert (await telling).status == 481
        assert (camera.ended, served.stats.subscriptions) == (["refused 481"], 0)


async def test_a_subscribe_is_accepted_once() -> None:
    seen: list[IncomingRequest] = []
    async with opened(seen.append) as served, a_device(served) as platform:
        platform.send(platform.request("SUBSCRIBE", headers=[("Event", "Catalog")]))
        await until(lambda: len(seen) == 1)
        seen[0].respond(response_to(seen[0].request, 489))

        with pytest.raises(LookupError):
            seen[0].accept_subscription(response_to(seen[0].request, 200), 60)
