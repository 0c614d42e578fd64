"""RTSP as a client of bytes sees it: the order of things, refusals, who is slow, who is silent."""

import asyncio
import socket
import struct

import pytest

from media.door import Admission, MediaError, ViewerId, WorkerPorts
from media.unit import Codec
from tests.media.rtsp.site import GOOD, PATH, STREAM, connect, open_site
from tests.support.clock import FakeClock
from tests.support.faults import fail, told_to_loop
from tests.support.units import tone_units, video_units
from tests.support.waiting import until

INTERLEAVED = "RTP/AVP/TCP;unicast;interleaved=0-1"


async def test_a_viewer_gets_the_description_the_answer_and_then_the_packets_it_was_told() -> None:
    async with open_site() as site, connect(site) as client:
        site.know_sound(Codec.PCMA)
        units = video_units(Codec.H264, 5, group=5)
        site.show(units[:4])

        described = await client.ask("DESCRIBE", site.url(), "Accept: application/sdp")
        assert described.headers["content-type"] == "application/sdp"
        assert described.headers["content-base"] == site.url(f"{PATH}/")
        assert "a=rtpmap:96 H264/90000" in described.body
        assert "m=audio 0 RTP/AVP 8" in described.body
        pictures = await client.ask(
            "SETUP", site.url(f"{PATH}/trackID=0"), f"Transport: {INTERLEAVED}"
        )
        assert pictures.headers["transport"].startswith("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=")
        assert pictures.headers["session"].endswith(";timeout=60")
        sound = await client.ask("SETUP", site.url(f"{PATH}/trackID=1"), "Transport: RTP/AVP/TCP")
        assert "interleaved=2-3" in sound.headers["transport"]
        assert site.joined == []

        played = await client.ask("PLAY", site.url(f"{PATH}/"))
        info = dict(
            part.split("=", 1) for part in played.headers["rtp-info"].split(",")[0].split(";")
        )
        channel, first = await client.frame()
        assert channel == 0
        assert first[2:4] == int(info["seq"]).to_bytes(2)
        assert first[4:8] == int(info["rtptime"]).to_bytes(4)
        assert (await client.frame())[1][1] == 200
        assert [viewer.viewer_id for viewer in site.joined] == ["viewer-1"]

        site.show(tone_units(Codec.PCMA, 0.1)[:1])
        while (await client.frame())[0] != 2:
            pass
        assert (await client.ask("PAUSE", site.url(PATH))).status == 200
        site.show(units[4:])
        assert (await client.ask("TEARDOWN", site.url(PATH))).status == 200
        assert site.left == ["left"]
        assert site.output.viewer_count == 0


async def test_requests_byte_by_byte_and_many_at_once_are_answered_in_their_order() -> None:
    async with open_site() as site, connect(site) as client:
        site.show(video_units(Codec.H264, 1))
        requests = "".join(
            f"{method} {site.url()} RTSP/1.0\r\nCSeq: {number}\r\n\r\n"
            for number, method in enumerate(("OPTIONS", "DESCRIBE", "GET_PARAMETER"), 1)
        ).encode()
        for byte in requests:
            client.writer.write(bytes((byte,)))
        client.writer.write(requests)

        answers = [await client.answer() for _ in range(6)]

        assert [answer.headers["cseq"] for answer in answers] == ["1", "2", "3"] * 2
        assert {answer.status for answer in answers} == {200}


async def test_what_cannot_be_done_is_refused_by_its_own_status() -> None:
    async with open_site() as site, connect(site) as client:
        site.show(video_units(Codec.H264, 1))
        site.admissions = {
            "full": MediaError(MediaError.TOO_MANY, "full"),
            "dark": MediaError(MediaError.NO_PICTURE, "dark"),
            "gone": Admission(STREAM, ViewerId("x"), WorkerPorts(1, 1, 2, 8_555), "next one"),
        }
        refused = {
            status: (await client.ask(method, site.url(path), *lines)).status
            for status, method, path, *lines in (
                (403, "DESCRIBE", PATH),
                (404, "DESCRIBE", f"/elsewhere?token={GOOD}"),
                (503, "DESCRIBE", f"{PATH}?token=full"),
                (504, "DESCRIBE", f"{PATH}?token=dark"),
                (455, "SETUP", f"{PATH}/trackID=0", f"Transport: {INTERLEAVED}"),
                (454, "PLAY", PATH, "Session: 1234"),
                (501, "DESTROY", PATH),
                (405, "ANNOUNCE", PATH),
                (551, "OPTIONS", PATH, "Require: implicit-play"),
            )
        }
        assert all(wanted == status for wanted, status in refused.items()), refused
        assert (await client.ask("DESCRIBE", site.url(f"{PATH}?token=bad"))).status == 403
        assert (await client.ask("SET_PARAMETER", site.url(), body="volume: 3\r\n")).status == 451
        moved = await client.ask("DESCRIBE", site.url(f"{PATH}?token=gone"))
        assert moved.status == 302
        assert moved.headers["location"] == f"rtsp://127.0.0.1:8555{PATH}?token=next%20one"

        assert (await client.ask("DESCRIBE", site.url())).status == 200
        url = site.url(f"{PATH}/trackID=0")
        multicast = await client.ask("SETUP", url, "Transport: RTP/AVP;multicast")
        assert multicast.status == 461
        nowhere = site.url(f"{PATH}/trackID=7")
        assert (await client.ask("SETUP", nowhere, f"Transport: {INTERLEAVED}")).status == 404
        client.writer.write(b"OPTIONS * RTSP/2.0\r\nCSeq: 90\r\n\r\n")
        assert (await client.answer()).status == 505


