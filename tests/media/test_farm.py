"""Workers as real processes: shared out, killed, stopped dead, started again."""

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from media.door import (
    MediaError,
    StreamId,
    StreamLost,
    Transport,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from media.errors import PortTakenError
from media.supervisor import SILENT_LIMIT_S
from tests.media.farms import START_LIMIT_S, stage
from tests.media.lines import HOST, SSRC
from tests.support.waiting import until
from tests.support.webrtc_peer import WebRtcPeer


async def test_streams_live_in_the_worker_they_were_given_and_play_there() -> None:
    async with stage(2) as it:
        farm = it.farm
        assert (farm.place(), farm.ports(1).worker) == (0, 1)
        first = await it.open(farm.place())
        assert farm.place() == 1
        second = await it.open(farm.place())
        assert (first.worker, second.worker) == (0, 1)
        assert first.stream_id.partition(".")[0] == "0"
        assert second.port in range(44_500, 45_000, 2)

        await it.play(second)

        figures = await farm.figures(second.stream_id)
        assert (figures.video_codec, figures.width, figures.height) == ("h264", 480, 272)
        several = await farm.figures_of([second.stream_id, StreamId("none"), first.stream_id])
        assert [each.stream_id for each in several] == [first.stream_id, second.stream_id]
        assert several[1].key_pictures == figures.key_pictures
        assert (await farm.snapshot(second.stream_id))[:3] == b"\xff\xd8\xff"
        with pytest.raises(MediaError) as caught:
            await farm.snapshot(first.stream_id)
        assert caught.value.code == MediaError.NO_PICTURE
        await farm.close(second.stream_id)
        await farm.close(second.stream_id)
        with pytest.raises(MediaError) as caught:
            await farm.figures(second.stream_id)
        assert caught.value.code == MediaError.NO_STREAM
        assert [each.streams for each in farm.workers()] == [1, 0]


async def test_after_kill_9_what_was_lost_is_told_and_a_new_stream_plays() -> None:
    async with stage(2) as it:
        lost, kept = await it.open(1), await it.open(0)
        await it.play(lost)
        viewer = ViewerId("viewer")
        peer = WebRtcPeer()
        await peer.connect(lambda offer: it.farm.answer(lost.stream_id, viewer, offer))
        await until(lambda: any(isinstance(event, ViewerJoined) for event in it.events))
        ports = it.farm.ports(1)

        it.send_signal(1, signal.SIGKILL)
        await until(lambda: StreamLost(lost.stream_id) in it.events)

        peer.vanish()
        assert ViewerLeft(lost.stream_id, viewer, "worker_lost") in it.events
        assert it.farm.place() == 0
        with pytest.raises(MediaError) as caught:
            it.farm.ports(1)
        assert caught.value.code == MediaError.NO_WORKER
        with pytest.raises(MediaError) as caught:
            await it.farm.snapshot(lost.stream_id)
        assert caught.value.code == MediaError.NO_STREAM
        await it.farm.leave(viewer)
        await it.farm.close(lost.stream_id)

        await until(lambda: it.status(1).is_up, START_LIMIT_S)
        assert it.farm.ports(1) == ports
        assert it.status(1).restarts == 1
        await it.play(await it.open(1))
        await it.play(kept)


async def test_a_worker_that_stands_still_is_killed_and_its_calls_fail() -> None:
    async with stage() as it:
        address = await it.open(0)

        it.send_signal(0, signal.SIGSTOP)
        async with asyncio.timeout(SILENT_LIMIT_S + 5):
            with pytest.raises(MediaError) as caught:
                await it.farm.figures(address.stream_id)

        assert caught.value.code == MediaError.NO_WORKER
        await until(lambda: StreamLost(address.stream_id) in it.events)
        await until(lambda: it.status(0).is_up, START_LIMIT_S)
        await it.play(await it.open(0))


async def test_a_worker_holds_nothing_of_ours_and_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VMS_ADMIN__PASSWORD", "a canary that no worker may hold")
    async with stage() as it:
        process = Path(f"/proc/{it.status(0).pid}")

        assert b"canary" not in (process / "environ").read_bytes()
        assert b"NoNewPrivs:\t1" in (process / "status").read_bytes()
        limits = (process / "limits").read_text().splitlines()
        (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
        assert core[4:6] == ["0", "0"]
        assert (process / "cmdline").read_bytes().split(b"\0")[1:4] == [
            b"-P",
            b"-m",
            b"media.worker",
        ]
        await until(lambda: it.status(0).load is not None)


async def test_a_viewers_port_that_is_taken_is_named_and_nothing_is_left() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        port = int(taken.getsockname()[1])
        with pytest.raises(PortTakenError, match="Address already in use") as caught:
            async with stage(webrtc_port=port):
                pass

    assert (caught.value.what, caught.value.port) == ("webrtc", port)


async def test_calls_for_what_is_not_there_say_so() -> None:
    async with stage() as it:
        for call, code in (
            (it.farm.open(Transport.UDP, SSRC, HOST, 7), MediaError.NO_WORKER),
            (it.farm.open(Transport.UDP, SSRC, "192.0.2.1"), MediaError.NO_PORT),
            (it.farm.expect(StreamId("0.x"), SSRC, None), MediaError.NO_STREAM),
            (it.farm.patch(ViewerId("x"), ""), MediaError.NO_STREAM),
        ):
            with pytest.raises(MediaError) as caught:
                await call
            assert caught.value.code == code
        await it.farm.leave(ViewerId("x"))
        await it.farm.close(StreamId("0.x"))
