"""A simulated device's calls: INVITE accepted, the stream sent, BYE from either side."""

import asyncio
import random
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
from vms.simulator.plan import DevicePlan
from vms.simulator.stream import Manners, MediaStream, Road, TcpRoad, UdpRoad
from vms.simulator.studio import Studio
from vms.simulator.summary import Summary

BYE_LIMIT_S = 4.0

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
    stream: MediaStream | None = None
    task: asyncio.Task[None] | None = None

    def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
        if self.udp is not None:
            self.udp.close()


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
    ) -> None:
        """`caption` tells where a channel's camera points, to be shown in its picture."""
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
        is_tcp = offer.transport is sdp.Transport.TCP
        udp = None if is_tcp else UdpRoad(local_host)
        own_ssrc = self._own_ssrc(offer.ssrc)
        answer = sdp.answer_to(
            offer,
            device_id=self._device_id,
            host=local_host,
            port=udp.port if udp else _PORT_OF_WHO_CONNECTS,
            ssrc=own_ssrc,
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
            if udp:
                udp.close()
            return None
        self._begin(leg, channel_id, offer, udp, local_host)
        return None

    def _refusal(self, offer: sdp.SessionDescription) -> int | None:
        refuses_with = self._faults.value(FaultKind.REFUSE_INVITE)
        if refuses_with is not None:
            return int(refuses_with) if 400 <= refuses_with < 700 else _BUSY
        is_tcp = offer.transport is sdp.Transport.TCP
        knows_tcp = self._edition in _EDITIONS_WITH_TCP and FaultKind.REFUSE_TCP not in self._faults
        if is_tcp and (not knows_tcp or offer.setup is sdp.Setup.ACTIVE):
            return 488
        return None

    def _begin(
        self,
        leg: CallLeg,
        channel_id: str,
        offer: sdp.SessionDescription,
        udp: UdpRoad | None,
        local_host: str,
    ) -> None:
        # Invited again within the call: the new description replaces the old stream.
        self._end(leg)
        call = self._calls[leg] = _Call(channel_id, udp)
        leg.on_ended = lambda reason: self._ended(leg, reason)
        if FaultKind.NO_MEDIA in self._faults or FaultKind.ANSWER_WITHOUT_MEDIA in self._faults:
            return
        call.stream = self._studio.stream(
            channel_id,
            ssrc=self._ssrc(offer.ssrc),
            is_lost=self._loses_packet,
            caption=lambda: self._caption(channel_id),
            manners=self._manners(),
            codec=Codec.H265 if FaultKind.H265 in self._faults else None,
        )
        self._summary.streams += 1
        if udp:
            udp.aim(offer.host, offer.port)
            call.task = self._spawn(call.stream.run(udp))
        else:
            call.task = self._spawn(self._connect_and_run(call.stream, offer, local_host))

    async def _connect_and_run(
        self, stream: MediaStream, offer: sdp.SessionDescription, local_host: str
    ) -> None:
        try:
            road: Road = await TcpRoad.connect(local_host, offer.host, offer.port)
        except OSError as error:
            self._summary.note_error(f"{self._device_id}: no media connection: {error}")
            return
        await stream.run(road)

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
