"""What we ask of devices: live pictures, queries, key pictures (the `Caller` of sessions)."""

import asyncio
from collections.abc import Callable
from sys import intern

from media.door import Transport
from sip.errors import TransactionTimeoutError, TransportError
from sip.message import Address, Flow, Response
from sip.net.endpoint import CallLeg, Endpoint, IncomingRequest, InviteRefusedError, PendingInvite
from sip.net.subscriptions import SubscribeRefusedError, Subscription
from vms.errors import NoAnswerError, RejectedError
from vms.gb28181 import sdp
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.messages import (
    AlarmResponse,
    CatalogQuery,
    DeviceInfoQuery,
    DeviceInfoResponse,
    DeviceStatusQuery,
    DeviceStatusResponse,
    KeyFrameControl,
    Message,
)
from vms.gb28181.profiles import SdpOffer
from vms.gb28181.ssrc import ten_digits
from vms.gb28181.subject import Subject
from vms.sessions.calling import CallAnswer, Invitation, OnStage, Stage
from vms.signalling.header_text import readable
from vms.signalling.messenger import MANSCDP, MESSAGE_LIMIT_S, Identity, Messenger

SDP = "application/sdp"

SILENT_INVITE_LIMIT_S = 8.0
"""An INVITE without any answer."""

TRYING_INVITE_LIMIT_S = 15.0
"""An INVITE with a 100 and nothing after it."""

BYE_LIMIT_S = 4.0

LONG_NUMBER = 10
"""Digits beyond which a number of seconds is none."""

STREAM_NUMBERS = {"main": None, "sub": 1}
"""`a=streamnumber` (2022); the main stream needs no attribute and older devices know none."""

SETUPS = {
    Transport.TCP_PASSIVE: sdp.Setup.PASSIVE,
    Transport.TCP_ACTIVE: sdp.Setup.ACTIVE,
}
"""Who connects, in the words of our offer (7.7): passive, the device does; active, we do."""

DISCARD_PORT = 9
"""RFC 4145, 4.1: no port to connect to."""

PAYLOADS = {SdpOffer.STANDARD: sdp.OFFERED, SdpOffer.EXTENDED: sdp.OFFERED_WIDELY}


class DeviceCall:
    """The `Call` of sessions over a SIP dialog."""

    def __init__(self, leg: CallLeg, answer: CallAnswer, forget: Callable[[str], None]) -> None:
        self._leg = leg
        self._answer = answer
        self._forget = forget
        self._ended: Callable[[str], None] = lambda _reason: None
        self._reason = "bye" if leg.is_over else ""
        leg.on_ended = self._on_ended

    @property
    def answer(self) -> CallAnswer:
        """The device's side of the bargain."""
        return self._answer

    def when_ended(self, ended: Callable[[str], None]) -> None:
        """`ended(reason)` once the device hangs up or says that its media is at its end.

        At once, where it did so before anybody asked.
        """
        self._ended = ended
        if self._reason:
            ended(self._reason)

    async def bye(self) -> None:
        """Hang up; silence counts as an answer."""
        self._forget(self._leg.call_id)
        await self._leg.bye(limit_s=BYE_LIMIT_S)

    def media_ended(self) -> None:
        """MediaStatus inside the call: the device has nothing more to send."""
        self._reason = "media status"
        self._ended(self._reason)

    def _on_ended(self, reason: str) -> None:
        self._forget(self._leg.call_id)
        self._reason = reason
        self._ended(reason)


