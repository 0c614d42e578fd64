"""What is fuzzed: each place where bytes of a stranger become values.

A target takes any bytes and returns, or raises the `ProtocolError` of its package; everything else
it raises is a defect. `seeds` are files it starts from.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from media.assembly import Assembler
from media.codecs import annexb
from media.codecs.splitter import PictureSplitter
from media.errors import ProtocolError as MediaError
from media.http.request import RequestReader as HttpReader
from media.http.routes import route, wanted_of
from media.http.websocket import WebSocket, handshake
from media.hub import Hub
from media.outputs.configs import Config
from media.outputs.flv import FlvPacker
from media.outputs.fmp4 import Fmp4Packer
from media.outputs.samples import Sampler
from media.outputs.webrtc_offer import parse_fragment, parse_offer
from media.outputs.webrtc_rtcp import parse_feedback
from media.outputs.webrtc_sdp import LocalDescription, build_answer, choose
from media.outputs.webrtc_stun import parse_binding_request
from media.outputs.webrtc_tcp import Frames
from media.ps.demux import PsDemuxer
from media.rtp.depacketise import ElementaryDepacketiser
from media.rtp.framing import Deframer
from media.rtp.packet import parse as parse_rtp
from media.rtsp.request import Request as RtspRequest
from media.rtsp.request import RequestReader
from media.rtsp.transport import parse_transport
from media.rtsp.urls import path_and_token
from media.ts.demux import TsDemuxer
from media.unit import AccessUnit, Codec
from media.unpacker import Unpacker
from sip.agent import Agent
from sip.digest import parse_challenge, parse_credentials
from sip.effects import ClientKey, Deliver, Send
from sip.errors import ProtocolError as SipError
from sip.headers import CSeq, NameAddr, Via
from sip.message import Address, Flow, Request, response_to
from sip.parser import parse_message
from sip.plain import PlainMessages
from sip.plain_register import PlainRegister, PlainRegisters
from sip.plain_response import read_plain_response
from sip.stream import StreamFramer
from sip.uri import SipUri
from vms.gb28181 import sdp
from vms.gb28181.errors import ProtocolError as StandardError
from vms.gb28181.manscdp.again import Known
from vms.gb28181.manscdp.codec import Decoded, decode, encode
from vms.gb28181.manscdp.messages import Unknown
from vms.gb28181.version import Edition

TESTS = Path(__file__).parent.parent
CORPUS = Path(__file__).parent / "corpus"
FLOW = Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.2", 5060))
OURS = LocalDescription(
    session_id=1,
    ice_ufrag="0123456789abcdef",
    ice_pwd="0123456789abcdef0123456789abcdef",
    fingerprint=":".join(["AB"] * 32),
    candidates=[("192.0.2.1", 8189)],
    video_ssrc=1,
    rtx_ssrc=2,
    audio_ssrc=3,
    stream_name="camera",
)
_TAG_OF_TO = re.compile(rb"(\r\nTo: [^\r]*;tag=)[0-9a-z]+(?=\r\n)")

PIECES = 16
"""A stream is cut in so many pieces at most, where its own bytes say."""


@dataclass(frozen=True, slots=True)
class Target:
    """One fuzzed entrance: `run` on any bytes, the packages to instrument, files to begin with."""

    name: str
    run: Callable[[bytes], None]
    packages: tuple[str, ...]
    seed_patterns: tuple[str, ...] = ()

    def seeds(self) -> Iterator[Path]:
        """Files to begin with, and every input that once found a defect."""
        for pattern in self.seed_patterns:
            yield from sorted(TESTS.glob(pattern))
        yield from sorted((CORPUS / self.name).glob("*"))


def sip_message(data: bytes) -> None:
    """A datagram: read, every typed header asked for, written, read again."""
    with contextlib.suppress(SipError):
        message = parse_message(data)
        for read in (
            lambda: message.call_id,
            lambda: message.cseq,
            lambda: message.from_,
            lambda: message.to,
            lambda: message.top_via,
            lambda: message.contact,
            lambda: message.expires,
            lambda: message.content_type,
        ):
            with contextlib.suppress(SipError):
                read()
        if parse_message(message.to_bytes()).body != message.body:
            raise AssertionError("a message that is written is read with another body")


def sip_headers(data: bytes) -> None:
    """The grammars inside header lines."""
    text = data.decode("utf-8", "surrogateescape")
    readers: tuple[Callable[[str], object], ...] = (
        SipUri.parse,
        NameAddr.parse,
        Via.parse,
        CSeq.parse,
        lambda line: parse_credentials(f"Digest {line}"),
        lambda line: parse_challenge(f"Digest {line}"),
    )
    for read in readers:
        with contextlib.suppress(SipError):
            read(text)


def sip_agent(data: bytes) -> None:
    """A conversation: messages one after the other into the core, then all its timers."""
    agent = Agent(lambda: "t")
    now = 0.0
    for piece in data.split(b"\n---\n")[:PIECES]:
        with contextlib.suppress(SipError):
            message = parse_message(piece)
            agent.receive(message, FLOW, now)
            if isinstance(message, Request):
                response_to(message, 200).to_bytes()
        now += 0.1
    for _ in range(64):
        if agent.deadline is None:
            return
        now = max(now, agent.deadline) + 40.0
        agent.tick(now)
    raise AssertionError("timers that never end")


def sip_stream(data: bytes) -> None:
    """A connection, cut where the first bytes say; however it is cut, the same messages."""
    cuts, stream = data[:PIECES], data[PIECES:]
    whole = _framed([stream])
    pieces: list[bytes] = []
    for size in cuts:
        pieces.append(stream[:size])
        stream = stream[size:]
    cut = _framed([*pieces, stream])
    # A stream that is given up may have shown fewer of its messages when it came at one stretch.
    if None not in (whole, cut) and whole != cut:
        raise AssertionError("the cut of a stream changes its messages")


def _framed(pieces: list[bytes]) -> list[bytes] | None:
    framer = StreamFramer()
    frames: list[bytes] = []
    try:
        for piece in pieces:
            frames += framer.feed(piece)
    except SipError:
        return None
    for frame in frames:
        with contextlib.suppress(SipError):
            parse_message(frame)
    return frames


def sip_plain(data: bytes) -> None:
    """A datagram of a usual shape: what a short way takes, the general way reads, and says the
    same to."""
    said: list[bytes] = []

    def answered(answer: bytes, *_: object) -> None:
        said.append(answer)

    def heard(*_: object) -> None:
        """Copies are of no interest."""

    def registered(register: PlainRegister) -> None:
        register.respond(200, None, ())

    PlainRegisters(registered, _yes, heard, answered).takes(data, FLOW, 0.0)
    answer = PlainMessages(_yes, _no, _yes).answer(data, FLOW, 0.0)
    if answer is not None:
        answered(answer)
    for each in said:
        if _TAG_OF_TO.sub(rb"\1", each) != _TAG_OF_TO.sub(rb"\1", _answered_in_general(data)):
            raise AssertionError("the short way answers otherwise")
    response = read_plain_response(data)
    if response is not None:
        read = parse_message(data)
        is_same = (response.response, response.response.headers) == (read, read.headers)
        if not is_same or response.key != ClientKey(read.top_via.branch, read.cseq.method):
            raise AssertionError("the short way reads another response")


def _yes(*_: object) -> bool:
    return True


def _no(*_: object) -> bool:
    return False


def _answered_in_general(data: bytes) -> bytes:
    agent = Agent(lambda: "0123456789abcdef")
    match agent.receive(parse_message(data), FLOW, 0.0):
        case [Deliver(key=key, request=request)]:
            effects = agent.respond(key, response_to(request, 200), 0.0)
            return b"".join(effect.data for effect in effects if isinstance(effect, Send))
        case others:
            raise AssertionError(f"the general way delivers nothing: {others}")


def sdp_body(data: bytes) -> None:
    """Offers and answers."""
    for read in (sdp.parse_offer, sdp.parse_answer):
        with contextlib.suppress(StandardError):
            read(data)


def manscdp_body(data: bytes) -> None:
    """A body: read, written for each edition, read again as the same kind of message."""
    with contextlib.suppress(StandardError):
        message = decode(data).message
        if isinstance(message, Unknown):
            return
        for edition in Edition:
            try:
                written = encode(message, edition)
            except StandardError:
                continue  # that edition has no form for it
            again = decode(written).message
            if type(again) is not type(message):
                raise AssertionError(f"{type(message).__name__} became {type(again).__name__}")


def catalogue_part(data: bytes) -> None:
    """A part of a catalogue, read whole and in moulds: the same, or refused both ways."""
    whole, *cast = [_read_part(data, known) for known in (None, _nobody, _nobody)]
    if any(each != whole for each in cast):
        raise AssertionError("a mould says something else")


def _read_part(data: bytes, known: Known | None) -> Decoded | str:
    try:
        return decode(data, known)
    except StandardError as error:
        return str(error)


def _nobody(_: str) -> None:
    """Nothing is on file."""


def rtp_packet(data: bytes) -> None:
    """One RTP packet."""
    with contextlib.suppress(MediaError):
        parse_rtp(data, 0.0)


def rtp_framing(data: bytes) -> None:
    """RTP over a connection, cut where the first bytes say."""
    deframer = Deframer()
    cuts, stream = data[:PIECES], data[PIECES:]
    with contextlib.suppress(MediaError):
        for size in cuts:
            deframer.feed(stream[:size])
            stream = stream[size:]
        deframer.feed(stream)


def ps_stream(data: bytes) -> None:
    """A program stream in packets of the size its first byte says."""
    demuxer = PsDemuxer()
    size = data[0] + 1 if data else 1
    with contextlib.suppress(MediaError):
        for at in range(1, len(data), size):
            demuxer.feed(data[at : at + size], at, data[at] & 1 == 1, 0.0)


def rtsp_stream(data: bytes) -> None:
    """A viewer's connection, cut where the first bytes say; its ways are understood or refused."""
    reader = RequestReader()
    cuts, stream = data[:PIECES], data[PIECES:]
    with contextlib.suppress(MediaError):
        for size in (*cuts, len(stream)):
            reader.feed(stream[:size])
            stream = stream[size:]
            while (found := reader.next()) is not None:
                if isinstance(found, RtspRequest):
                    parse_transport(found.headers.get("transport", ""), 0)
                    path_and_token(found.url)


