"""A simulated device's calls: INVITE accepted, the stream sent, BYE from either side."""

import asyncio
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass

from media.unit import Codec
from sip.errors import ProtocolError as SipError
from sip.message import response_to
from sip.net.endpoint import CallLeg, IncomingRequest
from sip.uri import SipUri
from vms.gb28181 import sdp
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ssrc import Ssrc
from vms.gb28181.version import Edition
from vms.simulator.faults import FaultKind
from vms.simulator.life import Spawn
from vms.simulator.packing import Container, Manners
from vms.simulator.plan import DevicePlan
from vms.simulator.stream import MediaStream, Road, TcpRoad, UdpRoad, listener_at
from vms.simulator.studio import Studio
from vms.simulator.summary import Summary

BYE_LIMIT_S = 4.0
STALL_AFTER_S = 3.0

_EDITIONS_WITH_TCP = frozenset({Edition.E2016, Edition.E2022})
_PORT_OF_WHO_CONNECTS = 9
"""RFC 4145, 4.1: the side that connects names no port of its own."""

_FOREIGN_SSRC = 0x0ACE_0000
_OWN_SSRC_STEP = 5_000_000
_BUSY = 486
_NO_DESCRIPTION = "v=0\r\no={id} 0 0 IN IP4 {host}\r\ns=Play\r\nc=IN IP4 {host}\r\nt=0 0\r\n"


@dataclass(slots=True)
class _Call:
    channel_id: str
    udp: UdpRoad | None
    listener: socket.socket | None = None
    began_s: float = 0.0
    stream: MediaStream | None = None
    task: asyncio.Task[None] | None = None

    def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
        if self.udp is not None:
            self.udp.close()
        if self.listener is not None:
            self.listener.close()


