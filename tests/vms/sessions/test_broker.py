import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from media.door import Form, MediaEnded, Transport, ViewerId, ViewerJoined
from tests.support.waiting import until
from tests.vms.sessions.scripted import Proofs, ScriptedCamera, ScriptedRelay
from vms.clock import SystemClock
from vms.errors import NoMediaError, NotFoundError, RejectedError
from vms.events import EventBus
from vms.gb28181.ids import ChannelId, DeviceId
from vms.sessions.broker import BrokerPolicy, SessionBroker
from vms.sessions.calling import Invitation
from vms.sessions.machine import State
from vms.sessions.session import Session, Viewer
from vms.sessions.ssrc_pool import SsrcPool

DEVICE = DeviceId("34020000001180000001")
CHANNEL = ChannelId("34020000001320000001")
STARTING = frozenset({State.INVITING, State.AWAITING_MEDIA})
OPEN = frozenset(set(State) - {State.CLOSED})
LIMIT_S = 5.0


def viewer(name: str) -> Viewer:
    return Viewer(ViewerId(name), "user", Form.WHEP, datetime(2026, 3, 1, tzinfo=UTC), 0.0)


@dataclass
class Stage:
    """A broker between a scripted camera and a scripted media plane."""

    broker: SessionBroker
    camera: ScriptedCamera
    relay: ScriptedRelay
    proofs: Proofs
    pool: SsrcPool

    def nothing_is_lent_out(self) -> bool:
        return not self.pool.lent and not self.relay.open_streams and not self.broker.sessions()


def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    for name in ("LAST_PAUSE_S", "SHORTEST_PAUSE_S", "LOOK_PERIOD_S"):
        monkeypatch.setattr(f"vms.sessions.driver.{name}", 0.01)
    monkeypatch.setattr("vms.sessions.driver.PAUSES_S", (0.01,))


def build(recovery_limit_s: float = 120.0) -> Stage:
    camera, relay, proofs = ScriptedCamera(), ScriptedRelay(), Proofs()
    pool = SsrcPool("34020000002000000001")
    numbers = count(1)
    broker = SessionBroker(
        caller=camera,
        relay=relay,
        evidence=proofs,
        events=EventBus(),
        clock=SystemClock(),
        pool=pool,
        policy=BrokerPolicy(idle_s=0.0, recovery_limit_s=recovery_limit_s),
        new_id=lambda: f"session-{next(numbers)}",
    )
    relay.on_event = broker.media_event
    return Stage(broker, camera, relay, proofs, pool)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = build()
    yield stage
    await stage.broker.close()
    assert stage.nothing_is_lent_out()


def plays(stage: Stage) -> None:
    """From now on every call the camera accepts delivers its first picture."""

    def answered(_invitation: Invitation) -> None:
        asyncio.get_running_loop().call_soon(_play, stage)

    stage.camera.on_answer = answered


async def streaming(stage: Stage) -> Session:
    plays(stage)
    session = stage.broker.join(DEVICE, CHANNEL)
    await session.wait_past(STARTING, LIMIT_S)
    assert session.state is State.STREAMING
    return session


async def closed(stage: Stage, session: Session) -> None:
    await session.wait_past(OPEN, LIMIT_S)
    assert session.state is State.CLOSED


async def test_fifty_viewers_of_one_channel_make_one_invite(stage: Stage) -> None:
    plays(stage)

    sessions = {stage.broker.join(DEVICE, CHANNEL).session_id for _ in range(50)}
    session = stage.broker.join(DEVICE, CHANNEL)
    await session.wait_past(STARTING, LIMIT_S)

    assert len(sessions) == 1
    assert len(stage.camera.invitations) == 1


async def test_a_play_leaves_its_stages_in_order_and_proves_the_channel(stage: Stage) -> None:
    session = await streaming(stage)

    assert [entry.stage for entry in session.trace] == [
        "invite_sent",
        "answered",
        "first_packet",
        "ssrc_matched",
        "container_parsed",
        "first_picture",
    ]
    await until(lambda: stage.proofs.proven == [(DEVICE, CHANNEL)])


async def test_a_device_that_refuses_tcp_is_asked_over_udp_and_remembered(stage: Stage) -> None:
    stage.camera.refusals = [RejectedError("488", 488)]

    first = await streaming(stage)
    stage.broker.stop(first, "test")
    await closed(stage, first)
    await streaming(stage)

    transports = [invitation.transport for invitation in stage.camera.invitations]
    assert transports == [Transport.TCP_PASSIVE, Transport.UDP, Transport.UDP]