def http_request(data: bytes) -> None:
    """A connection of a viewer, cut where the first bytes say: each request routed and answered."""
    cuts, stream = data[:PIECES], data[PIECES:]
    reader = HttpReader()
    with contextlib.suppress(MediaError):
        for size in (*cuts, len(stream)):
            reader.feed(stream[:size])
            stream = stream[size:]
            while (request := reader.next()) is not None:
                route(request)
                wanted_of(request)
                with contextlib.suppress(MediaError):
                    handshake(request)
                reader.answer(200, (), b"ab")
                if not reader.keeps_open:
                    return


def websocket_frames(data: bytes) -> None:
    """What a viewer sends over a WebSocket, cut where the first bytes say."""
    cuts, stream = data[:PIECES], data[PIECES:]
    websocket = WebSocket()
    for size in (*cuts, len(stream)):
        websocket.feed(stream[:size])
        stream = stream[size:]
    websocket.close(1000, "over")


def samples(data: bytes) -> None:
    """Pictures and sound as FLV and fMP4 hold them; the first byte says which, the rest is it."""
    codec = (Codec.H264, Codec.H265, Codec.AAC)[data[0] % 3] if data else Codec.H264
    unit = AccessUnit(codec, 0, data[1:], codec.is_video, 0.0)
    sampler = Sampler(lambda: 0.0)
    if codec is Codec.AAC:
        sampler.sound(unit)
        return
    made = sampler.picture(unit)
    if made is None or sampler.video is None:
        return
    for packer in (FlvPacker(), Fmp4Packer()):
        packer.configure(Config(sampler.video, sampler.audio))
        packer.pack([made])


