"""A capture through the real cores: what is printed for each packet, and that nothing breaks it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from media.ps.mux import PsMuxer
from media.rtp.packet import packetise
from media.unit import Codec
from tests.media.ps.streams import KEY, SLICE
from vms.cli import app
from vms.diagnosis import pcap
from vms.diagnosis.replay import Replay

SERVER, CAMERA = ("192.0.2.1", 5060), ("192.0.2.7", 5060)
OURS, THEIRS = "34020000002000000001", "34020000001320000001"
SSRC = 200_000_001


def head(
    start: str, method: str, call_id: str, *, of: str, body: str = "", more: str = ""
) -> bytes:
    to = THEIRS if of == OURS else OURS
    return (
        f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK{call_id}{method}\r\n"
        f"From: <sip:{of}@3402000000>;tag=1\r\nTo: <sip:{to}@3402000000>;tag=2\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def session(host: str, port: int, direction: str) -> str:
    return (
        f"v=0\r\no={OURS} 0 0 IN IP4 {host}\r\ns=Play\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=video {port} RTP/AVP 96\r\na={direction}\r\na=rtpmap:96 PS/90000\r\ny={SSRC:010d}\r\n"
    )


def rtp() -> list[bytes]:
    muxer = PsMuxer(Codec.H264)
    out: list[bytes] = []
    for number in range(4):
        pack = muxer.picture(SLICE if number else KEY, number * 3600, is_key=not number)
        out += packetise(
            pack,
            payload_type=96,
            sequence=len(out),
            timestamp=number * 3600,
            ssrc=SSRC,
            payload_limit=1400,
        )
    return out


def from_camera(at_s: float, payload: bytes, *, is_tcp: bool = False) -> pcap.Packet:
    return pcap.Packet(at_s, CAMERA, SERVER, is_tcp, payload)


def from_server(at_s: float, payload: bytes, *, is_tcp: bool = False) -> pcap.Packet:
    return pcap.Packet(at_s, SERVER, CAMERA, is_tcp, payload)


def life(*, is_tcp: bool = False) -> list[pcap.Packet]:
    """It registers, lives, plays, and falls silent."""
    keepalive = (
        '<?xml version="1.0"?><Notify><CmdType>Keepalive</CmdType><SN>1</SN>'
        f"<DeviceID>{THEIRS}</DeviceID><Status>OK</Status></Notify>"
    )
    register = head(f"REGISTER sip:{OURS}@x SIP/2.0", "REGISTER", "reg", of=THEIRS)
    welcome = head("SIP/2.0 200 OK", "REGISTER", "reg", of=THEIRS, more="Expires: 3600\r\n")
    beat = head(f"MESSAGE sip:{OURS}@x SIP/2.0", "MESSAGE", "beat", of=THEIRS, body=keepalive)
    offer = session("192.0.2.1", 30000, "recvonly")
    invite = head(f"INVITE sip:{THEIRS}@x SIP/2.0", "INVITE", "play", of=OURS, body=offer)
    answer = session("192.0.2.7", 15060, "sendonly")
    accepted = head("SIP/2.0 200 OK", "INVITE", "play", of=OURS, body=answer)
    bye = head(f"BYE sip:{THEIRS}@x SIP/2.0", "BYE", "play", of=OURS)
    done = head("SIP/2.0 200 OK", "BYE", "play", of=OURS)
    media = [
        pcap.Packet(4.0, ("192.0.2.7", 15060), ("192.0.2.1", 30000), False, each) for each in rtp()
    ]
    return [
        from_camera(1.0, register, is_tcp=is_tcp),
        from_server(1.1, welcome, is_tcp=is_tcp),
        from_camera(2.0, beat, is_tcp=is_tcp),
        from_server(3.0, invite, is_tcp=is_tcp),
        from_camera(3.1, accepted, is_tcp=is_tcp),
        *media,
        from_server(5.0, bye, is_tcp=is_tcp),
        from_camera(5.1, done, is_tcp=is_tcp),
        from_server(500.0, b"\r\n"),
    ]


@pytest.mark.parametrize("is_tcp", [False, True])
def test_a_life_is_told_message_by_message_with_its_transitions(is_tcp: bool) -> None:
    lines = "\n".join(Replay().lines(pcap.read(pcap.write(life(is_tcp=is_tcp)))))

    told_in_order = [
        f"192.0.2.7:5060 > 192.0.2.1:5060 {'TCP' if is_tcp else 'UDP'}  REGISTER",
        f"{THEIRS}: CameOnline",
        "MESSAGE Keepalive",
        "Keepalive(",
        "call play: inviting",
        "call play: inviting -> awaiting_media by answered",
        "FirstPacket(",
        "SsrcMatched(",
        "ContainerParsed(",
        "FirstPicture(",
        "call play: awaiting_media -> streaming by first_picture",
        "call play: streaming -> closing by stopped",
        "call play: closing -> closed by ended",
        f"{THEIRS}: WentOffline",
        "at the end: call play is closed",
    ]
    place = 0
    for words in told_in_order:
        place = lines.index(words, place)


def test_the_command_prints_it(tmp_path: Path) -> None:
    file = tmp_path / "life.pcap"
    file.write_bytes(pcap.write(life()))

    told = CliRunner().invoke(app, ["replay", str(file), "--server", "192.0.2.1:5060"])
    assert told.exit_code == 0
    assert "FirstPicture" in told.stdout

    file.write_bytes(b"no capture" * 10)
    refused = CliRunner().invoke(app, ["replay", str(file)])
    assert refused.exit_code != 0
    assert "no pcap" in refused.output


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_in_a_capture_is_told_and_breaks_nothing(data: st.DataObject) -> None:
    is_tcp = data.draw(st.booleans())
    packets = life(is_tcp=is_tcp)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(packets) - 1))
        payload = bytearray(packets[place].payload)
        if payload:
            payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
        packets[place] = packets[place]._replace(payload=bytes(payload))

    assert list(Replay().lines(pcap.read(pcap.write(packets))))


def test_messages_are_numbered_so_that_one_can_be_cut_out() -> None:
    seen: dict[int, bytes] = {}

    lines = list(Replay(on_message=seen.__setitem__).lines(life()))

    assert sum(line.startswith("#") for line in lines) == len(seen) == 7
    assert b"<CmdType>Keepalive</CmdType>" in seen[3]
