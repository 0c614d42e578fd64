"""Cameras move while somebody holds them, and stop by themselves (9.3, annex A.3)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import CHANNEL, DEVICE, registered, stage
from vms.errors import ConflictError, InvalidError, NoAnswerError, NotFoundError, RejectedError
from vms.events import MovementNotStopped
from vms.gb28181.manscdp.messages import CatalogItem
from vms.gb28181.ptz import (
    Auxiliary,
    CruiseAction,
    CruiseVerb,
    Focus,
    Lens,
    Move,
    Pan,
    PresetAction,
    PresetVerb,
    ScanAction,
    ScanVerb,
    Tilt,
)
from vms.server import Server
from vms.signalling.motion import Holder

UP = Move(tilt=Tilt.UP, tilt_speed=0x80)
RIGHT = Move(pan=Pan.RIGHT, pan_speed=0x80)
FOCUS = Lens(focus=Focus.FAR, focus_speed=0x80)
WANG = Holder("sign-in-1", "Wang")
LI = Holder("sign-in-2", "Li")
CHIEF = Holder("sign-in-3", "the chief", priority=9)

STOP, STOP_LENS = "A50F0000000000B4", "A50F0040000000F4"
UP_WORD, RIGHT_WORD = "A50F00080080003C", "A50F000180000035"
FOCUS_WORD = "A50F004180000075"


@asynccontextmanager
async def camera_of(
    server: Server, transport: Literal["UDP", "TCP"] = "UDP", version: str = "2.0"
) -> AsyncGenerator[SipPeer]:
    """A device with one camera on file."""
    async with registered(server, transport=transport, version=version) as peer:
        await server.inventory.replace_channels(DEVICE, [CatalogItem(CHANNEL)], complete=True)
        yield peer


async def next_word(camera: SipPeer) -> str:
    return (await camera.asked("MESSAGE", "DeviceControl")).element("PTZCmd")


def orders(camera: SipPeer) -> list[Message]:
    return [each for each in camera.requests if each.element("CmdType") == "DeviceControl"]


async def test_a_movement_is_the_printed_control(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        steered = await server.commands.steering.move(DEVICE, CHANNEL, UP, WANG)

        order = await camera.asked("MESSAGE", "DeviceControl")
        assert order.start == f"MESSAGE sip:{DEVICE}@127.0.0.1:{camera.port} SIP/2.0"
        assert order.element("DeviceID") == CHANNEL
        assert order.element("PTZCmd") == UP_WORD
        assert order.element("ControlPriority") == "5"
        assert steered.holder is WANG
        moving = server.commands.steering.moving(DEVICE, CHANNEL)
        assert moving is not None
        assert moving.movement == UP


async def test_a_movement_that_nobody_renews_stops_by_itself_and_twice_over_udp(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        await server.commands.steering.move(DEVICE, CHANNEL, UP, WANG, hold_s=0.3)

        assert [await next_word(camera) for _ in range(3)] == [UP_WORD, STOP, STOP]
        await until(lambda: server.commands.steering.moving(DEVICE, CHANNEL) is None)


async def test_over_tcp_one_stop_is_enough(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "TCP") as camera:
        await server.commands.steering.move(DEVICE, CHANNEL, UP, WANG)
        await server.commands.steering.stop(DEVICE, CHANNEL, WANG)

        assert [await next_word(camera) for _ in range(2)] == [UP_WORD, STOP]
        assert orders(camera) == []


async def test_of_many_changes_the_last_goes_out_after_half_a_second(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        steering = server.commands.steering
        for speed in range(1, 60):
            await steering.move(DEVICE, CHANNEL, Move(tilt=Tilt.UP, tilt_speed=speed), WANG)
        await steering.move(DEVICE, CHANNEL, RIGHT, WANG)

        assert await next_word(camera) == "A50F0008000100BD"
        assert await next_word(camera) == RIGHT_WORD
        await steering.stop(DEVICE, CHANNEL, WANG)
        assert await next_word(camera) == STOP


async def test_focus_and_iris_have_a_stop_of_their_own(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "TCP") as camera:
        steering = server.commands.steering
        await steering.move(DEVICE, CHANNEL, Lens(focus=Focus.FAR, focus_speed=0x80), WANG)

        await steering.stop(DEVICE, CHANNEL, WANG)

        assert [await next_word(camera) for _ in range(2)] == ["A50F004180000075", STOP_LENS]


async def test_a_camera_that_somebody_moves_is_not_taken_by_an_equal(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server):
        steering = server.commands.steering
        await steering.move(DEVICE, CHANNEL, UP, WANG)

        with pytest.raises(ConflictError, match="Wang is moving") as refusal:
            await steering.move(DEVICE, CHANNEL, RIGHT, LI)
        with pytest.raises(ConflictError, match="Wang is moving"):
            await steering.stop(DEVICE, CHANNEL, LI)
        with pytest.raises(ConflictError, match="Wang is moving"):
            await steering.act(DEVICE, CHANNEL, Auxiliary(1, is_on=True), LI)

        assert refusal.value.facts == {"holder": "Wang", "priority": 5}


async def test_a_greater_priority_takes_over(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server):
        steering = server.commands.steering
        await steering.move(DEVICE, CHANNEL, UP, WANG)

        steered = await steering.move(DEVICE, CHANNEL, RIGHT, CHIEF)

        assert steered.holder is CHIEF
        with pytest.raises(ConflictError, match="the chief is moving"):
            await steering.move(DEVICE, CHANNEL, UP, WANG)


async def test_what_a_holder_moves_stops_when_it_is_gone(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "TCP") as camera:
        steering = server.commands.steering
        await steering.move(DEVICE, CHANNEL, UP, WANG)

        await steering.release(LI.holder_id)
        assert steering.moving(DEVICE, CHANNEL) is not None
        await steering.release(WANG.holder_id)

        assert steering.moving(DEVICE, CHANNEL) is None
        assert [await next_word(camera) for _ in range(2)] == [UP_WORD, STOP]


async def test_what_moves_stops_with_the_server(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        await server.commands.steering.move(DEVICE, CHANNEL, UP, WANG)

        await server.commands.close()

        assert [await next_word(camera) for _ in range(3)] == [UP_WORD, STOP, STOP]


async def test_a_stop_without_200_is_repeated_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.stops.STOP_LIMIT_S", 0.3)
    async with stage(tmp_path) as server, camera_of(server) as camera:
        await server.commands.steering.move(DEVICE, CHANNEL, UP, WANG)
        del camera.answers["MESSAGE"]

        with server.events.subscribe(100) as news, pytest.raises(NoAnswerError):
            await server.commands.steering.stop(DEVICE, CHANNEL, WANG)
        told = (await news.next()).event

        assert isinstance(told, MovementNotStopped)
        assert (told.device_id, told.channel_id) == (DEVICE, CHANNEL)
        calls = {each["Call-ID"] for each in orders(camera) if each.element("PTZCmd") == STOP}
        assert len(calls) == 6


async def test_a_movement_that_is_not_answered_is_not_repeated_after_the_stop(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        del camera.answers["MESSAGE"]
        moving = asyncio.create_task(server.commands.steering.move(DEVICE, CHANNEL, UP, WANG))
        move = await camera.asked("MESSAGE", "DeviceControl")
        camera.answers["MESSAGE"] = 200

        await server.commands.steering.stop(DEVICE, CHANNEL, WANG)
        steered = await moving

        assert steered.movement == UP
        stopped_at = next(
            index for index, each in enumerate(camera.requests) if each.element("PTZCmd") == STOP
        )
        assert all(each["Call-ID"] != move["Call-ID"] for each in camera.requests[stopped_at:])


async def test_a_refused_movement_is_told_and_needs_no_stop(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        camera.answers["MESSAGE"] = 403

        with pytest.raises(RejectedError, match="403"):
            await server.commands.steering.move(DEVICE, CHANNEL, UP, WANG)

        assert server.commands.steering.moving(DEVICE, CHANNEL) is None


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (PresetAction(PresetVerb.SET, 1), "A50F008100010036"),
        (PresetAction(PresetVerb.CALL, 255), "A50F008200FF0035"),
        (CruiseAction(CruiseVerb.START, 1), "A50F00880100003D"),
        (CruiseAction(CruiseVerb.SET_DWELL, 1, 300), "A50F0087012C1078"),
        (ScanAction(ScanVerb.START, 1), "A50F00890100003E"),
        (Auxiliary(1, is_on=True), "A50F008C01000041"),
        (Auxiliary(1, is_on=False), "A50F008D01000042"),
    ],
)
async def test_every_other_word_goes_out_as_printed(
    tmp_path: Path, action: PresetAction | CruiseAction | ScanAction | Auxiliary, word: str
) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        outcome = await server.commands.steering.act(DEVICE, CHANNEL, action, WANG)

        assert outcome.is_confirmed
        assert await next_word(camera) == word


async def test_a_cruise_or_scan_is_ended_by_the_stop_of_ptz(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        await server.commands.steering.stop(DEVICE, CHANNEL, LI)

        assert [await next_word(camera) for _ in range(2)] == [STOP, STOP]


async def test_a_preset_call_ends_a_movement_first(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "TCP") as camera:
        steering = server.commands.steering
        await steering.move(DEVICE, CHANNEL, UP, WANG)

        await steering.act(DEVICE, CHANNEL, PresetAction(PresetVerb.CALL, 1), WANG)

        words = [await next_word(camera) for _ in range(3)]
        assert words == [UP_WORD, STOP, "A50F008200010037"]


async def test_a_preset_has_a_name_where_the_edition_has_names(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, version="3.0") as camera:
        action = PresetAction(PresetVerb.SET, 1)
        await server.commands.steering.act(DEVICE, CHANNEL, action, WANG, name="东门")

        order = await camera.asked("MESSAGE", "DeviceControl")
        assert order.element("PresetName") == "东门"


async def test_elsewhere_it_is_said_that_no_name_was_sent(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        action = PresetAction(PresetVerb.SET, 1)
        outcome = await server.commands.steering.act(DEVICE, CHANNEL, action, WANG, name="Gate")

        assert (await camera.asked("MESSAGE", "DeviceControl")).element("PresetName") == ""
        assert outcome.sentence.endswith("its edition has no names, none was sent")


async def test_nonsense_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server):
        steering = server.commands.steering
        with pytest.raises(InvalidError):
            await steering.move(DEVICE, CHANNEL, UP, WANG, hold_s=11)
        with pytest.raises(InvalidError):
            await steering.act(DEVICE, CHANNEL, PresetAction(PresetVerb.SET, 0), WANG)
        with pytest.raises(InvalidError):
            await steering.act(
                DEVICE, CHANNEL, PresetAction(PresetVerb.SET, 1), WANG, name="东" * 17
            )
        with pytest.raises(NotFoundError):
            await steering.move(DEVICE, "34020000001320000099", UP, WANG)


async def test_a_stop_that_fails_does_not_keep_the_other_one_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "TCP") as camera:
        steering = server.commands.steering
        await steering.move(DEVICE, CHANNEL, UP, WANG)
        await steering.move(DEVICE, CHANNEL, FOCUS, WANG)
        camera.answers["MESSAGE"] = 403

        with pytest.raises(RejectedError, match="403"):
            await steering.stop(DEVICE, CHANNEL, WANG)

        words = [each.element("PTZCmd") for each in orders(camera)]
        assert {STOP, STOP_LENS} <= set(words)


async def test_a_new_movement_does_not_take_back_a_stop_that_it_has_no_stop_for(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, camera_of(server, "TCP") as camera:
        steering = server.commands.steering
        await steering.move(DEVICE, CHANNEL, FOCUS, WANG)
        assert await next_word(camera) == FOCUS_WORD
        del camera.answers["MESSAGE"]
        stopping = asyncio.create_task(steering.stop(DEVICE, CHANNEL, WANG))
        assert await next_word(camera) == STOP_LENS
        camera.answers["MESSAGE"] = 200

        await steering.move(DEVICE, CHANNEL, UP, WANG)
        assert not (await stopping).is_confirmed
        await steering.stop(DEVICE, CHANNEL, WANG)

        words = [await next_word(camera) for _ in range(4)]
        assert words == [STOP_LENS, UP_WORD, STOP, STOP_LENS]


async def test_a_camera_whose_connection_broke_is_stopped_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.stops.STOP_LATER_S", 0.05)
    monkeypatch.setattr("vms.signalling.stops.LONGEST_PAUSE_S", 0.05)
    async with stage(tmp_path) as server:
        steering = server.commands.steering
        async with camera_of(server, "TCP"):
            await steering.move(DEVICE, CHANNEL, UP, WANG, hold_s=0.3)
        await until(lambda: steering.unconfirmed_stops == 1)
        assert steering.moving(DEVICE, CHANNEL) is None

        async with registered(server, transport="TCP") as camera:
            assert await next_word(camera) == STOP


async def test_what_is_owed_to_a_camera_is_forgotten_when_it_moves_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.stops.STOP_LATER_S", 0.05)
    monkeypatch.setattr("vms.signalling.stops.STOP_LIMIT_S", 0.1)
    async with stage(tmp_path) as server, camera_of(server, "TCP") as camera:
        steering = server.commands.steering
        await steering.move(DEVICE, CHANNEL, UP, WANG)
        del camera.answers["MESSAGE"]
        with pytest.raises(NoAnswerError):
            await steering.stop(DEVICE, CHANNEL, WANG)
        camera.answers["MESSAGE"] = 200

        await steering.move(DEVICE, CHANNEL, RIGHT, WANG)

        await until(lambda: orders(camera)[-1].element("PTZCmd") == RIGHT_WORD)
        loop = asyncio.get_running_loop()
        over_at = loop.time() + 4 * 0.05
        await until(lambda: loop.time() > over_at)
        assert orders(camera)[-1].element("PTZCmd") == RIGHT_WORD


async def test_a_refusal_does_not_free_a_camera_that_may_have_taken_the_next_movement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine: no movement ends before its holder is gone.
    monkeypatch.setattr("vms.signalling.steering.LONGEST_HOLD_S", 600.0)
    async with stage(tmp_path) as server, camera_of(server, "TCP") as camera:
        steering = server.commands.steering
        del camera.answers["MESSAGE"]
        first = asyncio.create_task(steering.move(DEVICE, CHANNEL, UP, WANG, hold_s=600))
        refused = await camera.asked("MESSAGE", "DeviceControl")
        await steering.move(DEVICE, CHANNEL, RIGHT, WANG, hold_s=600)
        assert await next_word(camera) == RIGHT_WORD
        camera.respond(refused, 403)

        with pytest.raises(RejectedError):
            await first

        moving = steering.moving(DEVICE, CHANNEL)
        assert moving is not None
        assert moving.movement == RIGHT
        camera.answers["MESSAGE"] = 200
        await steering.release(WANG.holder_id)
        assert await next_word(camera) == STOP