async def test_a_device_that_was_asked_over_udp_is_tried_by_tcp_again_after_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.sessions.fallbacks.FIRST_TRUST_S", 0.0)
    stage.camera.refusals = [RejectedError("488", 488)]

    first = await streaming(stage)
    stage.broker.stop(first, "test")
    await closed(stage, first)
    second = await streaming(stage)

    assert (first.transport, first.fallback) == (Transport.UDP, "488")
    assert (second.transport, second.fallback) == (Transport.TCP_PASSIVE, "")


async def test_an_answer_with_another_transport_is_ended_and_asked_again(stage: Stage) -> None:
    stage.camera.answers_with = Transport.UDP

    session = await streaming(stage)

    assert session.transport is Transport.UDP
    assert [call.byes for call in stage.camera.calls] == [1, 0]


async def test_a_refusal_ends_the_session_with_its_cause(stage: Stage) -> None:
    stage.camera.refusals = [RejectedError("486 Busy Here", 486)]

    session = stage.broker.join(DEVICE, CHANNEL)
    await closed(stage, session)

    assert isinstance(session.error, RejectedError)
    assert stage.broker.failures == {"rejected": 1}
    assert stage.broker.session(session.session_id) is session


async def test_the_device_s_bye_ends_the_session(stage: Stage) -> None:
    session = await streaming(stage)

    stage.camera.calls[-1].end("bye")
    await closed(stage, session)

    assert isinstance(session.error, NoMediaError)


async def test_a_closed_media_connection_ends_the_session_with_a_bye(stage: Stage) -> None:
    session = await streaming(stage)
    assert session.address is not None

    stage.broker.media_event(MediaEnded(session.address.stream_id))
    await closed(stage, session)

    assert stage.camera.calls[-1].byes == 1


async def test_a_session_without_viewers_ends(stage: Stage) -> None:
    session = await streaming(stage)
    housekeeping = asyncio.create_task(stage.broker.run())

    await closed(stage, session)

    housekeeping.cancel()
    assert session.reason == "idle"


async def test_whoever_asked_is_told_the_cause_however_short_the_idle_limit(stage: Stage) -> None:
    playing = await streaming(stage)
    stage.camera.hold = asyncio.Event()
    ringing = stage.broker.join(DEVICE, ChannelId("2"))
    housekeeping = asyncio.create_task(stage.broker.run())

    await closed(stage, playing)

    assert ringing.state is State.INVITING
    housekeeping.cancel()


async def test_a_session_that_is_watched_stays(stage: Stage) -> None:
    session = await streaming(stage)
    other = stage.broker.join(DEVICE, ChannelId("2"))
    stage.broker.add_viewer(session, viewer("viewer"))
    housekeeping = asyncio.create_task(stage.broker.run())

    await closed(stage, other)

    assert session.state is State.STREAMING
    housekeeping.cancel()


async def test_a_viewer_that_begins_after_its_end_is_sent_away(stage: Stage) -> None:
    session = await streaming(stage)
    assert session.address is not None
    late = viewer("anna")
    stage.broker.add_viewer(session, late)
    stage.broker.remove_viewer(late.viewer_id)

    stage.broker.media_event(
        ViewerJoined(session.address.stream_id, late.viewer_id, "192.0.2.7:1024")
    )

    await until(lambda: stage.relay.gone == [late.viewer_id])


async def test_stopping_while_inviting_withdraws_the_invite(stage: Stage) -> None:
    stage.camera.hold = asyncio.Event()
    session = stage.broker.join(DEVICE, CHANNEL)
    await until(lambda: bool(stage.camera.invitations))

    stage.broker.stop(session, "test")
    await closed(stage, session)

    assert stage.camera.withdrawn == 1


async def test_a_lost_device_ends_its_sessions_and_no_others(stage: Stage) -> None:
    session = await streaming(stage)
    other = stage.broker.join(DeviceId("34020000001180000002"), CHANNEL)

    stage.broker.device_lost(DEVICE)
    await closed(stage, session)

    assert not other.is_over


async def test_no_port_is_told_as_exhaustion(stage: Stage) -> None:
    stage.relay.is_full = True

    session = stage.broker.join(DEVICE, CHANNEL)
    await closed(stage, session)

    assert session.error is not None
    assert session.error.code == "exhausted"


def _leave(stage: Stage) -> None:
    for session in stage.broker.sessions():
        for viewer in list(session.viewers):
            stage.broker.remove_viewer(viewer)