class Calls:
    """The calls of one device; each sends one stream."""

    def __init__(
        self,
        plan: DevicePlan,
        edition: Edition,
        studio: Studio,
        summary: Summary,
        spawn: Spawn,
        caption: Callable[[str], str],
        container: Container = Container.PS,
        reboot: Callable[[], None] = lambda: None,
    ) -> None:
        """`caption` tells where a channel's camera points, to be shown in its picture."""
        self._container = container
        self._reboot = reboot
        self._stall: tuple[float, float] | None = None
        self._is_first_call = True
        self._plan = plan
        self._device_id = plan.device_id
        self._channel_ids = frozenset(plan.channel_ids)
        self._edition = edition
        self._faults = plan.faults
        self._studio = studio
        self._summary = summary
        self._spawn = spawn
        self._caption = caption
        self._calls: dict[CallLeg, _Call] = {}
        self._dice = random.Random(plan.device_id)  # noqa: S311  (losses, repeatable; no secret)

    def __len__(self) -> int:
        return len(self._calls)

    def invited(self, incoming: IncomingRequest, local_host: str, contact: str) -> None:
        """Answer an INVITE and begin to send."""
        self._summary.invites += 1
        refusal = self._take(incoming, local_host, contact)
        if refusal is not None:
            self._summary.invites_refused += 1
            incoming.respond(response_to(incoming.request, refusal))

    def want_key_picture(self, channel_id: str) -> None:
        """All streams of the channel go on with a key picture."""
        self._summary.key_pictures_asked += 1
        for call in self._calls.values():
            if call.channel_id == channel_id and call.stream is not None:
                call.stream.want_key_picture()

    async def hang_up(self) -> None:
        """End all calls with a BYE of ours."""
        for leg in list(self._calls):
            self._end(leg)
            self._summary.byes_sent += 1
            await leg.bye(limit_s=BYE_LIMIT_S)

    def drop(self) -> None:
        """End all streams without a word, as a device does whose power fails."""
        for leg in list(self._calls):
            self._end(leg)

    def _take(self, incoming: IncomingRequest, local_host: str, contact: str) -> int | None:
        """Accept the call, or give the status to refuse it with."""
        request = incoming.request
        try:
            channel_id = SipUri.parse(request.uri).user
            offer = sdp.parse_offer(request.body)
        except (SipError, ProtocolError):
            return 400
        if channel_id not in self._channel_ids:
            return 404
        refusal = self._refusal(offer)
        if refusal is not None:
            return refusal
        call = self._prepared(channel_id, offer, local_host)
        manners, is_sub = self._manners(), offer.stream_number == 1
        answer = sdp.answer_to(
            offer,
            device_id=self._device_id,
            host=local_host,
            port=_port_of(call),
            ssrc=self._own_ssrc(offer.ssrc),
            payload=manners.payload(self._studio.codec(self._own_codec(), is_sub=is_sub)),
        )
        if FaultKind.ANSWER_WITHOUT_MEDIA in self._faults:
            answer = _NO_DESCRIPTION.format(id=self._device_id, host=local_host).encode()
        response = response_to(
            request,
            200,
            headers=[("Contact", contact)],
            body=answer,
            content_type=sdp.CONTENT_TYPE,
        )
        try:
            leg = incoming.accept(response)
        except LookupError:
            # Cancelled while a slow device was thinking.
            call.end()
            return None
        self._begin(leg, call, offer, local_host)
        return None

    def _prepared(self, channel_id: str, offer: sdp.SessionDescription, local_host: str) -> _Call:
        """What has a port to name in the answer."""
        if offer.transport is sdp.Transport.UDP:
            return _Call(channel_id, UdpRoad(local_host))
        is_called = offer.setup is sdp.Setup.ACTIVE
        return _Call(channel_id, None, listener_at(local_host) if is_called else None)

    def _refusal(self, offer: sdp.SessionDescription) -> int | None:
        refuses_with = self._faults.value(FaultKind.REFUSE_INVITE)
        if refuses_with is not None:
            return int(refuses_with) if 400 <= refuses_with < 700 else _BUSY
        is_tcp = offer.transport is sdp.Transport.TCP
        knows_tcp = self._edition in _EDITIONS_WITH_TCP and FaultKind.REFUSE_TCP not in self._faults
        return 488 if is_tcp and not knows_tcp else None

    def _begin(
        self, leg: CallLeg, call: _Call, offer: sdp.SessionDescription, local_host: str
    ) -> None:
        # Invited again within the call: the new description replaces the old stream.
        self._end(leg)
        self._calls[leg] = call
        leg.on_ended = lambda reason: self._ended(leg, reason)
        if FaultKind.NO_MEDIA in self._faults or FaultKind.ANSWER_WITHOUT_MEDIA in self._faults:
            return
        call.began_s = asyncio.get_running_loop().time()
        if self._is_first_call:
            self._is_first_call = False
            self._plan_mishaps(call.began_s)
        call.stream = self._studio.stream(
            call.channel_id,
            ssrc=self._ssrc(offer.ssrc),
            is_lost=self._loses_packet,
            is_mute=lambda: self._is_stalled(call.began_s),
            caption=lambda: self._caption(call.channel_id),
            manners=self._manners(),
            codec=self._own_codec(),
            is_sub=offer.stream_number == 1,
        )
        self._summary.streams += 1
        if call.udp:
            call.udp.aim(offer.host, offer.port)
            call.task = self._spawn(call.stream.run(call.udp))
        elif call.listener:
            call.task = self._spawn(self._accept_and_run(call.stream, call.listener))
        else:
            call.task = self._spawn(self._connect_and_run(call.stream, offer, local_host))

    def _plan_mishaps(self, now: float) -> None:
        """What is to happen some time after the first call."""
        stall_s = self._faults.value(FaultKind.STALL)
        if stall_s is not None:
            self._stall = (now + STALL_AFTER_S, now + STALL_AFTER_S + stall_s)
        reboot_s = self._faults.value(FaultKind.REBOOT)
        if reboot_s is not None:
            asyncio.get_running_loop().call_later(reboot_s, self._reboot)

    def _is_stalled(self, began_s: float) -> bool:
        """Whether a call that began then gets nothing now."""
        if self._stall is None:
            return False
        since, until = self._stall
        now = asyncio.get_running_loop().time()
        return now >= since and (now < until or began_s < since)

    async def _accept_and_run(self, stream: MediaStream, listener: socket.socket) -> None:
        try:
            road: Road = await TcpRoad.accept(listener)
        except OSError as error:
            self._summary.note_error(f"{self._device_id}: nobody connected: {error}")
            return
        await stream.run(road)

    async def _connect_and_run(
        self, stream: MediaStream, offer: sdp.SessionDescription, local_host: str
    ) -> None:
        try:
            road: Road = await TcpRoad.connect(local_host, offer.host, offer.port)
        except OSError as error:
            self._summary.note_error(f"{self._device_id}: no media connection: {error}")
            return
        await stream.run(road)

    def _own_codec(self) -> Codec | None:
        return Codec.H265 if FaultKind.H265 in self._faults else None

    def _own_ssrc(self, offered: Ssrc | None) -> Ssrc | None:
        """The device's own instead of the offered one; None for devices that take what they get."""
        if FaultKind.OWN_SSRC not in self._faults:
            return None
        return Ssrc((offered or 0) + _OWN_SSRC_STEP)

    def _ssrc(self, offered: Ssrc | None) -> int:
        ssrc = self._own_ssrc(offered) or offered or 0
        return ssrc ^ _FOREIGN_SSRC if FaultKind.WRONG_SSRC in self._faults else ssrc

    def _manners(self) -> Manners:
        return Manners(
            has_psm=FaultKind.NO_PSM not in self._faults,
            has_right_crc=FaultKind.WRONG_PSM_CRC not in self._faults,
            has_private_stream=FaultKind.PRIVATE_STREAM in self._faults,
            is_bare=FaultKind.NOT_PS in self._faults,
            container=self._container,
        )

    def _loses_packet(self) -> bool:
        percent = self._faults.value(FaultKind.LOSS)
        return percent is not None and self._dice.random() * 100 < percent

    def _ended(self, leg: CallLeg, reason: str) -> None:
        if reason == "bye":
            self._summary.byes_received += 1
        else:
            self._summary.note_error(f"{self._device_id}: a call ended by {reason}")
        self._end(leg)

    def _end(self, leg: CallLeg) -> None:
        call = self._calls.pop(leg, None)
        if call is not None:
            call.end()


def _port_of(call: _Call) -> int:
    if call.udp is not None:
        return call.udp.port
    if call.listener is not None:
        port: int = call.listener.getsockname()[1]
        return port
    return _PORT_OF_WHO_CONNECTS