class DeviceLink:
    """Reaches devices along the road of their last authenticated REGISTER, never by Contact."""

    def __init__(
        self,
        endpoint: Endpoint,
        messenger: Messenger,
        identity: Identity,
        on_request: Callable[[IncomingRequest], None],
    ) -> None:
        self._endpoint = endpoint
        self._messenger = messenger
        self._identity = identity
        self._on_request = on_request
        self._calls: dict[str, DeviceCall] = {}

    # Caller

    async def invite(self, invitation: Invitation, on_stage: OnStage) -> DeviceCall:
        """A live INVITE with its SDP (9.2); the ACK goes out with the 200's arrival."""
        flow = self._messenger.flow(invitation.device_id)
        pending = self._send_invite(invitation, flow)
        on_stage(Stage.INVITE_SENT, f"to {flow.remote} over {flow.transport}")
        leg = await self._final(invitation, pending, on_stage)
        on_stage(Stage.ACKNOWLEDGED, "")
        try:
            answer = _bargain(invitation.transport, leg.answer, flow.remote)
        except ProtocolError as error:
            await leg.bye(limit_s=BYE_LIMIT_S)
            raise RejectedError(
                f"{invitation.device_id} answered 200 with an SDP that cannot be read: {error}", 488
            ) from error
        leg.on_request = self._on_request
        call = DeviceCall(leg, answer, self._forget_call)
        self._calls[leg.call_id] = call
        return call

    def call(self, call_id: str) -> DeviceCall | None:
        """An established call; MediaStatus is matched by Call-ID alone (8.4)."""
        return self._calls.get(call_id)

    async def request_key_picture(self, device_id: DeviceId, channel_id: ChannelId) -> None:
        """IFameCmd or IFrameCmd by edition (A.2.3.1.7)."""
        sn = self._messenger.pending.spend_sn(device_id, "DeviceControl")
        await self._messenger.tell(device_id, KeyFrameControl(sn, DeviceId(channel_id)))

    def media_host(self, device_id: DeviceId) -> str:
        """Our address as the device reaches it; raises `DeviceOfflineError`."""
        return self._messenger.host_seen_by(device_id)

    # Queries

    async def query_device_info(self, device_id: DeviceId) -> DeviceInfoResponse:
        """Maker, model, firmware (A.2.4.2)."""
        return await self._messenger.ask(
            device_id, "DeviceInfo", lambda sn: DeviceInfoQuery(sn, device_id), DeviceInfoResponse
        )

    async def query_device_status(
        self, device_id: DeviceId, target: str = ""
    ) -> DeviceStatusResponse:
        """How the device, or the channel `target`, does (A.2.4.1)."""
        return await self._messenger.ask(
            device_id,
            "DeviceStatus",
            lambda sn: DeviceStatusQuery(sn, DeviceId(target or device_id)),
            DeviceStatusResponse,
            target=target,
        )

    async def send_catalog_query(self, device_id: DeviceId, query: CatalogQuery) -> None:
        """Ask for the catalogue (A.2.4.3); the parts of the answer come by `Pending`."""
        await self._messenger.tell(device_id, query)

    async def confirm_alarm(self, device_id: DeviceId, answer: AlarmResponse) -> None:
        """The business answer to a stored alarm (9.4)."""
        await self._messenger.tell(device_id, answer)

    # Subscriptions

    async def subscribe(
        self, device_id: DeviceId, event: str, expires_s: int, query: Message
    ) -> Subscription:
        """A SUBSCRIBE outside any dialog (9.11). A `RejectedError` has the device's Min-Expires as
        the fact `min_expires_s`, where it told one; otherwise raises as a query does."""
        flow = self._messenger.flow(device_id)
        local_host = self._endpoint.local_address(flow.remote.host)
        request = self._endpoint.new_request(
            "SUBSCRIBE",
            self._messenger.uri(device_id, flow),
            from_=self._messenger.own_address,
            to=self._messenger.address_of(device_id),
            # Every dialog keeps it for its refreshes; a city's are all the same.
            contact=intern(f"<sip:{self._identity.server_id}@{local_host}>"),
            headers=[("Event", event), ("Expires", str(expires_s))],
            body=self.body(device_id, query),
            content_type=MANSCDP,
        )
        try:
            return await self._endpoint.subscribe(request, flow, limit_s=MESSAGE_LIMIT_S)
        except SubscribeRefusedError as error:
            answer = error.response
            shortest = (answer.headers.get("Min-Expires") or "").strip()
            is_told = shortest.isascii() and shortest.isdigit() and len(shortest) < LONG_NUMBER
            raise RejectedError(
                f"{device_id} answered {answer.status} {readable(answer.reason)} to SUBSCRIBE",
                answer.status,
                device_id=device_id,
                **({"min_expires_s": int(shortest)} if is_told else {}),
            ) from error
        except (TransactionTimeoutError, TransportError) as error:
            raise NoAnswerError(
                f"no answer from {device_id} to SUBSCRIBE: {error}", device_id=device_id
            ) from error

    def body(self, device_id: DeviceId, message: Message) -> bytes:
        """A message as this device reads it."""
        return self._messenger.body(device_id, message)

    # INVITE

    def _send_invite(self, invitation: Invitation, flow: Flow) -> PendingInvite:
        profile = self._messenger.profile(invitation.device_id)
        offer = sdp.live_offer(
            platform_id=self._identity.server_id,
            host=invitation.host,
            port=invitation.port,
            ssrc=invitation.ssrc,
            setup=SETUPS.get(invitation.transport),
            stream_number=STREAM_NUMBERS[invitation.stream],
            stream_selector=profile.stream_selector,
            payloads=PAYLOADS[profile.sdp_offer],
        )
        subject = Subject(
            sender_id=invitation.channel_id,
            sender_serial=ten_digits(invitation.ssrc),
            receiver_id=self._identity.server_id,
            receiver_serial=str(invitation.serial),
        )
        local = self._endpoint.local_address(flow.remote.host)
        request = self._endpoint.new_request(
            "INVITE",
            self._messenger.uri(invitation.channel_id, flow),
            from_=self._messenger.own_address,
            to=self._messenger.address_of(invitation.channel_id),
            call_id=invitation.call_id or None,
            contact=f"<sip:{self._identity.server_id}@{local}>",
            headers=[("Subject", str(subject))],
            body=offer,
            content_type=SDP,
        )
        return self._endpoint.invite(request, flow)

    async def _final(
        self, invitation: Invitation, pending: PendingInvite, on_stage: OnStage
    ) -> CallLeg:
        device_id = invitation.device_id
        silent_limit_s = invitation.silent_limit_s or SILENT_INVITE_LIMIT_S
        try:
            async with asyncio.timeout(silent_limit_s) as limit:
                started = asyncio.get_running_loop().time()

                def _provisional(response: Response) -> None:
                    on_stage(Stage.TRYING, f"{response.status} {readable(response.reason)}")
                    limit.reschedule(started + TRYING_INVITE_LIMIT_S)

                pending.on_provisional = _provisional
                leg = await pending.final()
        except InviteRefusedError as error:
            answer = error.response
            raise RejectedError(
                f"{device_id} answered {answer.status} {readable(answer.reason)} to INVITE",
                answer.status,
                device_id=device_id,
            ) from error
        except (TransactionTimeoutError, TransportError, TimeoutError) as error:
            await pending.cancel()
            raise NoAnswerError(
                f"no answer from {device_id} to INVITE ({error})",
                device_id=device_id,
            ) from error
        except asyncio.CancelledError:
            await pending.cancel()
            raise
        status = leg.answer.status if leg.answer is not None else 200
        on_stage(Stage.ANSWERED, str(status))
        return leg

    def _forget_call(self, call_id: str) -> None:
        self._calls.pop(call_id, None)


def _bargain(offered: Transport, answer: Response | None, remote: Address) -> CallAnswer:
    """What the 200 says. An address it claims counts only where it is the device's own (S-16).

    Raises `ProtocolError` where we shall connect and are told no port.
    """
    description = sdp.parse_answer(answer.body if answer is not None else b"")
    transport = _transport(offered, description)
    is_connecting = transport is Transport.TCP_ACTIVE
    if is_connecting and description.port in {0, DISCARD_PORT}:
        raise ProtocolError("it shall listen, and names no port")
    return CallAnswer(
        ssrc=description.ssrc,
        # Nobody is connected to but the device itself, where it registered from.
        host=remote.host if is_connecting or description.host == remote.host else None,
        transport=transport,
        tolerances=tuple(tolerance.value for tolerance in description.tolerances),
        port=description.port if is_connecting else None,
    )


def _transport(offered: Transport, answered: sdp.SessionDescription) -> Transport:
    """How media will come. Without `a=setup`, or with ours repeated, our offer's roles hold."""
    if answered.transport is sdp.Transport.UDP:
        return offered if offered.is_udp else Transport.UDP
    return Transport.TCP_PASSIVE if offered.is_udp else offered
