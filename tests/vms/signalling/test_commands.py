"""Every query and control, against a device that writes the standard's own bytes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import CHANNEL, DEVICE, catalogue, channel_id, registered, stage
from vms.errors import InvalidError, NoAnswerError, NotFoundError, RejectedError, UnsupportedError
from vms.gb28181.manscdp.messages import (
    CatalogItem,
    CruisePoint,
    CruiseTrack,
    HomePosition,
    Preset,
    PtzPosition,
    SdCard,
    TrackMode,
    ZoomBox,
)
from vms.server import Server
from vms.signalling.commanding import Outcome
from vms.signalling.jobs import JobState

Answered = TypeVar("Answered")

BOX = ZoomBox(1280, 720, 640, 360, 320, 180)
BOX_XML = (
    "<Length>1280</Length><Width>720</Width><MidPointX>640</MidPointX>"
    "<MidPointY>360</MidPointY><LengthX>320</LengthX><LengthY>180</LengthY>"
)


@asynccontextmanager
async def camera_of(server: Server, version: str = "3.0") -> AsyncGenerator[SipPeer]:
    """A device with one camera on file; it is of the last edition unless said otherwise."""
    async with registered(server, version=version) as peer:
        await server.inventory.replace_channels(DEVICE, [CatalogItem(CHANNEL)], complete=True)
        yield peer


async def answered(
    asking: Awaitable[Answered], camera: SipPeer, cmd_type: str, content: str
) -> tuple[Answered, Message]:
    """What comes of a question that the device answers with `content`."""

    async def answer() -> Message:
        question = await camera.asked("MESSAGE", cmd_type)
        sn, target = question.element("SN"), question.element("DeviceID")
        response = await camera.tell(
            '<?xml version="1.0" encoding="GB2312"?>\n'
            f"<Response><CmdType>{cmd_type}</CmdType><SN>{sn}</SN>"
            f"<DeviceID>{target}</DeviceID>{content}</Response>"
        )
        assert response.status == 200
        return question

    return await asyncio.gather(asking, answer())


# Queries


async def test_presets_are_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "1.1") as camera:
        presets, question = await answered(
            server.commands.queries.presets(DEVICE, CHANNEL),
            camera,
            "PresetQuery",
            '<SumNum>2</SumNum><PresetList Num="2"><Item><PresetID>1</PresetID>'
            "<PresetName>Gate</PresetName></Item><Item><PresetID>2</PresetID>"
            "<PresetName>Yard</PresetName></Item></PresetList>",
        )

        assert question.element("DeviceID") == CHANNEL
        assert question.start == f"MESSAGE sip:{DEVICE}@127.0.0.1:{camera.port} SIP/2.0"
        assert presets == (Preset(1, "Gate"), Preset(2, "Yard"))


def preset_part(question: Message, total: int, *numbers: int) -> str:
    items = "".join(f"<Item><PresetID>{each}</PresetID></Item>" for each in numbers)
    return (
        f"<Response><CmdType>PresetQuery</CmdType><SN>{question.element('SN')}</SN>"
        f"<DeviceID>{CHANNEL}</DeviceID><SumNum>{total}</SumNum>"
        f'<PresetList Num="{len(numbers)}">{items}</PresetList></Response>'
    )


@pytest.mark.parametrize("total", [3, 4], ids=["all of them", "one is lost"])
async def test_presets_that_come_in_parts_are_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int
) -> None:
    monkeypatch.setattr("vms.signalling.messenger.PARTS_LIMIT_S", 0.3)
    async with stage(tmp_path) as server, camera_of(server) as camera:
        asking = asyncio.ensure_future(server.commands.queries.presets(DEVICE, CHANNEL))
        question = await camera.asked("MESSAGE", "PresetQuery")
        for numbers in ((1, 2), (2, 3)):
            await camera.tell(preset_part(question, total, *numbers))

        assert await asking == (Preset(1), Preset(2), Preset(3))


async def test_a_cruise_that_comes_in_parts_stops_twice_where_it_says_so(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        asking = asyncio.ensure_future(server.commands.queries.cruise_track(DEVICE, CHANNEL, 1))
        question = await camera.asked("MESSAGE", "CruiseTrackQuery")
        for preset in (3, 4, 3):
            await camera.tell(
                f"<Response><CmdType>CruiseTrackQuery</CmdType><SN>{question.element('SN')}</SN>"
                f"<DeviceID>{CHANNEL}</DeviceID><Number>1</Number><Name>T1</Name>"
                '<SumNum>3</SumNum><CruisePointList Num="1"><CruisePoint>'
                f"<PresetIndex>{preset}</PresetIndex><StayTime>5</StayTime><Speed>8</Speed>"
                "</CruisePoint></CruisePointList></Response>"
            )

        track = await asking
        assert [point.preset_index for point in track.points] == [3, 4, 3]


async def test_the_home_position_is_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        home, _ = await answered(
            server.commands.queries.home_position(DEVICE, CHANNEL),
            camera,
            "HomePositionQuery",
            "<HomePosition><Enabled>1</Enabled><ResetTime>30</ResetTime>"
            "<PresetIndex>1</PresetIndex></HomePosition>",
        )

        assert home == HomePosition(True, 30, 1)


async def test_cruise_tracks_and_their_points_are_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        queries = server.commands.queries
        tracks, _ = await answered(
            queries.cruise_tracks(DEVICE, CHANNEL),
            camera,
            "CruiseTrackListQuery",
            '<SumNum>1</SumNum><CruiseTrackList Num="1"><CruiseTrack><Number>0</Number>'
            "<Name>T0</Name></CruiseTrack></CruiseTrackList>",
        )
        track, question = await answered(
            queries.cruise_track(DEVICE, CHANNEL, 0),
            camera,
            "CruiseTrackQuery",
            '<Number>0</Number><Name>T0</Name><SumNum>1</SumNum><CruisePointList Num="1">'
            "<CruisePoint><PresetIndex>3</PresetIndex><StayTime>5</StayTime><Speed>8</Speed>"
            "</CruisePoint></CruisePointList>",
        )

        assert tracks == (CruiseTrack(0, "T0"),)
        assert question.element("Number") == "0"
        assert track.points == (CruisePoint(3, 5, 8),)


async def test_where_a_camera_looks_is_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        position, _ = await answered(
            server.commands.queries.ptz_position(DEVICE, CHANNEL),
            camera,
            "PTZPosition",
            "<Pan>12.5</Pan><Tilt>-3.0</Tilt><Zoom>4.0</Zoom>"
            "<HorizontalFieldAngle>60</HorizontalFieldAngle>"
            "<VerticalFieldAngle>35</VerticalFieldAngle><MaxViewDistance>200</MaxViewDistance>",
        )

        assert position == PtzPosition(12.5, -3.0, 4.0, 60.0, 35.0, 200.0)


async def test_memory_cards_are_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        cards, question = await answered(
            server.commands.queries.sd_cards(DEVICE),
            camera,
            "SDCardStatus",
            '<SumNum>1</SumNum><SDCardStatusInfo Num="1"><Item><ID>1</ID>'
            "<HddName>SD Card 1</HddName><Status>ok</Status><Capacity>32768</Capacity>"
            "<FreeSpace>24576</FreeSpace></Item></SDCardStatusInfo>",
        )

        assert question.element("DeviceID") == DEVICE
        assert cards == (SdCard(1, "SD Card 1", "ok", None, 32768, 24576),)


async def test_a_status_tells_how_far_the_clock_is_off(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        status, question = await answered(
            server.commands.queries.status(DEVICE, CHANNEL),
            camera,
            "DeviceStatus",
            "<Result>OK</Result><Online>ONLINE</Online><Status>OK</Status>"
            "<DeviceTime>2024-05-01T16:00:00</DeviceTime>",
        )

        assert question.element("DeviceID") == CHANNEL
        assert status.is_online
        offset_s = server.inventory.device(DEVICE).clock_offset_s
        assert offset_s is not None
        its_time = datetime(2024, 5, 1, 8, 0, 0, 500_000, tzinfo=UTC)
        expected_s = (its_time - datetime.now(UTC)).total_seconds()
        assert abs(offset_s - expected_s) < 60


async def test_alarms_are_asked_for_by_message_up_to_2016(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "2.0") as camera:
        outcome, question = await answered(
            server.commands.queries.alarms(DEVICE, priorities=(1, 4), methods=(2,)),
            camera,
            "Alarm",
            "<Result>OK</Result>",
        )

        assert outcome == Outcome(True, f"{DEVICE} answered OK to the question for alarms")
        assert question.element("StartAlarmPriority") == "1"
        assert question.element("EndAlarmPriority") == "4"
        assert question.element("AlarmMethod") == "2"


async def test_alarms_of_a_device_of_2022_are_only_subscribed(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server):
        with pytest.raises(UnsupportedError, match="Alarm by MESSAGE"):
            await server.commands.queries.alarms(DEVICE)


async def test_a_position_is_asked_for_by_message(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        outcome = await server.commands.queries.position(DEVICE, interval_s=5)

        question = await camera.asked("MESSAGE", "MobilePosition")
        assert question.element("Interval") == "5"
        assert outcome.is_confirmed


async def test_a_part_of_a_catalogue_takes_no_channel_away(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        job = await server.commands.queries.catalog(DEVICE, target="340201")
        question = await camera.asked("MESSAGE", "Catalog")
        while question.element("DeviceID") != "340201":
            question = await camera.asked("MESSAGE", "Catalog")
        await camera.tell(catalogue(question.element("SN"), 1, channel_id(7), device_id="340201"))

        await until(lambda: server.link.catalog_job(job.job_id).state is JobState.COMPLETE)
        assert server.inventory.has_channel(DEVICE, channel_id(7))
        assert server.inventory.has_channel(DEVICE, CHANNEL)


async def test_who_asks_the_same_shares_the_answer(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        queries = server.commands.queries
        both = asyncio.gather(queries.presets(DEVICE, CHANNEL), queries.presets(DEVICE, CHANNEL))
        (first, second), _ = await answered(
            both,
            camera,
            "PresetQuery",
            '<SumNum>1</SumNum><PresetList Num="1"><Item><PresetID>1</PresetID>'
            "<PresetName>Gate</PresetName></Item></PresetList>",
        )

        assert first == second == (Preset(1, "Gate"),)
        assert [each for each in camera.requests if each.element("CmdType") == "PresetQuery"] == []


async def test_an_answer_that_comes_before_the_200_counts(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        del camera.answers["MESSAGE"]

        presets, _ = await answered(
            server.commands.queries.presets(DEVICE, CHANNEL),
            camera,
            "PresetQuery",
            '<PresetList Num="0"></PresetList>',
        )

        assert presets == ()


async def test_a_question_that_is_refused_is_not_waited_for(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        camera.answers["MESSAGE"] = 404

        with pytest.raises(RejectedError, match=f"{DEVICE} answered 404") as refusal:
            await server.commands.queries.presets(DEVICE, CHANNEL)

        assert refusal.value.status == 404


async def test_what_its_edition_does_not_have_a_device_is_not_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "") as camera:
        with pytest.raises(UnsupportedError) as refusal:
            await server.commands.queries.ptz_position(DEVICE, CHANNEL)

        assert str(refusal.value) == (
            f"PTZPosition is in the editions 2022; {DEVICE} does not name its edition "
            "and is taken for 2016"
        )
        assert all(each.element("CmdType") != "PTZPosition" for each in camera.requests)


async def test_unless_a_person_insists(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "1.0") as camera:
        position, _ = await answered(
            server.commands.queries.ptz_position(DEVICE, CHANNEL, force=True),
            camera,
            "PTZPosition",
            "<Pan>1.0</Pan>",
        )

        assert position == PtzPosition(1.0)


# Controls

Order = Callable[[Server], Awaitable[Outcome]]

SILENT: list[tuple[str, Order, str]] = [
    (
        DEVICE,
        lambda server: server.commands.controls.reboot(DEVICE),
        "<TeleBoot>Boot</TeleBoot>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.key_picture(DEVICE, CHANNEL),
        "<IFrameCmd>Send</IFrameCmd>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.drag_zoom(DEVICE, CHANNEL, BOX, is_in=True),
        f"<DragZoomIn>{BOX_XML}</DragZoomIn>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.drag_zoom(DEVICE, CHANNEL, BOX, is_in=False),
        f"<DragZoomOut>{BOX_XML}</DragZoomOut>",
    ),
    (
        DEVICE,
        lambda server: server.commands.controls.format_sd_card(DEVICE, 1),
        "<FormatSDCard>1</FormatSDCard>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.track_target(DEVICE, CHANNEL, TrackMode.AUTO),
        "<TargetTrack>Auto</TargetTrack>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.track_target(
            DEVICE, CHANNEL, TrackMode.MANUAL, panorama_channel_id=CHANNEL, area=BOX
        ),
        (
            f"<TargetTrack>Manual</TargetTrack><DeviceID2>{CHANNEL}</DeviceID2>"
            f"<TargetArea>{BOX_XML}</TargetArea>"
        ),
    ),
]

ANSWERED: list[tuple[str, Order, str]] = [
    (
        CHANNEL,
        lambda server: server.commands.controls.record(DEVICE, CHANNEL, is_start=True),
        "<RecordCmd>Record</RecordCmd>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.record(
            DEVICE, CHANNEL, is_start=False, stream_number=1
        ),
        "<RecordCmd>StopRecord</RecordCmd><StreamNumber>1</StreamNumber>",
    ),
    (
        DEVICE,
        lambda server: server.commands.controls.guard(DEVICE, is_set=True),
        "<GuardCmd>SetGuard</GuardCmd>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.guard(DEVICE, CHANNEL, is_set=False),
        "<GuardCmd>ResetGuard</GuardCmd>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.reset_alarm(
            DEVICE, CHANNEL, methods=(2,), types=(1,)
        ),
        "<AlarmCmd>ResetAlarm</AlarmCmd>",
    ),
    (
        CHANNEL,
        lambda server: server.commands.controls.set_home_position(
            DEVICE, CHANNEL, HomePosition(True, 30, 1)
        ),
        (
            "<HomePosition><Enabled>1</Enabled><ResetTime>30</ResetTime>"
            "<PresetIndex>1</PresetIndex></HomePosition>"
        ),
    ),
]


def written(order: Message) -> str:
    return "".join(line.strip() for line in order.body.decode("gb18030").splitlines())


@pytest.mark.parametrize(("target", "order", "content"), SILENT)
async def test_an_order_without_response_is_confirmed_by_its_200(
    tmp_path: Path, target: str, order: Order, content: str
) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        outcome = await order(server)

        assert outcome.is_confirmed
        sent = await camera.asked("MESSAGE", "DeviceControl")
        assert sent.element("DeviceID") == target
        assert content in written(sent)


@pytest.mark.parametrize(("target", "order", "content"), ANSWERED)
async def test_an_order_with_response_is_confirmed_by_it(
    tmp_path: Path, target: str, order: Order, content: str
) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        outcome, sent = await answered(
            order(server), camera, "DeviceControl", "<Result>OK</Result>"
        )

        assert outcome.is_confirmed
        assert outcome.sentence.startswith(f"{DEVICE} answered OK to ")
        assert sent.element("DeviceID") == target
        assert content in written(sent)


async def test_a_camera_is_told_exactly_where_to_look(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        await server.commands.controls.look_at(
            DEVICE, CHANNEL, pan_deg=90.0, tilt_deg=-5.5, zoom=2.0
        )

        sent = await camera.asked("MESSAGE", "DeviceControl")
        values = [float(sent.element(name)) for name in ("Pan", "Tilt", "Zoom")]
        assert values == [90.0, -5.5, 2.0]


async def test_silence_after_the_200_is_taken_and_not_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.commanding.RESULT_LIMIT_S", 0.3)
    async with stage(tmp_path) as server, camera_of(server):
        outcome = await server.commands.controls.guard(DEVICE, is_set=True)

        assert not outcome.is_confirmed
        assert outcome.sentence.startswith(f"{DEVICE} took GuardCmd (200) and did not tell")


async def test_an_order_answered_with_error_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        with pytest.raises(RejectedError, match=f"{DEVICE} answered ERROR to GuardCmd"):
            await answered(
                server.commands.controls.guard(DEVICE, is_set=True),
                camera,
                "DeviceControl",
                "<Result>ERROR</Result>",
            )


async def test_a_stray_response_is_nobodys_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.commanding.RESULT_LIMIT_S", 0.5)
    async with stage(tmp_path) as server, camera_of(server) as camera:
        await server.commands.controls.reboot(DEVICE)
        sn = (await camera.asked("MESSAGE", "DeviceControl")).element("SN")
        guarding = asyncio.create_task(server.commands.controls.guard(DEVICE, is_set=True))
        await camera.asked("MESSAGE", "DeviceControl")

        await camera.tell(
            f"<Response><CmdType>DeviceControl</CmdType><SN>{sn}</SN>"
            f"<DeviceID>{DEVICE}</DeviceID><Result>ERROR</Result></Response>"
        )

        assert not (await guarding).is_confirmed


async def test_an_order_that_nobody_takes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.messenger.MESSAGE_LIMIT_S", 0.3)
    async with stage(tmp_path) as server, camera_of(server) as camera:
        del camera.answers["MESSAGE"]

        with pytest.raises(NoAnswerError):
            await server.commands.controls.reboot(DEVICE)


async def test_the_key_picture_is_misspelt_for_devices_of_2016(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "2.0") as camera:
        await server.commands.controls.key_picture(DEVICE, CHANNEL)

        assert "<IFameCmd>Send</IFameCmd>" in written(
            await camera.asked("MESSAGE", "DeviceControl")
        )


async def test_nonsense_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server):
        controls = server.commands.controls
        with pytest.raises(InvalidError):
            await controls.look_at(DEVICE, CHANNEL)
        with pytest.raises(InvalidError):
            await controls.look_at(DEVICE, CHANNEL, pan_deg=float("nan"))
        with pytest.raises(InvalidError):
            await controls.drag_zoom(
                DEVICE, CHANNEL, ZoomBox(1280, 720, 640, 360, 0, 180), is_in=True
            )
        with pytest.raises(InvalidError):
            await controls.track_target(DEVICE, CHANNEL, TrackMode.MANUAL)
        with pytest.raises(NotFoundError):
            await controls.record(DEVICE, "34020000001320000099", is_start=True)
        with pytest.raises(NotFoundError):
            await controls.reboot("34020000001180000099")
