"""A capture through the real cores: every SIP message, and what each core makes of it.

No sockets and no clock but the capture's own. The SIP agent sees what came to the server, presence
what keeps devices alive, the session table what calls go through, and the intake the RTP that went
to the ports of the calls' SDP. What each tells is printed behind the packet that caused it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from media.door import FirstPicture, MediaEvent, StreamId, Transport
from media.errors import ProtocolError as MediaProtocolError
from media.hub import Hub
from media.intake import Intake
from media.rtp.framing import Deframer
from sip.agent import Agent
from sip.effects import Deliver, ServerKey
from sip.errors import ProtocolError as SipProtocolError
from sip.message import Address, Flow, Request, Response
from sip.parser import parse_message
from sip.stream import TRUSTED_LIMIT_BYTES, StreamFramer
from vms.diagnosis.masking import masked
from vms.diagnosis.pcap import Packet
from vms.diagnosis.wire_log import Wire, shown
from vms.gb28181 import sdp
from vms.gb28181.errors import ProtocolError
from vms.gb28181.manscdp.codec import decode
from vms.gb28181.manscdp.messages import Keepalive
from vms.inventory.presence import Presence
from vms.inventory.registration import ASSUMED_EXPIRY_S
from vms.sessions.machine import Input, State, follow, is_possible

KEEPALIVE_INTERVAL_S = 60.0
KEEPALIVE_MISSES = 3

Peer = tuple[str, int]


@dataclass
class _Stream:
    """RTP of one call: where it goes, and the core that takes it."""

    intake: Intake
    call_id: str
    deframers: dict[Peer, Deframer] = field(default_factory=dict[Peer, Deframer])


class Replay:
    """Feed it packets in their order; it gives the lines to print.

    `server` is our side's address; without it, the first to be asked to register somebody.
    `on_message` gets each message with the number that is printed before it.
    """

    def __init__(
        self,
        server: Peer | None = None,
        on_message: Callable[[int, bytes], None] = lambda _number, _data: None,
    ) -> None:
        self._server = server
        self._on_message = on_message
        self._now = 0.0
        tokens = count(1)
        self._agent = Agent(lambda: f"replay{next(tokens)}")
        self._keys: dict[tuple[str, int, str], ServerKey] = {}
        self._framers: dict[tuple[Peer, Peer], StreamFramer] = {}
        self._sequences: dict[tuple[Peer, Peer], int] = {}
        self._presences: dict[str, Presence] = {}
        self._states: dict[str, State] = {}
        self._streams: dict[Peer, _Stream] = {}
        self._offers: dict[str, sdp.SessionDescription] = {}
        self._lines: list[str] = []
        self._numbers = count(1)

    def lines(self, packets: Iterable[Packet]) -> Iterator[str]:
        """What happened, packet by packet."""
        for packet in packets:
            self._now = packet.at_s
            self._let_time_pass()
            if not self._is_media(packet):
                for message in self._messages(packet):
                    self._message(message, packet)
            yield from self._lines
            self._lines = []
        for call_id, state in self._states.items():
            yield f"at the end: call {call_id} is {state}"

    # Packets

    def _messages(self, packet: Packet) -> list[bytes]:
        if not packet.is_tcp:
            return [packet.payload] if packet.payload.strip(b"\r\n\0 \t") else []
        way = (packet.source, packet.target)
        expected = self._sequences.get(way)
        end = (packet.sequence + len(packet.payload)) & 0xFFFFFFFF
        if not packet.payload or (expected is not None and (end - expected - 1) & 0x80000000):
            return []  # a repetition
        self._sequences[way] = end
        framer = self._framers.setdefault(way, StreamFramer(TRUSTED_LIMIT_BYTES))
        try:
            return framer.feed(packet.payload)
        except SipProtocolError as error:
            del self._framers[way]
            self._tell(f"no SIP from {packet.source[0]}:{packet.source[1]}: {error}")
            return []

    def _is_media(self, packet: Packet) -> bool:
        stream = self._streams.get(packet.target)
        if stream is None:
            return packet.source in self._streams
        if not packet.is_tcp:
            stream.intake.receive(packet.payload, packet.source)
        else:
            deframer = stream.deframers.setdefault(packet.source, Deframer())
            try:
                for rtp in deframer.feed(packet.payload):
                    stream.intake.receive(rtp, packet.source)
            except MediaProtocolError as error:
                self._tell(f"media connection without RTP: {error}")
        return True

    def _let_time_pass(self) -> None:
        for stream in self._streams.values():
            stream.intake.tick()
        for device_id, presence in self._presences.items():
            if presence.deadline is not None and self._now >= presence.deadline:
                self._changed(device_id, presence.tick(self._now))

    # Messages

    def _message(self, data: bytes, packet: Packet) -> None:
        try:
            message = parse_message(data)
        except SipProtocolError as error:
            self._tell(f"{packet.source[0]}:{packet.source[1]} sent no SIP: {error}")
            return
        if self._server is None and isinstance(message, Request):
            is_asked = message.method == "REGISTER"
            self._server = packet.target if is_asked else packet.source
        is_sent = packet.source == self._server
        ours, theirs = (packet.source, packet.target) if is_sent else (packet.target, packet.source)
        flow = Flow("TCP" if packet.is_tcp else "UDP", Address(*ours), Address(*theirs))
        self._show(Wire(next(self._numbers), packet.at_s, is_sent, flow, data, len(data)))
        try:
            if is_sent:
                self._sent(message)
            else:
                self._received(message, flow)
            self._call(message, is_sent=is_sent)
        except (SipProtocolError, ProtocolError) as error:
            self._tell(f"refused: {error}")

    def _show(self, wire: Wire) -> None:
        at = datetime.fromtimestamp(wire.at, UTC)
        line = shown(wire, at, lambda _host: wire.flow.local)
        self._on_message(wire.number, wire.data)
        self._lines.append(
            f"#{wire.number} {at:%H:%M:%S.%f} {line.from_address} > {line.to_address} "
            f"{line.transport}  {line.summary}"
        )

    def _received(self, message: Request | Response, flow: Flow) -> None:
        if isinstance(message, Response):
            return
        effects = self._agent.receive(message, flow, self._now)
        delivered = [effect for effect in effects if isinstance(effect, Deliver)]
        if not delivered:
            self._tell("answered or passed over by the agent itself: a repetition, ACK or CANCEL")
        for effect in delivered:
            self._keys[message.call_id, message.cseq.number, message.method] = effect.key
        if message.method in {"MESSAGE", "NOTIFY"}:
            self._manscdp(message)

    def _sent(self, message: Request | Response) -> None:
        if not isinstance(message, Response):
            return
        cseq = message.cseq
        key = self._keys.get((message.call_id, cseq.number, cseq.method))
        if key is not None:
            self._agent.respond(key, message, self._now, may_repeat=True)
        if cseq.method == "REGISTER" and message.is_success:
            device_id = message.from_.uri.user or ""
            expires = message.headers.get("Expires") or ""
            expires_s = int(expires) if expires.isascii() and expires.isdigit() else None
            presence = self._presence(device_id)
            if expires_s == 0:
                self._changed(device_id, presence.unregistered(self._now))
            else:
                told_s = ASSUMED_EXPIRY_S if expires_s is None else expires_s
                self._changed(device_id, presence.registered(self._now, told_s))

    def _manscdp(self, message: Request) -> None:
        device_id = message.from_.uri.user or ""
        if not message.body:
            return
        decoded = decode(message.body)
        self._tell(masked(repr(decoded.message).encode()).decode()[:400])
        if decoded.tolerances:
            self._tell("put up with " + ", ".join(sorted(map(str, decoded.tolerances))))
        presence = self._presences.get(device_id)
        if presence is not None:
            is_keepalive = isinstance(decoded.message, Keepalive)
            hear = presence.keepalive if is_keepalive else presence.heard
            self._changed(device_id, hear(self._now))

    def _presence(self, device_id: str) -> Presence:
        known = self._presences.get(device_id)
        if known is None:
            known = Presence(KEEPALIVE_INTERVAL_S, KEEPALIVE_MISSES)
            self._presences[device_id] = known
        return known

    def _changed(self, device_id: str, changes: Iterable[object]) -> None:
        for change in changes:
            self._tell(f"{device_id}: {change}")

    # Calls

    def _call(self, message: Request | Response, *, is_sent: bool) -> None:
        cseq, call_id = message.cseq, message.call_id
        if isinstance(message, Request):
            if message.method == "INVITE" and is_sent and call_id not in self._states:
                self._states[call_id] = State.INVITING
                self._tell(f"call {call_id}: {State.INVITING}")
                self._offers[call_id] = sdp.parse_offer(message.body)
                self._open(call_id)
            elif message.method == "BYE":
                self._apply(call_id, Input.STOPPED if is_sent else Input.BYE_RECEIVED)
        elif cseq.method == "INVITE" and message.is_final:
            if not message.is_success:
                self._apply(call_id, Input.REFUSED)
            elif call_id in self._offers and self._states.get(call_id) is State.INVITING:
                self._answered(call_id, sdp.parse_answer(message.body))
        elif cseq.method == "BYE" and message.is_final:
            self._apply(call_id, Input.ENDED)

    def _open(self, call_id: str) -> None:
        offer = self._offers[call_id]
        is_tcp = offer.transport is sdp.Transport.TCP
        intake = Intake(
            StreamId(call_id),
            Transport.TCP_PASSIVE if is_tcp else Transport.UDP,
            offer.ssrc or 0,
            Hub(self._time),
            lambda event: self._media(call_id, event),
            self._time,
        )
        self._streams[offer.host, offer.port] = _Stream(intake, call_id)

    def _answered(self, call_id: str, answer: sdp.SessionDescription) -> None:
        if answer.tolerances:
            self._tell("put up with " + ", ".join(answer.tolerances))
        offer = self._offers[call_id]
        stream = self._streams[offer.host, offer.port]
        stream.intake.expect(answer.ssrc or offer.ssrc or 0, answer.host or None)
        self._apply(call_id, Input.ANSWERED)

    def _media(self, call_id: str, event: MediaEvent) -> None:
        self._tell(f"call {call_id}: {event}")
        if isinstance(event, FirstPicture):
            self._apply(call_id, Input.FIRST_PICTURE)

    def _apply(self, call_id: str, happened: Input) -> None:
        state = self._states.get(call_id)
        if state is not None and is_possible(state, happened):
            self._states[call_id] = follow(state, happened)
            self._tell(f"call {call_id}: {state} -> {self._states[call_id]} by {happened}")

    def _time(self) -> float:
        return self._now

    def _tell(self, text: str) -> None:
        self._lines.append(f"    {text}")