@pytest.mark.parametrize(
    "data",
    [b"\x00" * 100 + b"\r\n\r\n", b"A" * 20_000, b"OPTIONS * RTSP/1.0\r\n\r\n"],
    ids=["binary", "endless", "unnumbered"],
)
async def test_who_talks_nonsense_is_told_and_hung_up_on(data: bytes) -> None:
    async with open_site() as site, connect(site) as client:
        client.writer.write(data)

        assert (await client.answer()).status == 400
        assert await client.reader.read() == b""


async def test_who_does_not_read_loses_pictures_up_to_a_key_picture_and_no_one_else_does() -> None:
    async with open_site() as site, connect(site) as slow, connect(site) as quick:
        units = video_units(Codec.H264, 75, width=1_280, height=720, group=25, noise=True)
        site.show(units[:1])
        for client in (slow, quick):
            await client.set_up(site, INTERLEAVED)
            assert (await client.ask("PLAY", site.url(PATH))).status == 200

        async def read() -> None:
            while await quick.reader.read(2**20):
                pass

        reading = asyncio.create_task(read())
        for unit in units[1:]:
            site.show([unit])
            await asyncio.sleep(0)
        await until(lambda: len(site.output.figures(STREAM)) == 2)
        lost = {viewer.viewer_id: viewer.pictures_dropped for viewer in site.output.figures(STREAM)}

        assert lost[ViewerId("viewer-1")] > 10
        assert lost[ViewerId("viewer-1")] > lost[ViewerId("viewer-2")]
        site.output.leave(ViewerId("viewer-2"), "disconnected")
        await reading
        assert site.left == ["disconnected"]


def datagrams() -> socket.socket:
    """A socket of the viewer's."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(10)
    return made


async def test_datagrams_go_to_the_asker_alone_and_its_reports_are_heard() -> None:
    async with open_site() as site, connect(site) as client:
        site.show(video_units(Codec.H264, 3))
        with datagrams() as pictures, datagrams() as control:
            ports = f"{pictures.getsockname()[1]}-{control.getsockname()[1]}"
            await client.set_up(site, f"RTP/AVP;unicast;destination=192.0.2.1;client_port={ports}")
            await client.ask("PLAY", site.url(PATH))

            packet = await asyncio.to_thread(pictures.recv, 2_048)
            report, sender = await asyncio.to_thread(control.recvfrom, 2_048)
            assert packet[:2] in {b"\x80\x60", b"\x80\xe0"}
            assert report[1] == 200
            ssrc = packet[8:12]
            # A quarter of the packets is missing (RFC 3550, 6.4.2).
            block = ssrc + struct.pack("!IIIII", 64 << 24, 0, 0, 0, 0)
            control.sendto(bytes.fromhex("81c9000700000001") + block, sender)
            await until(lambda: site.output.figures(STREAM)[0].lost_percent == 25.0)


async def test_who_plays_and_pauses_without_end_piles_nothing_up() -> None:
    clock = FakeClock()
    async with open_site(clock.monotonic) as site, connect(site) as client:
        site.show(video_units(Codec.H264, 5, group=5))
        ports = "RTP/AVP;unicast;client_port=40000-40001"
        await client.set_up(site, ports)
        first = site.url(f"{PATH}/trackID=0")
        again = [await client.ask("SETUP", first, f"Transport: {ports}") for _ in range(8)]
        await client.ask("PLAY", site.url(PATH))
        begun = site.output.figures(STREAM)[0].packets_sent
        for _ in range(20):
            assert (await client.ask("PAUSE", site.url(PATH))).status == 200
            assert (await client.ask("PLAY", site.url(PATH))).status == 200
        at_once = site.output.figures(STREAM)[0].packets_sent

        clock.advance(5.0)
        await client.ask("PAUSE", site.url(PATH))
        await client.ask("PLAY", site.url(PATH))
        later = site.output.figures(STREAM)[0].packets_sent

    assert begun >= 5
    assert (at_once, later) == (begun, 2 * begun)
    assert [answer.status for answer in again] == [200] * 7 + [461]


async def test_a_viewer_by_datagrams_that_says_nothing_is_gone_after_its_session_ends() -> None:
    clock = FakeClock()
    async with open_site(clock.monotonic) as site, connect(site) as client:
        site.show(video_units(Codec.H264, 1))
        await client.set_up(site, "RTP/AVP;unicast;client_port=40000-40001")
        await client.ask("PLAY", site.url(PATH))

        clock.advance(80.0)

        await until(lambda: site.left == ["timeout"])


async def test_a_camera_that_changes_its_coding_ends_its_viewers_and_new_ones_are_told() -> None:
    async with open_site() as site:
        site.show(video_units(Codec.H264, 2))
        async with connect(site) as client:
            await client.set_up(site, INTERLEAVED)
            await client.ask("PLAY", site.url(PATH))
            site.show(video_units(Codec.H265, 1))
            await until(lambda: site.left == ["coding_changed"])
        async with connect(site) as client:
            described = await client.ask("DESCRIBE", site.url())
            assert "a=rtpmap:96 H265/90000" in described.body
            site.hub.close()
            await until(lambda: site.left == ["coding_changed", "stream_closed"])


async def test_a_viewer_that_our_own_fault_kept_from_beginning_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = told_to_loop()
    async with open_site() as site, connect(site) as client:
        monkeypatch.setattr(site, "variants", fail)
        client.send("DESCRIBE", site.url())
        end = await client.reader.read()

    assert end == b""
    assert site.left == ["failed"]
    assert site.output.viewer_count == 0
    assert [context["message"] for context in told] == ["answering a viewer failed"]
