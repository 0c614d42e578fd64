"""One stream's way from packets to its hub: latch, order, container, pictures. No sockets."""

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial

from media.assembly import Assembler
from media.codecs.frame import Frame
from media.codecs.g711 import PAYLOAD_TYPES
from media.door import (
    ContainerParsed,
    FirstPacket,
    FirstPicture,
    MediaEnded,
    MediaEvent,
    MediaResumed,
    MediaSilent,
    OnMediaEvent,
    SourceFigures,
    SsrcMatched,
    StreamFigures,
    StreamId,
    Transport,
    ViewerFigures,
)
from media.errors import ProtocolError
from media.hub import Hub
from media.leaves import Packet, PacketLeaf
from media.ps.stream_types import ENCRYPTED
from media.rtp import rtcp
from media.rtp.latch import Address, SourceLatch, Verdict
from media.rtp.packet import RtpPacket, is_rtcp, parse
from media.rtp.sniff import Container
from media.unit import VideoFormat
from media.unpacker import Unpacker

REPORT_INTERVAL_S = 5.0
"""Receiver reports go this often, asked for or not: some cameras stop after minutes without."""

SILENT_AFTER_S = 4.0
"""`MediaSilent` is told after this long without a packet.

Longer than `latch.SILENCE_S`, so that a device which only changed its port needs no new INVITE, and
short, for it is what viewers of a device that started again wait before one is sent.
"""

RATE_WINDOW_S = 5.0
"""Bit rate and picture rate are those of the last so many seconds."""

_SOURCES = 8
"""Senders told apart; the rest are only counted as foreign."""

_REPORTS_WITHOUT_ONE = 2

_RATE_STEP_S = 1.0
_CNAME = "gb28181-vms"


