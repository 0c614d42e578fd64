"""Viewers by real sockets: who is let in, what is refused and how, who gives way."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from media.door import Admission, Form, MediaError, ViewerId, WorkerPorts
from media.http.connection import KEEP_ALIVE_S, REQUEST_LIMIT_S
from media.outputs.hls_audience import POLL_LIMIT_S
from media.unit import AccessUnit, Codec
from tests.support.clock import FakeClock
from tests.support.faults import fail, told_to_loop
from tests.support.http_site import CAMERA, GOOD, STREAM, Client, Site, connect, open_site
from tests.support.units import video_units
from tests.support.waiting import until
from vms.certificates import self_signed

KEY, OTHER = video_units(Codec.H264, 2)
"""A key picture with its parameter sets, and one that builds on it."""

[SMALL_KEY] = video_units(Codec.H264, 1, width=240, height=144)

LARGE_BYTES = 40_000


def pictures(count: int, group: int, first: int = 0) -> Iterator[AccessUnit]:
    """Large pictures at 25 a second that nobody has to decode, a key picture every `group`."""
    for number in range(first, first + count):
        like = KEY if number % group == 0 else OTHER
        data = like.data + bytes([0x55]) * LARGE_BYTES
        yield AccessUnit(Codec.H264, number * 3_600, data, like.is_key, 0.0)


def tags(data: bytes) -> list[tuple[int, int, bytes]]:
    """(kind, milliseconds, body) of the whole tags in an FLV file."""
    found: list[tuple[int, int, bytes]] = []
    at = 13
    while at + 15 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4])
        if at + 15 + size > len(data):
            break
        moment = data[at + 7] << 24 | int.from_bytes(data[at + 4 : at + 7])
        found.append((data[at], moment, data[at + 11 : at + 11 + size]))
        at += 15 + size
    return found


def coded(data: bytes) -> list[tuple[int, bool]]:
    """(milliseconds, is a key picture) of the pictures in an FLV file."""
    return [(at, body[0] == 0x17) for kind, at, body in tags(data) if kind == 9 and body[1] == 1]


async def test_every_answer_may_be_read_by_any_page() -> None:
    async with open_site() as site, connect(site) as client:
        preflight = await client.ask(site.target(".flv"), method="OPTIONS")
        missing = await client.ask("/elsewhere")
        looked_at = await client.ask(site.target(".flv"), method="HEAD")

    assert preflight.status == 204
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert (missing.status, looked_at.status) == (404, 200)
    assert looked_at.headers["content-type"] == "video/x-flv"
    for answer in (preflight, missing, looked_at):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert site.asked == []


async def test_without_a_token_that_is_good_nobody_sees_anything() -> None:
    async with open_site() as site, connect(site) as client:
        site.admissions["full"] = MediaError(MediaError.TOO_MANY, "no more")
        site.admissions["dark"] = MediaError(MediaError.NO_PICTURE, "none came")
        statuses = [
            (await client.ask(f"{CAMERA}.flv")).status,
            (await client.ask(site.target(".flv", "bad"))).status,
            (await client.ask(site.target("/index.m3u8", "bad"))).status,
            (await client.ask(site.target(".mp4", "dark"))).status,
            (await client.ask(f"{CAMERA}/not-a-viewer/index.m3u8")).status,
            (await client.ask(f"{CAMERA}/not-a-viewer/seg1.mp4")).status,
        ]
        full = await client.ask(site.target(".flv", "full"))

    assert statuses == [403, 403, 403, 504, 404, 404]
    assert (full.status, full.body) == (503, b"too_many\n")
    assert int(full.headers["retry-after"]) > 0
    assert site.asked[:2] == [("bad", Form.FLV), ("bad", Form.HLS)]
    assert site.events == []


async def test_a_browser_learns_why_its_websocket_is_refused() -> None:
    async with open_site() as site, connect(site) as client, connect(site) as other:
        accepted = await client.handshake(site.target(".ws.flv", "bad"))
        close = await client.message()
        plain = await other.ask(site.target(".ws.flv"))

    assert accepted.status == 101
    assert close == (0x88, (4403).to_bytes(2) + b"not_admitted")
    assert (plain.status, plain.headers["upgrade"]) == (426, "websocket")


async def test_a_websocket_of_another_worker_is_told_where_it_is() -> None:
    place = WorkerPorts(2, webrtc=1, http=8092, rtsp=3, is_tls=True)
    async with open_site() as site, connect(site) as browser:
        site.admissions["far"] = Admission(STREAM, ViewerId("v"), place, "a/b")
        await browser.handshake(site.target(".mp4", "far"))
        told = await browser.told()
        close = await browser.message()

    assert told == {"location": f"wss://x:8092{CAMERA}.mp4?token=a%2Fb"}
    assert close[1][:2] == (4307).to_bytes(2)


async def test_a_redirection_keeps_path_and_wishes() -> None:
    place = WorkerPorts(2, webrtc=1, http=8092, rtsp=3)
    async with open_site() as site, connect(site) as client:
        site.admissions["far"] = Admission(STREAM, ViewerId("v"), place, "near")
        sent = await client.ask(site.target("/index.m3u8", "far") + "&video=h264")

    assert sent.status == 307
    assert sent.headers["location"] == f"http://x:8092{CAMERA}/index.m3u8?token=near&video=h264"
    assert site.events == []


async def test_beyond_the_limit_of_viewers_nobody_is_asked_for() -> None:
    async with open_site(viewer_limit=1) as site, connect(site) as first, connect(site) as second:
        first.send(f"GET {site.target('.flv')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await first.head()
        refused = await second.ask(site.target(".flv"))
        await first.close()
        await until(lambda: bool(site.left))
        again = await second.ask(site.target("/index.m3u8"))

    assert (refused.status, refused.body) == (503, b"1 viewers are here already\n")
    assert again.status == 307
    assert len(site.asked) == 2


async def test_a_viewer_admitted_to_a_stream_that_is_gone_has_left() -> None:
    async with open_site() as site, connect(site) as client:
        site.admissions["gone"] = Admission(STREAM, ViewerId("v1"))
        site.hub.close()
        answer = await client.ask(site.target(".flv", "gone"))

    assert answer.status == 404
    assert [(event.viewer_id, event.reason) for event in site.left] == [("v1", "no_stream")]


@pytest.mark.parametrize("path", [".flv", "/index.m3u8"])
async def test_a_viewer_that_our_own_fault_kept_from_beginning_has_left(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_to_loop()
    async with open_site() as site, connect(site) as client:
        monkeypatch.setattr(site, "variants", fail)
        client.send(f"GET {site.target(path)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        end = await client.reader.read()

    assert end == b""
    assert [(event.viewer_id, event.reason) for event in site.left] == [("viewer-1", "failed")]
    assert site.output.viewer_count == 0
    assert [context["message"] for context in told] == ["answering a viewer failed"]


async def test_flv_begins_at_zero_and_a_late_viewer_with_the_whole_group_at_once() -> None:
    async with open_site() as site, connect(site) as first, connect(site) as late:
        first.send(f"GET {site.target('.flv')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await first.head()
        await until(lambda: bool(site.joined))
        await show_first(site)
        for unit in pictures(3, group=10, first=1):
            site.show(unit)
            await asyncio.sleep(0.04)
        late.send(f"GET {site.target('.flv')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await late.head()
        data = [await read_pictures(client, 4) for client in (first, late)]
        figures = site.output.figures(STREAM)
        site.output.leave_all(STREAM, "stream_closed")
        ends = [await client.reader.read() for client in (first, late)]

    assert head.headers["content-type"] == "video/x-flv"
    assert data[0][:13] == b"FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00"
    moments = coded(data[0])
    assert [is_key for _, is_key in moments] == [True, False, False, False]
    assert moments[0][0] == 0
    squeezed = coded(data[1])
    assert squeezed[-1][0] - squeezed[0][0] == 3
    assert squeezed[-1][0] == moments[-1][0]
    assert [viewer.protocol for viewer in figures] == ["flv", "flv"]
    assert figures[1].bytes_sent > 4 * LARGE_BYTES
    assert ends == [b"", b""]
    assert [event.reason for event in site.left] == ["stream_closed", "stream_closed"]


async def read_pictures(client: Client, count: int) -> bytes:
    """An FLV file up to so many pictures."""
    data = b""
    async with asyncio.timeout(5):
        while len(coded(data)) < count:
            data += await client.reader.read(2**20)
    return data


async def test_a_slow_viewer_loses_pictures_up_to_a_key_picture_and_nobody_else_does() -> None:
    with closing(socket.socket()) as slow:
        moments, quick_moments = await lag(slow)

    assert len(quick_moments) == 65
    lost = [at for at, moment in enumerate(quick_moments) if moment not in moments]
    assert lost
    after = [quick_moments[at + 1] for at in lost if at + 1 not in lost]
    assert after
    assert all(is_key for _, is_key in after)


async def lag(slow: socket.socket) -> tuple[list[tuple[int, bool]], list[tuple[int, bool]]]:
    """What a viewer saw that did not read for a while, and what one saw that read all the time."""
    async with open_site() as site, connect(site) as quick:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.setblocking(False)
        request = f"GET {site.target('.flv')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", site.output.port))
        await loop.sock_sendall(slow, request)
        quick.send(request)
        await quick.head()
        await until(lambda: len(site.joined) == 2)
        taken = asyncio.create_task(read_pictures(quick, 65))
        await show_first(site)
        for unit in pictures(59, group=10, first=1):
            site.show(unit)
            await asyncio.sleep(0.01)
        assert max(dropped(site)) > 0
        assert min(dropped(site)) == 0

        received = await read_until_empty(slow)
        for unit in pictures(5, group=10, first=60):
            site.show(unit)
            await asyncio.sleep(0)
        quick_moments = coded(await taken)
        received += await read_until_empty(slow)

    return coded(received[received.index(b"\r\n\r\n") + 4 :]), quick_moments


async def show_first(site: Site) -> None:
    """The first key picture, until every viewer has got it."""
    for unit in pictures(1, group=10):
        site.show(unit)
    await until(lambda: all(viewer.packets_sent for viewer in site.output.figures(STREAM)))


def dropped(site: Site) -> list[int]:
    """What each viewer lost."""
    return [viewer.pictures_dropped for viewer in site.output.figures(STREAM)] or [0]


async def read_until_empty(sock: socket.socket) -> bytes:
    """All that is there, until nothing more comes for a moment."""
    loop = asyncio.get_running_loop()
    data = b""
    try:
        while True:
            async with asyncio.timeout(0.3):
                data += await loop.sock_recv(sock, 2**20)
    except TimeoutError:
        return data


@pytest.mark.parametrize("is_waiting", [True, False], ids=["in a request", "between requests"])
async def test_who_is_slow_with_a_request_is_dropped(is_waiting: bool) -> None:
    clock = FakeClock()
    async with open_site(clock=clock.monotonic) as site, connect(site) as client:
        if is_waiting:
            client.send(b"GET /live/a/b.flv HT")
            await asyncio.sleep(0)
        else:
            await client.ask("/")
        # Until the output has read what was sent.
        other = await connect_and_ask(site)
        clock.advance(REQUEST_LIMIT_S if is_waiting else KEEP_ALIVE_S)
        clock.advance(0.1)
        rest = await asyncio.wait_for(client.reader.read(), 5)

    assert other == 404
    assert rest.startswith(b"HTTP/1.1 408 " if is_waiting else b"")
    assert bool(rest) is is_waiting


async def connect_and_ask(site: Site) -> int:
    """The status of a request on a connection of its own."""
    async with connect(site) as client:
        return (await client.ask("/")).status


async def test_a_viewer_that_takes_nothing_is_dropped() -> None:
    clock = FakeClock()
    async with open_site(clock=clock.monotonic) as site:
        with socket.create_connection(("127.0.0.1", site.output.port)) as stuck:
            stuck.sendall(f"GET {site.target('.flv')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await until(lambda: bool(site.joined))
            units = pictures(10_000, group=10)

            def is_slow() -> bool:
                site.show(next(units))
                return max(dropped(site)) > 0

            await until(is_slow)

            def is_gone() -> bool:
                clock.advance(0.1)
                return bool(site.left)

            await until(is_gone)

    assert [event.reason for event in site.left] == ["too_slow"]


async def test_who_is_told_who_watches_by_hls_cannot_watch_by_that() -> None:
    async with open_site() as site, connect(site) as client, connect(site) as other:
        let_in = await client.ask(site.target("/index.m3u8"))
        folder = let_in.headers["location"].removesuffix("index.m3u8")
        await client.ask(f"{CAMERA}/{folder}init1.mp4")
        told = site.joined[0].viewer_id
        borrowed = await other.ask(f"{CAMERA}/{told}/index.m3u8")

    assert told == "viewer-1"
    assert (borrowed.status, borrowed.body) == (404, b"not here, or no longer\n")
    assert told not in folder


async def test_an_hls_viewer_is_here_while_it_polls() -> None:
    clock = FakeClock()
    async with open_site(clock=clock.monotonic) as site, connect(site) as client:
        let_in = await client.ask(site.target("/index.m3u8"))
        assert site.output.viewer_count == 1
        clock.advance(POLL_LIMIT_S + 0.1)
        await until(lambda: site.output.viewer_count == 0)
        late = await client.ask(f"{CAMERA}/{let_in.headers['location']}")

    assert late.status == 404
    assert [event.reason for event in site.left] == ["left"]
    assert site.hub.reader_count == 0


async def test_an_unmasked_frame_ends_a_viewer_and_only_it() -> None:
    async with open_site() as site, connect(site) as bad, connect(site) as good:
        for client in (bad, good):
            await client.handshake(site.target(".ws.flv"))
        await until(lambda: len(site.joined) == 2)
        bad.send(b"\x81\x02ab")
        first, payload = await bad.message()
        await until(lambda: bool(site.left))
        for unit in pictures(1, group=10):
            site.show(unit)
        header = await good.message()
        site.output.leave(site.joined[1].viewer_id, "left")
        frames = [await good.message() for _ in range(3)]

    assert (first, payload[:2]) == (0x88, (1002).to_bytes(2))
    assert header[0] == 0x82
    assert header[1][:4] == b"FLV\x01"
    assert frames[-1] == (0x88, (1000).to_bytes(2) + b"left")
    assert site.hub.reader_count == 0


async def test_a_token_is_asked_about_once_and_requests_cut_into_bytes_are_read() -> None:
    async with open_site() as site, connect(site) as client:
        for byte in f"GET {site.target('/index.m3u8')} HTTP/1.1\r\nHost: x\r\n\r\n".encode():
            client.send(bytes((byte,)))
            await asyncio.sleep(0)
        answer = await client.answer()

    assert answer.status == 307
    assert site.asked == [(GOOD, Form.HLS)]


async def test_a_silent_stream_is_pinged_so_that_no_proxy_takes_it_for_dead() -> None:
    clock = FakeClock()
    async with open_site(clock=clock.monotonic) as site, connect(site) as client:
        await client.handshake(site.target(".ws.flv"))
        heard = asyncio.create_task(client.message())

        def is_heard() -> bool:
            clock.advance(0.1)
            return heard.done()

        await until(is_heard)

    assert await heard == (0x89, b"")


async def test_the_end_of_a_stream_is_the_end_of_its_viewers() -> None:
    async with open_site() as site, connect(site) as plain, connect(site) as browser:
        plain.send(f"GET {site.target('.flv')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await plain.head()
        await browser.handshake(site.target(".mp4"))
        await plain_hls(site)
        await until(lambda: site.output.viewer_count == 3)
        site.hub.close()
        rest = await plain.reader.read()
        close = await browser.message()

    assert rest == b""
    assert close == (0x88, (1001).to_bytes(2) + b"stream_closed")
    assert {event.reason for event in site.left} == {"stream_closed"}
    assert site.output.viewer_count == 0


async def plain_hls(site: Site) -> None:
    """One more viewer, by HLS."""
    async with connect(site) as client:
        await client.ask(site.target("/index.m3u8"))


async def test_all_of_it_goes_by_tls_too(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ["127.0.0.1"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with open_site(tls=tls) as site, connect(site, trusting) as client:
        async with connect(site) as stranger:
            stranger.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP" not in await stranger.reader.read()
        await client.handshake(site.target(".ws.flv"))
        await until(lambda: bool(site.joined))
        await show_first(site)
        header = await client.message()

    assert header[1][:4] == b"FLV\x01"


async def test_a_low_latency_player_waits_for_parts_and_finds_what_is_announced() -> None:
    async with open_site() as site, connect(site) as client:
        let_in = await client.ask(site.target("/index.m3u8"))
        folder = f"{CAMERA}/{let_in.headers['location'].split('/')[0]}"
        asked = asyncio.create_task(client.ask(f"{folder}/index.m3u8"))
        showing = asyncio.create_task(show_quickly(site))
        playlist = (await asked).body.decode()
        hint = playlist.split('PRELOAD-HINT:TYPE=PART,URI="')[1].split('"')[0]
        last = int(playlist.split("seg")[-1].split(".")[0])
        parts = asyncio.create_task(client.ask(f"{folder}/{hint}"))
        async with connect(site) as other:
            whole = await other.ask(f"{folder}/seg{last}.mp4")
            init = await other.ask(f"{folder}/init1.mp4", method="HEAD")
            far = await other.ask(f"{folder}/index.m3u8?_HLS_msn={last + 9}&_HLS_part=0")
            odd = await other.ask(f"{folder}/index.m3u8?_HLS_msn=-1")
            reload = asyncio.create_task(other.ask(f"{folder}/index.m3u8?_HLS_msn={last + 2}"))
            part = await parts
            newer = (await reload).body.decode()
        showing.cancel()
        figures = site.output.figures(STREAM)

    assert part.status == 200
    assert part.body[4:8] == b"moof"
    assert (whole.status, whole.headers["content-type"]) == (200, "video/mp4")
    assert (init.status, int(init.headers["content-length"]) > 100) == (200, True)
    assert (far.status, odd.status) == (400, 400)
    assert f"seg{last + 2}.mp4" in newer
    assert figures[0].bytes_sent > len(whole.body)


async def show_quickly(site: Site) -> None:
    """Many pictures, faster than they are meant."""
    for unit in pictures(2_000, group=25):
        site.show(unit)
        await asyncio.sleep(0.005)


async def test_viewers_are_told_of_another_size_before_its_first_picture() -> None:
    async with open_site() as site, connect(site) as plain, connect(site) as browser:
        plain.send(f"GET {site.target('.flv')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await plain.head()
        await browser.handshake(site.target(".mp4"))
        await until(lambda: len(site.joined) == 2)
        await show_first(site)
        site.show(SMALL_KEY)
        data = await read_pictures(plain, 2)
        messages = [await browser.message() for _ in range(6)]

    kinds = [body[:2] for kind, _, body in tags(data) if kind == 9]
    assert kinds == [b"\x17\x00", b"\x17\x01", b"\x17\x00", b"\x17\x01"]
    assert [first for first, _ in messages] == [0x81, 0x82, 0x82, 0x81, 0x82, 0x82]
    assert [payload[4:8] for first, payload in messages if first == 0x82] == [
        *(b"ftyp", b"moof", b"ftyp", b"moof")
    ]
