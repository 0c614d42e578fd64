"""Whatever is asked of the relay, in whatever order: in the end nothing is lent out."""
# What is lent out is counted inside.
# pyright: reportPrivateUsage=false

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs import annexb
from media.door import (
    MediaError,
    MediaEvent,
    StreamId,
    Transport,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from media.plan import Place, RelayLimits, RelayPlan
from media.relay import Relay
from media.unit import AccessUnit, Codec
from tests.support.units import video_units
from tests.support.webrtc_peer import WebRtcPeer

STREAMS = 2
VIEWERS = 3

Step = tuple[str, int, int]
"""What is done, to which stream, by which viewer."""

ACTIONS = (
    "open udp",
    "open tcp",
    "expect",
    "h264",
    "h265",
    "watch",
    "answer only",
    "leave",
    "vanish",
    "snapshot",
    "figures",
    "wait",
    "close",
)


@cache
def pictures(codec: Codec) -> tuple[AccessUnit, ...]:
    """A few, made once."""
    return tuple(video_units(codec, 4))


class Course:
    """One course of events on a relay of its own."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.events: list[MediaEvent] = []
        self.streams: dict[int, StreamId] = {}
        self.peers: list[WebRtcPeer] = []
        self.relay = Relay(
            RelayPlan(
                (42_200, 42_399),
                Place("127.0.0.1", 0),
                ("127.0.0.1",),
                limits=RelayLimits(streams=STREAMS, viewers=VIEWERS, transcodes=1),
            ),
            now=lambda: self.seconds,
            token=lambda: secrets.token_hex(16),
            on_event=self.events.append,
        )

    async def run(self, steps: Sequence[Step]) -> None:
        await self.relay.start()
        try:
            for step in steps:
                with contextlib.suppress(MediaError):
                    await self.take(*step)
        finally:
            await self.relay.stop()
            for peer in self.peers:
                peer.vanish()
            await asyncio.sleep(0)

    async def take(self, action: str, stream: int, viewer: int) -> None:
        relay = self.relay
        stream_id = self.streams.get(stream, StreamId("none"))
        viewer_id = ViewerId(f"viewer {viewer}")
        match action:
            case "open udp" | "open tcp":
                transport = Transport.UDP if action == "open udp" else Transport.TCP_PASSIVE
                await relay.close(stream_id)
                address = await relay.open(transport, 1 + stream, "127.0.0.1")
                self.streams[stream] = address.stream_id
            case "expect":
                await relay.expect(stream_id, 1 + stream, "127.0.0.1")
            case "h264" | "h265":
                self.publish(stream_id, pictures(Codec(action)))
            case "watch" | "answer only":
                await self.watch(stream_id, viewer_id, connects=action == "watch")
            case "leave":
                await relay.leave(viewer_id)
            case "snapshot":
                await relay.snapshot(stream_id)
            case "figures":
                await relay.figures(stream_id)
            case "close":
                await relay.close(stream_id)
            case _:
                self.let_happen(action)
                await asyncio.sleep(0)

    def let_happen(self, accident: str) -> None:
        """What nobody asks for: time passes, viewers are switched off."""
        if accident == "vanish":
            for peer in self.peers:
                peer.vanish()
        else:
            self.seconds += 40.0

    def publish(self, stream_id: StreamId, units: Sequence[AccessUnit]) -> None:
        hub = self.relay.hub(stream_id)
        hub.video = annexb.video_format(units[0].codec, units[0].data)
        for unit in units:
            hub.publish(unit)

    async def watch(self, stream_id: StreamId, viewer_id: ViewerId, *, connects: bool) -> None:
        peer = WebRtcPeer()
        self.peers.append(peer)
        if connects:
            await peer.connect(lambda offer: self.relay.answer(stream_id, viewer_id, offer))
        else:
            await self.relay.answer(stream_id, viewer_id, peer.offer)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(ACTIONS),
            st.integers(0, STREAMS - 1),
            st.integers(0, VIEWERS - 1),
        ),
        min_size=5,
        max_size=40,
    )
)
def test_whatever_happens_ports_viewers_tasks_and_threads_come_back(steps: list[Step]) -> None:
    course = Course()

    asyncio.run(course.run([("open udp", 0, 0), *steps]))

    relay = course.relay
    assert relay.stream_count == relay.viewer_count == relay.transcoder_count == 0
    assert relay._ports.lent == 0
    assert relay._webrtc.task_count == 0
    joined = [event.viewer_id for event in course.events if isinstance(event, ViewerJoined)]
    left = [event.viewer_id for event in course.events if isinstance(event, ViewerLeft)]
    assert all(joined.count(viewer_id) <= left.count(viewer_id) for viewer_id in joined)