def _watch(stage: Stage) -> None:
    session = stage.broker.join(DEVICE, CHANNEL)
    stage.broker.add_viewer(session, viewer(f"viewer-{len(session.viewers)}"))


def _refuse(stage: Stage) -> None:
    stage.camera.refusals.append(RejectedError("488", 488))


def _play(stage: Stage) -> None:
    for stream_id in list(stage.relay.open_streams):
        stage.relay.play(stream_id)


def _end_media(stage: Stage) -> None:
    for stream_id in list(stage.relay.open_streams):
        stage.broker.media_event(MediaEnded(stream_id))


def _bye(stage: Stage) -> None:
    for call in stage.camera.calls:
        call.end("bye")


def _lose_device(stage: Stage) -> None:
    stage.broker.device_lost(DEVICE)


def _stop_all(stage: Stage) -> None:
    for session in stage.broker.sessions():
        stage.broker.stop(session, "test")


def _hold(stage: Stage) -> None:
    stage.camera.hold = asyncio.Event()


def _release(stage: Stage) -> None:
    if stage.camera.hold is not None:
        stage.camera.hold.set()


def _fill_ports(stage: Stage) -> None:
    stage.relay.is_full = not stage.relay.is_full


STEPS = [
    _watch, _leave, _refuse, _play, _end_media, _bye, _lose_device, _stop_all, _hold, _release,
    _fill_ports,
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 4)), max_size=25))
def test_however_sessions_end_port_ssrc_and_stream_are_given_back(
    steps: list[tuple[object, int]],
) -> None:
    async def scenario() -> None:
        stage = build()
        for step, turns in steps:
            assert callable(step)
            step(stage)
            for _ in range(turns):
                await asyncio.sleep(0)
        await stage.broker.close()

        assert stage.nothing_is_lent_out()
        assert stage.broker.viewer_count == 0

    asyncio.run(scenario())


async def test_a_stage_tells_how_long_after_the_click_it_came(stage: Stage) -> None:
    session = await streaming(stage)

    since = [entry.since_s for entry in session.trace]

    assert since == sorted(since)
    assert {entry.attempt for entry in session.trace} == {1}


async def test_each_invite_has_a_call_id_by_which_its_messages_are_found(stage: Stage) -> None:
    stage.camera.refusals = [RejectedError("488", 488)]

    session = await streaming(stage)

    assert session.call_ids == [f"{session.session_id}-1", f"{session.session_id}-2"]
    assert [sent.call_id for sent in stage.camera.invitations] == session.call_ids
    assert [entry.attempt for entry in session.trace][:2] == [1, 2]
    assert (session.fallback, session.sip_status) == ("488", None)


async def test_the_status_of_a_refusal_is_a_fact_of_the_session(stage: Stage) -> None:
    stage.camera.refusals = [RejectedError("486 Busy Here", 486)]

    session = stage.broker.join(DEVICE, CHANNEL)
    await closed(stage, session)

    assert session.sip_status == 486


async def test_what_was_put_up_with_counts_for_the_device(stage: Stage) -> None:
    stage.camera.tolerances = ("sdp_no_ssrc",)
    stage.relay.tolerated = (("no-sender-reports", 1), ("lost-place", 40))

    session = await streaming(stage)
    stage.broker.stop(session, "test")
    await closed(stage, session)

    assert stage.proofs.tolerated == [
        (DEVICE, "sdp_no_ssrc"),
        (DEVICE, "media_no_sender_reports"),
        (DEVICE, "media_lost_place"),
    ]


async def test_the_last_play_of_a_channel_is_found_after_its_end(stage: Stage) -> None:
    first = await streaming(stage)
    stage.broker.stop(first, "test")
    await closed(stage, first)
    assert stage.broker.last_of(DEVICE, CHANNEL) is first

    second = await streaming(stage)
    assert stage.broker.last_of(DEVICE, CHANNEL) is second
    assert stage.broker.last_of_device(DEVICE) == [second]
    with pytest.raises(NotFoundError):
        stage.broker.last_of(DEVICE, "34020000001320000009")


async def test_a_session_does_not_log_under_the_request_that_began_it(stage: Stage) -> None:
    seen: list[dict[str, object]] = []
    stage.camera.on_answer = lambda _invitation: seen.append(
        structlog.contextvars.get_contextvars()
    )

    with structlog.contextvars.bound_contextvars(trace_id="of-the-request"):
        stage.broker.join(DEVICE, CHANNEL)
        await until(lambda: seen != [])

    assert seen == [{}]