def stun_check(data: bytes) -> None:
    """A viewer's connectivity check, up to the one HMAC a stranger may cost."""
    with contextlib.suppress(MediaError):
        parse_binding_request(data).is_sealed_by("0123456789abcdef")


def webrtc_offer(data: bytes) -> None:
    """What a viewer posts: an offer that is taken up is answered, and the answer is one line each.

    The same bytes as a fragment of a trickle.
    """
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(MediaError):
        offer = parse_offer(text)
        answer = build_answer(offer, choose(offer), OURS)
        if any(line[1:2] != "=" for line in answer.split("\r\n")[:-1]):
            raise AssertionError("an offer wrote lines of its own into the answer")
    with contextlib.suppress(MediaError):
        parse_fragment(text)


def webrtc_feedback(data: bytes) -> None:
    """A viewer's RTCP."""
    with contextlib.suppress(MediaError):
        parse_feedback(data)


def ice_tcp(data: bytes) -> None:
    """A viewer's connection, cut where the first bytes say; however it is cut, the same frames."""
    cuts, stream = data[:PIECES], data[PIECES:]
    pieces: list[bytes] = []
    rest = stream
    for size in cuts:
        pieces.append(rest[:size])
        rest = rest[size:]
    if _frames_of([stream]) != _frames_of([*pieces, rest]):
        raise AssertionError("the cut of a connection changes its frames")


