"""A picture that is lost is asked for again while somebody watches, and viewers stay."""

from collections.abc import AsyncIterator

import pytest

from media.door import MediaEnded, MediaSilent
from tests.support.waiting import until, until_async
from tests.vms.sessions.test_broker import (
    Stage,
    build,
    closed,
    no_pauses,
    streaming,
    viewer,
)
from vms.errors import NoAnswerError, NoMediaError
from vms.sessions.machine import State
from vms.sessions.session import Session


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    no_pauses(monkeypatch)
    stage = build()
    yield stage
    await stage.broker.close()
    assert stage.nothing_is_lent_out()


async def watched(stage: Stage) -> Session:
    session = await streaming(stage)
    stage.broker.add_viewer(session, viewer("anna"))
    return session


def mishaps(session: Session) -> list[str]:
    wanted = {"interrupted", "attempt_failed", "restored", "given_up"}
    return [entry.stage for entry in session.trace if entry.stage in wanted]


async def back(session: Session, times: int = 1) -> None:
    await until(lambda: session.state is State.STREAMING and session.recoveries == times)


async def test_a_silence_is_ended_by_a_new_invite_on_the_same_stream(stage: Stage) -> None:
    session = await watched(stage)
    address = session.address
    assert address is not None

    stage.broker.media_event(MediaSilent(address.stream_id, 10.0))
    assert session.state is State.RECOVERING
    await back(session)

    assert session.address is address
    assert [sent.port for sent in stage.camera.invitations] == [address.port, address.port]
    assert len({sent.serial for sent in stage.camera.invitations}) == 2
    assert list(session.viewers) == ["anna"]
    assert mishaps(session) == ["interrupted", "restored"]
    assert stage.camera.calls[0].byes == 1


@pytest.mark.parametrize("loss", ["connection", "bye"])
async def test_a_camera_that_hangs_up_is_asked_again(stage: Stage, loss: str) -> None:
    session = await watched(stage)
    assert session.address is not None

    if loss == "bye":
        stage.camera.calls[-1].end("bye")
    else:
        stage.broker.media_event(MediaEnded(session.address.stream_id))
    await back(session)

    assert len(stage.camera.invitations) == 2


async def test_a_camera_that_hangs_up_again_and_again_is_asked_with_the_last_pause(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await watched(stage)
    stage.camera.calls[-1].end("bye")
    await back(session)
    monkeypatch.setattr("vms.sessions.driver.PAUSES_S", (3_600.0,))

    stage.camera.calls[-1].end("bye")
    await back(session, times=2)

    assert len(stage.camera.invitations) == 3


async def test_a_picture_that_is_lost_again_and_again_is_asked_for_ever_more_rarely(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await watched(stage)
    words: list[str] = []
    for times in range(1, 8):
        monkeypatch.setattr("vms.sessions.driver.LAST_PAUSE_S", 2.0)
        stage.camera.calls[-1].end("bye")
        monkeypatch.setattr("vms.sessions.driver.LAST_PAUSE_S", 0.0)
        words.append(session.trace[-1].detail)
        assert session.reason == ("interrupted" if times == 1 else "flapping")
        await back(session, times=times)

    assert session.relapses == 6
    pauses = [text.rpartition("asked again after ")[2].split(" ")[0] for text in words[1:]]
    assert "asked again" not in words[0]
    assert pauses == ["2", "4", "8", "16", "30", "30"]
    assert "lost again within a minute, 6 in a row" in words[-1]


async def test_after_a_minute_of_pictures_a_loss_is_the_first_one_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await watched(stage)
    for times in (1, 2):
        stage.camera.calls[-1].end("bye")
        await back(session, times=times)
    assert session.relapses == 1
    session.restored_s -= 60.0
    monkeypatch.setattr("vms.sessions.driver.LAST_PAUSE_S", 3_600.0)

    stage.camera.calls[-1].end("bye")

    assert (session.relapses, session.reason) == (0, "interrupted")
    await back(session, times=3)


async def test_a_process_that_dies_again_and_again_is_not_held_against_the_camera(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await watched(stage)
    monkeypatch.setattr("vms.sessions.driver.LAST_PAUSE_S", 3_600.0)
    for times in (1, 2, 3):
        stage.relay.lose_worker()
        await back(session, times=times)

    assert (session.relapses, session.reason) == (0, "interrupted")


async def test_a_stream_whose_process_is_gone_begins_in_another_without_waiting_for_viewers(
    stage: Stage,
) -> None:
    session = await watched(stage)
    old = session.address
    assert old is not None
    stage.relay.viewers[next(iter(session.viewers))] = old.stream_id

    stage.relay.lose_worker()
    await back(session)

    assert session.viewers == {}
    assert session.address is not None
    assert (old.worker, session.address.worker, session.worker) == (0, 1, 1)


@pytest.mark.parametrize("age_s", [None, 10.0])
async def test_a_stream_whose_end_was_told_while_it_came_back_is_asked_for_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, age_s: float | None
) -> None:
    monkeypatch.setattr("vms.sessions.driver.MEASURE_PERIOD_S", 0.01)
    session = await watched(stage)
    address = session.address
    assert address is not None
    stage.broker.media_event(MediaSilent(address.stream_id, 4.0))
    stage.broker.media_event(MediaEnded(address.stream_id))
    await back(session)

    stage.relay.last_packet_age_s = age_s
    await until(lambda: len(stage.camera.invitations) > 2)
    stage.relay.last_packet_age_s = 0.0
    await until(lambda: session.state is State.STREAMING and session.recoveries > 1)

    assert list(session.viewers) == ["anna"]
    assert session.address is address


async def test_failed_attempts_stand_in_the_trace_and_the_next_ones_follow(stage: Stage) -> None:
    session = await watched(stage)
    assert session.address is not None
    stage.camera.refusals = [NoAnswerError("nobody there"), NoAnswerError("nobody there")]

    stage.broker.media_event(MediaSilent(session.address.stream_id, 10.0))
    await back(session)

    assert mishaps(session) == ["interrupted", "attempt_failed", "attempt_failed", "restored"]
    assert {sent.silent_limit_s for sent in stage.camera.invitations[1:]} == {4.0}


async def test_a_picture_that_comes_back_by_itself_needs_no_invite(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.sessions.driver.PAUSES_S", (30.0,))
    session = await watched(stage)
    assert session.address is not None

    stage.broker.media_event(MediaSilent(session.address.stream_id, 10.0))
    stream_id = session.address.stream_id

    async def sends() -> State:
        stage.relay.play(stream_id)
        return session.state

    await until_async(sends, lambda state: state is State.STREAMING)

    assert len(stage.camera.invitations) == 1


async def test_it_is_given_up_after_the_limit_with_the_last_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_pauses(monkeypatch)
    stage = build(recovery_limit_s=0.0)
    session = await watched(stage)
    assert session.address is not None

    stage.broker.media_event(MediaSilent(session.address.stream_id, 10.0))
    await closed(stage, session)

    assert isinstance(session.error, NoMediaError)
    assert "did not come back" in str(session.error)
    assert (mishaps(session)[-1], session.ended_by) == ("given_up", "media_lost")
    await stage.broker.close()
