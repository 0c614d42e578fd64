"""Who holds the token of a media URL may watch: once, in its form, while their sign-in counts.

Who they are and what they take is shown.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from media.door import (
    Admission,
    Form,
    MediaError,
    ViewerFigures,
    ViewerId,
    ViewerJoined,
    WorkerPorts,
)
from tests.support.clock import FakeClock
from tests.support.stores import InMemoryDeviceStore
from tests.support.waiting import until
from tests.vms.sessions.scripted import Proofs, ScriptedCamera, ScriptedRelay
from vms.errors import ExhaustedError, ForbiddenError, NotFoundError
from vms.events import EventBus
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.version import Edition
from vms.inventory.inventory import Inventory
from vms.inventory.model import Binding, NewDevice, ReportedChannel
from vms.inventory.policy import InventoryPolicy
from vms.sessions.admission import NodeLimits, Watcher
from vms.sessions.broker import BrokerPolicy, SessionBroker
from vms.sessions.calling import Invitation
from vms.sessions.ladder import Player, PlayReason
from vms.sessions.ssrc_pool import SsrcPool
from vms.sessions.tokens import MediaTokens
from vms.sessions.viewing import JUDGED_AT_ONCE, Viewing, WebRtcAnswer

DEVICE = DeviceId("34020000001180000001")
CHANNEL = ChannelId("34020000001320000001")
OTHER = ChannelId("34020000001320000002")


@dataclass
class Desk:
    """Who is signed in, and what was written down."""

    watchers: dict[str, Watcher] = field(default_factory=dict[str, Watcher])
    rows: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])

    async def watcher(self, credential: str) -> Watcher | None:
        return self.watchers.get(credential)

    async def record_watch(
        self, watcher: Watcher, source: str, subject: str, form: str, stream: str
    ) -> None:
        self.rows.append((watcher.name, source, subject, form, stream))


@dataclass
class House:
    """Viewing over a scripted camera and a scripted media plane, the inventory being real."""

    viewing: Viewing
    broker: SessionBroker
    tokens: MediaTokens
    desk: Desk
    relay: ScriptedRelay
    camera: ScriptedCamera
    clock: FakeClock

    def token(self, form: Form = Form.FLV, channel_id: ChannelId = CHANNEL) -> str:
        return self.tokens.lend(
            "credential", form.value, (DEVICE, channel_id, "main"), source="192.0.2.7"
        )

    def is_limited_to(self, limits: NodeLimits) -> None:
        self.viewing.limits = limits


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock, events, relay, camera = FakeClock(), EventBus(), ScriptedRelay(), ScriptedCamera()
    inventory = Inventory(InMemoryDeviceStore(), clock, events, InventoryPolicy())
    await inventory.start()
    await inventory.add_device(NewDevice(DEVICE))
    now = clock.wall()
    here = Binding("UDP", "127.0.0.9", 5060, "", "127.0.0.1", "call", now, now.replace(hour=23))
    await inventory.register(DEVICE, here, user_agent="NVR", edition=Edition.E2016)
    reported = [ReportedChannel(CHANNEL, name="one"), ReportedChannel(OTHER, name="two")]
    await inventory.replace_channels(DEVICE, reported, complete=True)
    broker = SessionBroker(
        camera, relay, Proofs(), events, clock, SsrcPool("34020000002000000001"),
        BrokerPolicy(), new_id=iter(f"session-{number}" for number in range(9)).__next__,
    )  # fmt: skip
    relay.on_event = broker.media_event

    def play() -> None:
        for stream_id in relay.open_streams:
            relay.play(stream_id)

    def plays(_invitation: Invitation) -> None:
        asyncio.get_running_loop().call_soon(play)

    camera.on_answer = plays
    tokens, desk = MediaTokens(clock.monotonic), Desk({"credential": Watcher("7", "anna")})
    names = iter(f"viewer-{number}" for number in range(9))
    viewing = Viewing(
        broker, relay, inventory,
        tokens=tokens, credentials=desk, clock=clock, unguessable=names.__next__,
    )  # fmt: skip
    yield House(viewing, broker, tokens, desk, relay, camera, clock)
    await broker.close()
    await inventory.stop()


async def _refusal(house: House, token: str, form: Form = Form.FLV) -> MediaError:
    with pytest.raises(MediaError) as refused:
        await house.viewing.admit(token, form)
    return refused.value


async def test_a_token_opens_once_as_its_user_and_leaves_a_row(house: House) -> None:
    token = house.token()

    admission = await house.viewing.admit(token, Form.FLV)

    session = house.broker.sessions()[0]
    assert session.address is not None
    assert admission.stream_id == session.address.stream_id
    assert admission.place is None
    assert session.viewers[admission.viewer_id].user == "anna"
    assert house.desk.rows == [("anna", "192.0.2.7", f"{DEVICE}/{CHANNEL}", "flv", "main")]
    assert (await _refusal(house, token)).code == MediaError.NOT_ADMITTED


async def test_a_token_is_for_its_form_and_sixty_seconds(house: House) -> None:
    token = house.token(Form.HLS)

    assert (await _refusal(house, token, Form.FLV)).code == MediaError.NOT_ADMITTED
    house.clock.advance(60.0)
    assert (await _refusal(house, token, Form.HLS)).code == MediaError.NOT_ADMITTED
    assert house.camera.invitations == []


async def test_a_token_ends_with_the_right_to_watch(house: House) -> None:
    token = house.token()
    house.desk.watchers.clear()

    assert (await _refusal(house, token)).code == MediaError.NOT_ADMITTED
    assert house.broker.sessions() == []


async def test_what_failed_can_be_tried_again_with_the_same_token(house: House) -> None:
    token = house.token()
    house.relay.is_full = True
    refused = await _refusal(house, token)
    house.relay.is_full = False
    await until(lambda: house.broker.sessions() == [])

    assert (refused.code, str(refused)) == (MediaError.TOO_MANY, "no port left")
    assert (await house.viewing.admit(token, Form.FLV)).viewer_id in house.broker.sessions()[
        0
    ].viewers


async def test_who_asks_in_another_process_is_sent_to_that_of_the_stream(house: House) -> None:
    house.relay.worker = 1
    admission = await house.viewing.admit(house.token(), Form.FLV, worker=0)

    assert admission.place == WorkerPorts(1, webrtc=8189, http=8090, rtsp=8554)
    assert house.desk.rows == []
    there = await house.viewing.admit(admission.token, Form.FLV, worker=1)
    assert (there.place, there.viewer_id) == (None, "viewer-0")


async def test_limits_of_the_node_are_told_with_their_numbers(house: House) -> None:
    await house.viewing.admit(house.token(), Form.FLV)

    house.is_limited_to(NodeLimits(viewers=1))
    refused = await _refusal(house, house.token())
    assert refused.code == MediaError.TOO_MANY
    assert str(refused).startswith("1 viewers watch on this node, and 1 is its limit")

    house.is_limited_to(NodeLimits(streams=1))
    assert (await house.viewing.admit(house.token(), Form.FLV)).place is None
    with pytest.raises(ExhaustedError) as full:
        await house.viewing.live(DEVICE, OTHER)
    assert full.value.facts == {"what": "streams", "used": 1, "limit": 1}

    session = house.broker.sessions()[0]
    session.outgoing_bps, session.bitrate_bps = 9_000_000, 2_000_000
    house.is_limited_to(NodeLimits(outgoing_bps=10_000_000))
    refused = await _refusal(house, house.token())
    assert "sends 9.0 Mbit/s" in str(refused)
    assert "its limit of 10.0:" in str(refused)


async def test_who_signs_out_while_they_watch_sees_no_more(house: House) -> None:
    house.desk.watchers["other"] = Watcher("8", "bert")
    anna = await house.viewing.admit(house.token(), Form.FLV)
    other = house.tokens.lend("other", Form.HLS.value, (DEVICE, CHANNEL, "main"))
    bert = await house.viewing.admit(other, Form.HLS)
    session = house.broker.sessions()[0]

    del house.desk.watchers["credential"]
    await house.viewing.judge_viewers()

    assert list(session.viewers) == [bert.viewer_id]
    assert house.relay.gone == [anna.viewer_id]


async def test_a_thousand_viewers_whose_right_ends_are_ended_many_at_a_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = await house.viewing.admit(house.token(), Form.FLV)
    (session,) = house.broker.sessions()
    first = session.viewers[admission.viewer_id]
    for number in range(1_000):
        viewer_id = ViewerId(f"more-{number}")
        house.broker.add_viewer(session, replace(first, viewer_id=viewer_id))
    at_once: list[int] = []
    waiting: set[ViewerId] = set()

    async def leave(viewer_id: ViewerId) -> None:
        waiting.add(viewer_id)
        at_once.append(len(waiting))
        await asyncio.sleep(0)
        waiting.discard(viewer_id)

    monkeypatch.setattr(house.relay, "leave", leave)
    house.desk.watchers.clear()

    await house.viewing.judge_viewers()

    assert session.viewers == {}
    assert len(at_once) == 1_001
    assert max(at_once) == JUDGED_AT_ONCE


@pytest.mark.parametrize("form", [Form.FLV, Form.WHEP])
async def test_who_signs_out_while_they_wait_for_the_picture_does_not_begin(
    house: House, form: Form
) -> None:
    house.camera.hold = asyncio.Event()
    anna = Watcher("7", "anna")
    waiting: asyncio.Future[WebRtcAnswer] | asyncio.Future[Admission]
    if form is Form.WHEP:
        waiting = asyncio.ensure_future(
            house.viewing.webrtc(DEVICE, CHANNEL, "offer", anna, credential="credential")
        )
    else:
        waiting = asyncio.ensure_future(house.viewing.admit(house.token(), form))
    await until(lambda: house.camera.invitations != [])

    del house.desk.watchers["credential"]
    await house.viewing.judge_viewers()
    house.camera.hold.set()

    with pytest.raises((MediaError, ForbiddenError), match="ended before it began"):
        await waiting
    assert house.broker.viewer_count == 0
    assert house.relay.viewers == {}
    assert house.desk.rows == []


async def test_a_viewer_that_was_let_in_and_never_came_is_forgotten(house: House) -> None:
    await house.viewing.admit(house.token(), Form.FLV)
    came = await house.viewing.admit(house.token(), Form.FLV)
    house.broker.media_event(ViewerJoined(came.stream_id, came.viewer_id, "192.0.2.7:50000"))
    session = house.broker.sessions()[0]

    house.clock.advance(59.0)
    await house.viewing.judge_viewers()
    assert len(session.viewers) == 2
    house.clock.advance(1.0)
    await house.viewing.judge_viewers()

    assert list(session.viewers) == [came.viewer_id]


async def test_viewers_are_shown_with_who_they_are_and_what_they_take(house: House) -> None:
    admission = await house.viewing.admit(house.token(), Form.FLV)
    house.relay.viewer_figures = (
        ViewerFigures(
            admission.viewer_id, "flv", "192.0.2.9:40000", 2.0, 10, 9_000, 0.5, 1,
            bitrate_bps=3_000_000, delivery="transcoded", resent=4,
        ),
    )  # fmt: skip
    session = house.broker.sessions()[0]
    house.clock.advance(2.5)

    (shown,) = (await house.viewing.session(session.session_id)).watching

    assert (shown.user, shown.protocol, shown.address) == ("anna", "flv", "192.0.2.9:40000")
    assert (shown.delivery, shown.reason_code) == ("transcoded", PlayReason.TRANSCODED)
    assert (shown.bitrate_bps, shown.lost_percent, shown.resent) == (3_000_000, 0.5, 4)
    assert (shown.connected_s, shown.share_percent) == (2.5, 100.0)

    assert (await house.viewing.session(session.session_id)).disconnected == ()
    await house.viewing.disconnect(session.session_id, admission.viewer_id)
    assert session.viewers == {}
    told = (await house.viewing.session(session.session_id)).disconnected
    assert told == (admission.viewer_id,)
    with pytest.raises(NotFoundError):
        await house.viewing.disconnect(session.session_id, admission.viewer_id)


async def test_however_many_sessions_are_listed_the_media_plane_is_asked_once(
    house: House,
) -> None:
    for stream in ("main", "sub"):
        grant = house.tokens.lend("credential", "flv", (DEVICE, CHANNEL, stream))
        await house.viewing.admit(grant, Form.FLV)
    house.relay.asked_for_figures = 0

    listed = await house.viewing.sessions()

    assert {view.stream for view in listed} == {"main", "sub"}
    assert all(view.figures is not None for view in listed)
    assert house.relay.asked_for_figures == 1


async def test_a_viewer_s_share_is_of_all_that_the_node_sends(house: House) -> None:
    shares: dict[str, float] = {}
    for stream in ("main", "sub"):
        grant = house.tokens.lend("credential", "flv", (DEVICE, CHANNEL, stream))
        admission = await house.viewing.admit(grant, Form.FLV)
        shares[admission.viewer_id] = 0.0
    for session, bps in zip(house.broker.sessions(), (3_000_000, 1_000_000), strict=True):
        (viewer_id,) = session.viewers
        assert session.address is not None
        house.relay.viewers_of[session.address.stream_id] = (
            ViewerFigures(viewer_id, "flv", "", 0.0, 0, 0, 0.0, 0, bitrate_bps=bps),
        )

    for view in await house.viewing.sessions():
        shares |= {each.viewer_id: each.share_percent for each in view.watching}

    assert sorted(shares.values()) == [25.0, 75.0]


async def test_the_ladder_knows_what_the_channel_s_streams_were_last(house: House) -> None:
    await house.viewing.admit(house.token(), Form.FLV)
    (main,) = house.broker.sessions()

    rungs = await house.viewing.ladder(main.session_id, Player())

    assert [(rung.form, rung.video) for rung in rungs] == [("whep", "h264"), ("snapshot", "jpeg")]