def _frames_of(pieces: list[bytes]) -> list[bytes] | None:
    frames = Frames()
    try:
        return [frame for piece in pieces for frame in frames.feed(piece)]
    except MediaError:
        return None


def ts_stream(data: bytes) -> None:
    """A transport stream in packets of the size its first byte says."""
    demuxer = TsDemuxer()
    size = data[0] + 1 if data else 1
    with contextlib.suppress(MediaError):
        for at in range(1, len(data), size):
            demuxer.feed(data[at : at + size], at, data[at] & 1 == 1, 0.0)
            if data[at] == 0xFF:
                demuxer.lose()
        demuxer.flush()


def rtp_stream(data: bytes) -> None:
    """Packets of one sender, each behind its length, out of order too, up to access units."""
    hub = Hub(lambda: 0.0)
    assembler = Assembler(hub, lambda _: None)
    leaf = Unpacker(may_disorder=bool(data[:1] and data[0] & 1))
    at = 1
    now = 0.0
    while at + 1 < len(data):
        end = at + 1 + data[at]
        packet = memoryview(data)[at + 1 : end]
        with contextlib.suppress(MediaError):
            taken, frames = leaf.take_run((packet,), 0, now)
            for frame in frames if taken else leaf.take(bytes(packet), now):
                assembler.add(frame)
        at = end
        now += 0.05
    for frame in (*leaf.tick(now), *leaf.begin_anew()):
        assembler.add(frame)


def nal_units(data: bytes) -> None:
    """A byte stream of NAL units, and the same as RTP payloads of the size its first byte says."""
    size = data[0] + 1 if data else 1
    for codec in (Codec.H264, Codec.H265):
        stream = data[1:]
        annexb.content(codec, stream)
        annexb.guess_codec(stream)
        with contextlib.suppress(MediaError):
            annexb.video_format(codec, annexb.parameter_sets(codec, stream))
        splitter = PictureSplitter(codec)
        depacketiser = ElementaryDepacketiser(codec)
        for at in range(0, len(stream), size):
            piece = stream[at : at + size]
            splitter.feed(piece, at)
            depacketiser.feed(piece, at, piece[0] & 1 == 1, 0.0)
        splitter.flush()
        depacketiser.flush()


TARGETS = {
    target.name: target
    for target in (
        Target("sip_message", sip_message, ("sip",), ("torture/*valid/*.sip",)),
        Target("sip_headers", sip_headers, ("sip",), ("torture/*valid/*.sip",)),
        Target("sip_agent", sip_agent, ("sip",), ("torture/*valid/*.sip",)),
        Target("sip_plain", sip_plain, ("sip",)),
        Target("sip_stream", sip_stream, ("sip",), ("torture/*valid/*.sip",)),
        Target("sdp_body", sdp_body, ("vms.gb28181",)),
        Target("manscdp_body", manscdp_body, ("vms.gb28181",), ("captures/manscdp/*.xml",)),
        Target("catalogue_part", catalogue_part, ("vms.gb28181",)),
        Target("rtp_packet", rtp_packet, ("media.rtp",)),
        Target("rtp_framing", rtp_framing, ("media.rtp",)),
        Target("rtsp_stream", rtsp_stream, ("media.rtsp",)),
        Target("stun_check", stun_check, ("media.outputs",)),
        Target("webrtc_offer", webrtc_offer, ("media.outputs",)),
        Target("webrtc_feedback", webrtc_feedback, ("media.outputs",)),
        Target("ice_tcp", ice_tcp, ("media.outputs",)),
        Target("ps_stream", ps_stream, ("media.ps", "media.codecs")),
        Target("ts_stream", ts_stream, ("media.ts", "media.codecs")),
        Target("rtp_stream", rtp_stream, ("media",)),
        Target("nal_units", nal_units, ("media.codecs", "media.rtp")),
        Target("http_request", http_request, ("media.http",)),
        Target("websocket_frames", websocket_frames, ("media.http",)),
        Target("samples", samples, ("media.outputs", "media.codecs")),
    )
}
