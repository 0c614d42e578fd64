"""Our captures in a tool that is not ours: tshark opens, dissects and sums them up."""

import json
import subprocess
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.sip_peer import SipPeer
from tests.vms.signalling.stage import DEVICE, device, keepalive, stage
from vms.server import Server

LIMIT_S = 60
CHECKED = (
    *("-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"),
    *("-o", "ip.check_checksum:TRUE"),
)
FIELDS = (
    "sip.Method",
    "sip.Status-Code",
    "sip.Call-ID",
    "sip.CSeq.method",
    "sip.auth.username",
    "sip.auth.digest.response",
    "xml.cdata",
    "_ws.malformed",
    "_ws.expert.message",
    "udp.checksum.status",
    "tcp.checksum.status",
    "ip.checksum.status",
)


def dissected(capture: bytes, port: int, folder: Path) -> list[dict[str, list[str]]]:
    """What tshark sees, packet by packet; `port` is where SIP is."""
    file = folder / "trace.pcap"
    file.write_bytes(capture)
    done = subprocess.run(
        [
            *("tshark", "-r", str(file), "-T", "json", *CHECKED),
            *("-d", f"udp.port=={port},sip", "-d", f"tcp.port=={port},sip"),
            *("-d", "media_type==application/manscdp+xml,xml"),
            *(argument for field in FIELDS for argument in ("-e", field)),
        ],
        capture_output=True,
        timeout=LIMIT_S,
        check=True,
    )
    packets: list[dict[str, Any]] = json.loads(done.stdout)
    return [packet["_source"]["layers"] for packet in packets]


async def conversation(server: Server, camera: SipPeer) -> None:
    """It registers, sends a keepalive and a catalogue that holds Chinese and a password."""
    server.explainer.watch(DEVICE, 60)
    assert (await camera.register()).status == 200
    assert (await camera.tell(keepalive())).status == 200
    items = "".join(
        f"<Item><DeviceID>3402000000132{number:07d}</DeviceID><Name>摄像机{number}</Name>"
        "<Password>canary-of-the-camera</Password></Item>"
        for number in range(40)
    )
    body = (
        '<?xml version="1.0" encoding="GB2312"?><Response><CmdType>Catalog</CmdType><SN>1</SN>'
        f"<DeviceID>{DEVICE}</DeviceID><SumNum>40</SumNum>"
        f'<DeviceList Num="40">{items}</DeviceList></Response>'
    )
    assert (await camera.tell(body)).status == 200


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_tshark_dissects_a_device_s_trace(
    tmp_path: Path, transport: Literal["UDP", "TCP"]
) -> None:
    async with stage(tmp_path) as server, device(server, transport=transport) as camera:
        await conversation(server, camera)
        capture = await server.explainer.capture(server.explainer.of_device(DEVICE))
        port = server.endpoint.address.port
        call_id = camera.call_id

    packets = dissected(capture, port, tmp_path)

    # every packet is one message, whole and right
    layer = transport.lower()
    for packet in packets:
        assert packet[f"{layer}.checksum.status"] == ["1"]
        assert packet["ip.checksum.status"] == ["1"]
        assert "_ws.malformed" not in packet
        assert "sip.Method" in packet or "sip.Status-Code" in packet
    # the dialogue is as it was
    register = [packet for packet in packets if packet["sip.Call-ID"] == [call_id]]
    assert [packet.get("sip.Method", packet.get("sip.Status-Code")) for packet in register] == [
        ["REGISTER"],
        ["401"],
        ["REGISTER"],
        ["200"],
    ]
    assert register[2]["sip.auth.username"] == [f'"{DEVICE}"']
    assert set(register[2]["sip.auth.digest.response"][0].strip('"')) == {"*"}
    # and bodies are dissected too, without their secrets
    bodies = [packet["xml.cdata"] for packet in packets if "xml.cdata" in packet]
    assert any("Keepalive" in body for body in bodies)
    [catalogue] = [body for body in bodies if "Catalog" in body]
    assert catalogue.count("*" * len("canary-of-the-camera")) == 40
    assert b"canary" not in capture


async def test_tshark_reassembles_a_message_of_several_segments(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server, transport="TCP") as camera:
        assert (await camera.register()).status == 200
        padding = "<Item><DeviceID>34020000001320000001</DeviceID></Item>" * 2500
        body = (
            '<?xml version="1.0"?><Response><CmdType>Catalog</CmdType><SN>1</SN>'
            f"<DeviceID>{DEVICE}</DeviceID><SumNum>2500</SumNum>"
            f'<DeviceList Num="2500">{padding}</DeviceList></Response>'
        )
        assert (await camera.tell(body)).status == 200
        capture = await server.explainer.capture(server.explainer.of_device(DEVICE))
        port = server.endpoint.address.port

    packets = dissected(capture, port, tmp_path)

    assert len(capture) > 100_000
    messages = [packet for packet in packets if packet.get("sip.Method") == ["MESSAGE"]]
    assert any("Catalog" in packet.get("xml.cdata", ()) for packet in messages)
    assert not any("_ws.malformed" in packet for packet in packets)
