"""Configurations read and written, whatever a device makes of the question (9.5.3)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.sip_peer import Message, SipPeer
from tests.vms.signalling.stage import CHANNEL, DEVICE, registered, stage
from vms.errors import InvalidError, NoAnswerError, RejectedError, UnsupportedError
from vms.gb28181.manscdp.messages import (
    AlarmReport,
    BasicParam,
    CatalogItem,
    ConfigBlock,
    FrameMirror,
    MaskRegion,
    PictureMask,
    PixelBox,
    VideoParamAttribute,
    VideoParamOpt,
    VideoStreamAttribute,
)
from vms.server import Server
from vms.signalling.configs import ConfigReading, ConfigWriting

BASIC = (
    "<BasicParam><Name>NVR</Name><Expiration>3600</Expiration>"
    "<HeartBeatInterval>60</HeartBeatInterval><HeartBeatCount>3</HeartBeatCount></BasicParam>"
)
IN_FORCE = BasicParam("NVR", 3600, 60, 3)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.signalling.configs.SETTLING_S", 0.0)
    monkeypatch.setattr("vms.signalling.configs.SILENCE_LIMIT_S", 0.3)
    monkeypatch.setattr("vms.signalling.configs.ANSWER_LIMIT_S", 1.0)
    monkeypatch.setattr("vms.signalling.commanding.RESULT_LIMIT_S", 1.0)


@asynccontextmanager
async def camera_of(server: Server, version: str = "3.0") -> AsyncGenerator[SipPeer]:
    async with registered(server, version=version) as peer:
        await server.inventory.replace_channels(DEVICE, [CatalogItem(CHANNEL)], complete=True)
        yield peer


async def answer(camera: SipPeer, cmd_type: str, *contents: str) -> Message:
    """One MESSAGE for each content, all with the SN of the question."""
    question = await camera.asked("MESSAGE", cmd_type)
    for content in contents:
        await camera.tell(
            f"<Response><CmdType>{cmd_type}</CmdType><SN>{question.element('SN')}</SN>"
            f"<DeviceID>{question.element('DeviceID')}</DeviceID>{content}</Response>"
        )
    return question


async def read(
    server: Server, camera: SipPeer, config_type: str, *contents: str
) -> tuple[ConfigReading, Message]:
    configs = server.commands.configs
    return await asyncio.gather(
        configs.read(DEVICE, config_type, CHANNEL), answer(camera, "ConfigDownload", *contents)
    )


async def test_one_type_is_asked_at_a_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "2.0") as camera:
        reading, question = await read(
            server,
            camera,
            "VideoParamOpt",
            "<Result>OK</Result><VideoParamOpt><DownloadSpeed>1/2/4</DownloadSpeed>"
            "<Resolution>4/5/6</Resolution></VideoParamOpt>",
        )

        assert question.element("ConfigType") == "VideoParamOpt"
        assert question.element("DeviceID") == CHANNEL
        assert reading.block == VideoParamOpt(("1", "2", "4"), ("4", "5", "6"))


async def test_the_basic_parameters_are_always_the_devices(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "2.0") as camera:
        reading, question = await read(server, camera, "BasicParam", f"<Result>OK</Result>{BASIC}")

        assert question.element("DeviceID") == DEVICE
        assert reading.block == IN_FORCE


async def test_a_block_may_follow_in_a_message_of_its_own(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        reading, _ = await read(
            server,
            camera,
            "FrameMirror",
            "<Result>OK</Result>",
            "<Result>OK</Result><FrameMirror>3</FrameMirror>",
        )

        assert reading.block == FrameMirror(3)


async def test_an_answer_under_another_name_is_the_answer(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        reading, _ = await read(
            server,
            camera,
            "AlarmReport",
            "<Result>OK</Result><FrameMirror>1</FrameMirror>",
        )

        assert reading.block == FrameMirror(1)
        assert reading.sentence == f"{DEVICE} answered with FrameMirror"


@pytest.mark.parametrize("result", ["OK", "ERROR"])
async def test_a_result_alone_means_that_there_is_no_such_block(
    tmp_path: Path, result: str
) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        reading, _ = await read(server, camera, "OSDConfig", f"<Result>{result}</Result>")

        assert reading.block is None
        assert reading.sentence == (
            f"{DEVICE} answered {result} without a block: it has no OSDConfig"
        )


async def test_silence_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server):
        with pytest.raises(NoAnswerError, match="OSDConfig in 1 s"):
            await server.commands.configs.read(DEVICE, "OSDConfig", CHANNEL)


async def test_what_its_edition_does_not_have_is_not_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "2.0"):
        configs = server.commands.configs

        assert "BasicParam" in configs.types(DEVICE)
        assert "OSDConfig" not in configs.types(DEVICE)
        with pytest.raises(UnsupportedError, match="OSDConfig is in the editions 2022"):
            await configs.read(DEVICE, "OSDConfig", CHANNEL)
        with pytest.raises(InvalidError):
            await configs.read(DEVICE, "Everything", CHANNEL)


# Writing


async def written(
    server: Server, camera: SipPeer, block: ConfigBlock, *read_back: str
) -> tuple[ConfigWriting, Message]:
    async def device() -> Message:
        order = await answer(camera, "DeviceConfig", "<Result>OK</Result>")
        if read_back:
            await answer(camera, "ConfigDownload", *read_back)
        return order

    return await asyncio.gather(server.commands.configs.write(DEVICE, [block], CHANNEL), device())


async def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "2.0") as camera:
        wanted = BasicParam(name="NVR", expiration_s=7200)

        writing, order = await written(server, camera, wanted, f"<Result>OK</Result>{BASIC}")

        assert (order.element("Name"), order.element("Expiration")) == ("NVR", "7200")
        assert order.element("HeartBeatCount") == ""
        assert writing.is_accepted
        assert writing.confirmed == ("BasicParam.name",)
        assert writing.differing == ("BasicParam.expiration_s",)


async def test_one_stream_that_was_written_is_found_among_all_that_are_read_back(
    tmp_path: Path,
) -> None:
    def stream(number: int, rate: str) -> str:
        return (
            f"<Item><StreamNumber>{number}</StreamNumber><VideoFormat>5</VideoFormat>"
            f"<Resolution>6</Resolution><FrameRate>{rate}</FrameRate><BitRateType>1</BitRateType>"
            "<VideoBitRate>4096</VideoBitRate></Item>"
        )

    told = (
        '<Result>OK</Result><VideoParamAttribute Num="2">'
        f"{stream(0, '25')}{stream(1, '15')}</VideoParamAttribute>"
    )
    async with stage(tmp_path) as server, camera_of(server) as camera:
        second = VideoParamAttribute((VideoStreamAttribute(1, frame_rate="15"),))
        writing, _ = await written(server, camera, second, told)
        assert (writing.confirmed, writing.differing) == (("VideoParamAttribute.streams",), ())

        faster = VideoParamAttribute((VideoStreamAttribute(1, frame_rate="25"),))
        writing, _ = await written(server, camera, faster, told)
        assert (writing.confirmed, writing.differing) == ((), ("VideoParamAttribute.streams",))


async def test_where_it_cannot_be_read_back_that_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        writing, _ = await written(server, camera, AlarmReport(True, False))

        assert writing.is_accepted
        assert writing.confirmed == ()
        assert "AlarmReport could not be read back: no answer" in writing.sentence


async def test_silence_after_the_200_is_no_confirmation(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        writing, _ = await asyncio.gather(
            server.commands.configs.write(DEVICE, [FrameMirror(3)], CHANNEL),
            answer(camera, "ConfigDownload", "<Result>OK</Result><FrameMirror>3</FrameMirror>"),
        )

        assert not writing.is_accepted
        assert writing.confirmed == ("FrameMirror.mode",)


async def test_a_mask_is_written_with_every_slot(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        mask = PictureMask(True, (MaskRegion(2, PixelBox(20, 30, 50, 60)),))

        writing, order = await written(
            server,
            camera,
            mask,
            '<Result>OK</Result><PictureMask><On>1</On><SumNum>1</SumNum><RegionList Num="1">'
            "<Item><Seq>2</Seq><Point>20,30,50,60</Point></Item></RegionList></PictureMask>",
        )

        body = order.body.decode("gb18030")
        assert body.count("<Item>") == 4
        assert body.count("<Point>0,0,0,0</Point>") == 3
        assert set(writing.confirmed) == {"PictureMask.is_on", "PictureMask.regions"}


async def test_a_refused_configuration_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        with pytest.raises(RejectedError, match="ERROR to DeviceConfig"):
            await asyncio.gather(
                server.commands.configs.write(DEVICE, [FrameMirror(3)], CHANNEL),
                answer(camera, "DeviceConfig", "<Result>ERROR</Result>"),
            )


async def test_a_brand_that_answers_only_under_its_own_id_is_asked_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        await server.inventory.patch_device(DEVICE, {"profile": "dahua"})

        _, question = await read(
            server, camera, "FrameMirror", "<Result>OK</Result><FrameMirror>0</FrameMirror>"
        )

        assert question.element("DeviceID") == DEVICE


async def test_what_can_only_be_read_is_not_written(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server):
        configs = server.commands.configs
        refused: list[list[ConfigBlock]] = [[], [VideoParamOpt()], [IN_FORCE, FrameMirror(1)]]
        for blocks in refused:
            with pytest.raises(InvalidError):
                await configs.write(DEVICE, blocks, CHANNEL)