class Intake:
    """Packets of one device on one port, published as access units.

    Counts are since it was opened. Events are told once each; a silence once a silence, the end of
    a connection each time, and after either that packets flow again.
    """

    def __init__(
        self,
        stream_id: StreamId,
        transport: Transport,
        ssrc: int,
        hub: Hub,
        on_event: OnMediaEvent,
        now: Callable[[], float],
        leaf: PacketLeaf | None = None,
    ) -> None:
        self.stream_id = stream_id
        self.transport = transport
        self.foreign = 0
        self.malformed = 0
        self.connections = 0
        self.refused_connections = 0
        self._hub = hub
        self._on_event = on_event
        self._now = now
        self._latch = SourceLatch(ssrc)
        self._leaf = leaf or Unpacker(may_disorder=transport.is_udp)
        self._held: tuple[Address | None, bytes] = (None, b"")
        self._told: set[type] = set()
        # No method of ours: assembler and intake would hold each other until the first picture.
        tell = partial(_tell_first_picture, stream_id, self._told, on_event)
        self._assembler = Assembler(hub, tell)
        self._tolerated: Counter[str] = Counter()
        self._others: dict[tuple[Address, int, int], list[int]] = {}
        self._reports = 0
        self._is_silent = False
        self._has_ended = False
        self._beside_packets = 0
        self._beside_bytes = 0
        self._sender_report: tuple[int, float] | None = None
        self._rtcp_address: Address | None = None
        self._report_due_s = now() + REPORT_INTERVAL_S
        self._rates: deque[tuple[float, int, int]] = deque(
            [(now(), 0, 0)], maxlen=int(RATE_WINDOW_S / _RATE_STEP_S) + 1
        )

    # -- what the owner says and asks

    def expect(self, ssrc: int, remote_host: str | None) -> Address | None:
        """The device answered: its SSRC, and the only host whose packets count from now on.

        None: the first host that sends this SSRC. A source that was held and is not the one any
        more is returned; the stream begins anew then.
        """
        let_go = self._latch.expect(ssrc, remote_host, self._now())
        if let_go is not None:
            self._begin_anew()
        return let_go

    @property
    def expected_ssrc(self) -> int:
        """The SSRC awaited; `ssrc` may be another, learnt one."""
        return self._latch.expected_ssrc

    @property
    def host(self) -> str | None:
        """The device's host, as far as it is known."""
        return self._latch.host

    @property
    def source(self) -> Address | None:
        """Where the packets taken come from."""
        return self._latch.source

    @property
    def ssrc(self) -> int | None:
        """The SSRC whose packets are taken; None before the first."""
        return self._latch.ssrc

    @property
    def remote_address(self) -> str | None:
        """Where they come from, `host:port`."""
        return None if self._latch.source is None else _text(self._latch.source)

    @property
    def packets(self) -> int:
        """RTP packets taken, with those of sound beside."""
        return self._leaf.packets + self._beside_packets

    @property
    def payload_bytes(self) -> int:
        """Theirs."""
        return self._leaf.payload_bytes + self._beside_bytes

    @property
    def container(self) -> Container | None:
        """What the payloads were recognised as."""
        return self._leaf.container

    @property
    def tolerated(self) -> dict[str, int]:
        """What was put up with, by name."""
        return dict(self._tolerated + Counter(self._leaf.tolerated))

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Codecs the device announces and nobody here understands."""
        named = self._leaf.unsupported
        is_said = ENCRYPTED in named or not self._assembler.is_undecodable
        return named if is_said else (*named, ENCRYPTED)

    def figures(
        self, viewers: tuple[ViewerFigures, ...] = (), transcoding: str | None = None
    ) -> StreamFigures:
        """How the stream stands."""
        now = self._now()
        leaf = self._leaf
        oldest_s, oldest_bytes, oldest_pictures = self._rates[0]
        span_s = max(now - oldest_s, _RATE_STEP_S)
        video, audio = self._hub.video, self._hub.audio
        return StreamFigures(
            stream_id=self.stream_id,
            transport=self.transport,
            remote_address=self.remote_address,
            ssrc=self._latch.ssrc,
            container=leaf.container,
            video_codec=None if video is None else video.codec,
            width=None if video is None else video.width,
            height=None if video is None else video.height,
            audio_codec=None if audio is None else audio.codec,
            packets=self.packets,
            lost=leaf.lost,
            reordered=leaf.reordered,
            duplicates=leaf.duplicates,
            foreign=self.foreign,
            jitter_ms=leaf.jitter_ms,
            bitrate_bps=round((self.payload_bytes - oldest_bytes) * 8 / span_s),
            frames_per_s=(self._assembler.pictures - oldest_pictures) / span_s,
            key_pictures=self._assembler.key_pictures,
            damaged_units=self._assembler.damaged_units,
            last_packet_age_s=None if self._latch.ssrc is None else now - self._latch.heard_s,
            transcoding=transcoding,
            viewers=viewers,
            bytes=self.payload_bytes,
            malformed=self.malformed,
            connections=self.connections,
            sources=self._sources(),
            unsupported=self.unsupported,
            tolerated=tuple(self.tolerated.items()),
        )

    def _sources(self) -> tuple[SourceFigures, ...]:
        others = tuple(
            SourceFigures(_text(source), ssrc, kind, packets, size, is_taken=False)
            for (source, ssrc, kind), (packets, size) in self._others.items()
        )
        ssrc, remote = self._latch.ssrc, self.remote_address
        if ssrc is None or remote is None:
            return others
        kind = self._leaf.payload_type
        return (SourceFigures(remote, ssrc, kind, self.packets, self.payload_bytes, True), *others)

    # -- what the sockets bring

    def receive_all(self, packets: Sequence[Packet], source: Address) -> None:
        """Datagrams, or frames of a connection, that came from `source` in this order."""
        at, end = 0, len(packets)
        while at < end:
            at = self.receive_run(packets, at, source)

    def receive_run(self, packets: Sequence[Packet], at: int, source: Address) -> int:
        """The packet at `at`, and those after it that are of the same sender, if it is held.

        Returns where the first stands that was left.
        """
        held = self._held
        held_source, held_ssrc = held
        if source != held_source:
            self.receive(bytes(packets[at]), source)
            return at + 1
        now = self._now()
        leaf = self._leaf
        first, end = at, len(packets)
        while self._held is held:
            at, frames = leaf.take_run(packets, at, now)
            if frames:
                self._add(frames)
            if at == end:
                break
            data = bytes(packets[at])
            if data[8:12] != held_ssrc:
                break
            self._take(data, now)
            at += 1
            if at == end:
                break
        if at == first:
            self.receive(bytes(packets[at]), source)
            return at + 1
        self._latch.heard_s = now
        return at

    def receive(self, data: bytes, source: Address) -> None:
        """One datagram, or one frame of a connection."""
        held_source, held_ssrc = self._held
        now = self._now()
        if data[8:12] == held_ssrc and source == held_source:
            self._latch.heard_s = now
            self._take(data, now)
            return
        self._note_first(source)
        try:
            packet = parse(data, now)
        except ProtocolError:
            self.malformed += 1
            return
        if is_rtcp(data):
            self.receive_rtcp(data, source)
        else:
            self._receive_other(packet, data, source, now)

    def receive_rtcp(self, data: bytes, source: Address) -> None:
        """Sender reports of the stream's own sender; the rest is passed over."""
        held = self._latch.source
        if held is None or source[0] != held[0]:
            self.foreign += 1
            return
        try:
            reports = rtcp.parse(data)
        except ProtocolError:
            self.malformed += 1
            return
        for report in reports:
            if isinstance(report, rtcp.SenderReport) and report.ssrc == self._latch.ssrc:
                self._sender_report = (report.ntp >> 16 & 0xFFFFFFFF, self._now())
                self._rtcp_address = source

    def tolerate(self, name: str, times: int = 1) -> None:
        """Something was put up with."""
        self._tolerated[name] += times

    def refuse_connection(self, unread: Address | None = None) -> None:
        """A connection that does not count was closed.

        `unread`: what it brought is no RTP.
        """
        self.refused_connections += 1
        self.foreign += 1
        if unread is not None:
            self._note_first(unread)
            self.malformed += 1

    def admits_host(self, host: str) -> bool:
        """May `host` connect?"""
        return self._latch.admits_host(host)

    def holds(self, source: Address) -> bool:
        """Is this the source whose packets are taken?"""
        return self._latch.source == source

    def awaits(self, now: float) -> bool:
        """Would it follow another source: none is held, or the one that is fell silent?"""
        return self._latch.awaits(now)

    def overhear(self, data: bytes, source: Address) -> None:
        """The device sent a packet that may be another stream's: shown, and not taken."""
        self._note_first(source)
        self.foreign += 1
        with contextlib.suppress(ProtocolError):
            self._count_other(parse(data, self._now()), source)

    def end(self) -> None:
        """The device closed its connection, or none could be made."""
        self._begin_anew()
        self._latch.release()
        self._is_silent = False
        self._has_ended = True
        self._on_event(MediaEnded(self.stream_id))

    def report(self) -> tuple[bytes, Address] | None:
        """A receiver report when one is due, and where it goes over UDP."""
        now = self._now()
        latch = self._latch
        if now < self._report_due_s:
            return None
        self._report_due_s = now + REPORT_INTERVAL_S
        if latch.ssrc is None or latch.source is None:
            return None
        self._reports += 1
        if self._sender_report is None and self._reports == _REPORTS_WITHOUT_ONE:
            self.tolerate("no-sender-reports")
        last, at_s = self._sender_report or (0, now)
        packet = rtcp.receiver_report(
            (latch.ssrc + 1) & 0xFFFFFFFF,
            latch.ssrc,
            self._leaf.report(),
            last_sender_report=last,
            since_sender_report_s=now - at_s,
            cname=_CNAME,
        )
        return packet, self._rtcp_address or (latch.source[0], latch.source[1] + 1)

    def tick(self) -> None:
        """Lets time pass: packets given up, silences told, rates sampled."""
        now = self._now()
        frames = self._leaf.tick(now)
        if frames:
            self._add(frames)
        if now - self._rates[-1][0] >= _RATE_STEP_S:
            self._rates.append((now, self.payload_bytes, self._assembler.pictures))
        if self._latch.ssrc is None:
            return
        silent_s = now - self._latch.heard_s
        if silent_s < SILENT_AFTER_S:
            if self._is_silent or self._has_ended:
                self._is_silent = self._has_ended = False
                self._on_event(MediaResumed(self.stream_id))
        elif not self._is_silent:
            self._is_silent = True
            self._add(self._leaf.flush())
            self._on_event(MediaSilent(self.stream_id, silent_s))

    # -- the way of a packet

    def _note_first(self, source: Address) -> None:
        if FirstPacket not in self._told:
            self._tell(FirstPacket(self.stream_id, _text(source)))

    def _receive_other(self, packet: RtpPacket, data: bytes, source: Address, now: float) -> None:
        verdict = self._latch.judge(packet, data, source, now)
        if verdict in {Verdict.FOREIGN, Verdict.HELD, Verdict.SOUND}:
            self._count_other(packet, source)
        match verdict:
            case Verdict.FOREIGN:
                self.foreign += 1
            case Verdict.HELD:
                pass
            case Verdict.SOUND:
                self.tolerate("sound-beside")
                self._take_sound(packet)
            case Verdict.MOVED:
                self.tolerate("source-moved")
                self._hold()
                self._take(data, now)
            case Verdict.LATCHED:
                self._begin_anew()
                self._hold()
                self._others.pop((source, packet.ssrc, packet.payload_type), None)
                was_expected = packet.ssrc == self._latch.expected_ssrc
                if not was_expected:
                    self.tolerate("other-ssrc")
                if SsrcMatched in self._told:
                    self.tolerate("sender-replaced")
                else:
                    self._tell(SsrcMatched(self.stream_id, packet.ssrc, was_expected))
                for held, received_s in self._latch.take_released():
                    self._take(held, received_s)
                self._take(data, now)

    def _hold(self) -> None:
        """Whose packets are taken without being judged."""
        ssrc = self._latch.ssrc
        self._held = (None, b"") if ssrc is None else (self._latch.source, ssrc.to_bytes(4))

    def _count_other(self, packet: RtpPacket, source: Address) -> None:
        key = (source, packet.ssrc, packet.payload_type)
        counts = self._others.get(key)
        if counts is None:
            if len(self._others) >= _SOURCES:
                return
            counts = self._others[key] = [0, 0]
        counts[0] += 1
        counts[1] += len(packet.payload)

    def _take(self, data: bytes, now: float) -> None:
        try:
            frames = self._leaf.take(data, now)
        except ProtocolError:
            self.malformed += 1
            return
        if frames or ContainerParsed not in self._told:
            self._add(frames)

    def _take_sound(self, packet: RtpPacket) -> None:
        """G.711 of the same device with an SSRC of its own."""
        codec = PAYLOAD_TYPES[packet.payload_type]
        self._beside_packets += 1
        self._beside_bytes += len(packet.payload)
        if packet.payload:
            self._assembler.add(
                Frame(
                    codec,
                    None,
                    packet.timestamp,
                    packet.payload,
                    packet.received_s,
                    has_own_clock=True,
                )
            )

    def _begin_anew(self) -> None:
        """Another sender, or the same after a restart: nothing of the old one goes on."""
        self._add(self._leaf.begin_anew())
        self._assembler.begin_anew()
        self._sender_report = None
        self._rtcp_address = None
        self._held = (None, b"")

    def _add(self, frames: Sequence[Frame]) -> None:
        if ContainerParsed not in self._told and self._leaf.container is not None:
            self._tell(ContainerParsed(self.stream_id, self._leaf.container))
        for frame in frames:
            self._assembler.add(frame)

    def _tell(self, event: MediaEvent) -> None:
        self._told.add(type(event))
        self._on_event(event)


def _tell_first_picture(
    stream_id: StreamId, told: set[type], on_event: OnMediaEvent, video: VideoFormat
) -> None:
    told.add(FirstPicture)
    on_event(FirstPicture(stream_id, video.codec, video.width, video.height))


def _text(source: Address) -> str:
    host, port = source[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
