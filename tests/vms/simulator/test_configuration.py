"""How a simulated device is configured, in the standard's bytes."""

import asyncio
import re

import pytest

from tests.support.waiting import until
from tests.vms.simulator.peer_platform import CHANNEL, DEVICE, one_device
from vms.gb28181.version import Edition

SESSION = "6f1d2c3b4a5968778695a4b3c2d1e0f1"
ON_AND_REGION = "<PictureMask><On>1</On><SumNum>1</SumNum>{}</PictureMask>"
REGION = '<RegionList Num="1"><Item><Seq>{}</Seq><Point>{}</Point></Item></RegionList>'


def asked(config_type: str) -> str:
    return f"<ConfigType>{config_type}</ConfigType>"


@pytest.mark.parametrize(
    "block",
    [
        "<FrameMirror>3</FrameMirror>",
        (
            "<AlarmReport>\n<MotionDetection>0</MotionDetection>\n<FieldDetection>1</FieldDetection>\n"
            "</AlarmReport>"
        ),
        (
            "<VideoAlarmRecord>\n<RecordEnable>1</RecordEnable>\n<RecordTime>40</RecordTime>\n"
            "<PreRecordTime>6</PreRecordTime>\n<StreamNumber>0</StreamNumber>\n</VideoAlarmRecord>"
        ),
        (
            '<VideoParamAttribute Num="1">\n<Item>\n<StreamNumber>0</StreamNumber>\n<VideoFormat>5'
            "</VideoFormat>\n<Resolution>6</Resolution>\n<FrameRate>25</FrameRate>\n<BitRateType>1"
            "</BitRateType>\n<VideoBitRate>4096</VideoBitRate>\n</Item>\n</VideoParamAttribute>"
        ),
        (
            "<VideoRecordPlan>\n<RecordEnable>1</RecordEnable>\n"
            "<RecordScheduleSumNum>1</RecordScheduleSumNum>\n<RecordSchedule>\n"
            "<WeekDayNum>1</WeekDayNum>\n<TimeSegmentSumNum>1</TimeSegmentSumNum>\n<TimeSegment>\n"
            "<StartHour>8</StartHour>\n<StartMin>0</StartMin>\n<StartSec>0</StartSec>\n"
            "<StopHour>20</StopHour>\n<StopMin>59</StopMin>\n<StopSec>59</StopSec>\n</TimeSegment>\n"
            "</RecordSchedule>\n<StreamNumber>0</StreamNumber>\n</VideoRecordPlan>"
        ),
        (
            "<OSDConfig>\n<Length>1920</Length>\n<Width>1080</Width>\n<TimeX>10</TimeX>\n"
            "<TimeY>10</TimeY>\n<TimeEnable>1</TimeEnable>\n<TimeType>0</TimeType>\n"
            "<TextEnable>1</TextEnable>\n<SumNum>1</SumNum>\n<Item>\n<Text>Gate</Text>\n<X>100</X>\n"
            "<Y>900</Y>\n</Item>\n</OSDConfig>"
        ),
    ],
)
async def test_a_block_that_was_written_is_read_back(block: str) -> None:
    name = re.findall(r"\w+", block)[0]
    async with one_device() as (platform, _):
        assert await platform.configure(block) == "OK"
        told = await platform.query("ConfigDownload", asked(name))

    assert told.element("Result") == "OK"
    assert re.sub(r"\s+<", "<", block) in re.sub(r"\s+<", "<", told.body.decode("gb18030"))


@pytest.mark.parametrize("name", ["SVACEncodeConfig", "SVACDecodeConfig"])
async def test_svac_blocks_are_read_in_2016(name: str) -> None:
    async with one_device(edition=Edition.E2016) as (platform, _):
        told = await platform.query("ConfigDownload", asked(name))
    assert f"<{name}>".encode() in told.body


@pytest.mark.parametrize("name", ["VideoParamConfig", "AudioParamOpt", "AudioParamConfig"])
async def test_the_2014_blocks_belong_to_2014(name: str) -> None:
    async with one_device(edition=Edition.E2014) as (platform, _):
        told = await platform.query("ConfigDownload", asked(name), target=DEVICE)
        assert told.element("Result") == "OK"
        assert f"<{name}".encode() in told.body
    async with one_device(edition=Edition.E2022) as (platform, _):
        told = await platform.query("ConfigDownload", asked(name), target=DEVICE)
        assert told.element("Result") == "ERROR"


async def test_basic_parameters_change_as_far_as_they_are_written() -> None:
    async with one_device() as (platform, _):
        written = (
            "<BasicParam><Name>Gate</Name><HeartBeatInterval>30</HeartBeatInterval></BasicParam>"
        )
        assert await platform.configure(written, DEVICE) == "OK"
        told = await platform.query("ConfigDownload", asked("BasicParam"), target=DEVICE)

    names = ("Name", "Expiration", "HeartBeatInterval", "HeartBeatCount")
    assert [told.element(name) for name in names] == ["Gate", "3600", "30", "3"]


async def test_a_keepalive_interval_that_makes_no_sense_changes_nothing() -> None:
    async with one_device() as (platform, simulation):
        written = "<BasicParam><HeartBeatInterval>-1</HeartBeatInterval></BasicParam>"
        await platform.configure(written, DEVICE)
        await platform.control("<TeleBoot>Boot</TeleBoot>", DEVICE)
        await until(lambda: simulation.summary.registrations == 2)
        await platform.query("DeviceInfo", target=DEVICE)
    assert simulation.summary.keepalives_sent == 0


async def test_what_is_only_read_cannot_be_written() -> None:
    async with one_device() as (platform, _):
        told = await platform.query("ConfigDownload", asked("VideoParamOpt"), target=DEVICE)
        written = "<VideoParamOpt><DownloadSpeed>8</DownloadSpeed></VideoParamOpt>"
        refused = await platform.configure(written, DEVICE)

    assert told.element("DownloadSpeed") == "1/2/4"
    assert refused == "ERROR"


async def test_masked_regions_are_changed_slot_by_slot() -> None:
    async with one_device() as (platform, _):
        for seq, box in ((1, "20,30,50,60"), (2, "70,80,90,99"), (1, "0,0,0,0")):
            region = ON_AND_REGION.format(REGION.format(seq, box))
            assert await platform.configure(region) == "OK"
        off = "<PictureMask><On>0</On><SumNum>0</SumNum></PictureMask>"
        assert await platform.configure(off) == "OK"
        told = await platform.query("ConfigDownload", asked("PictureMask"))

    assert [told.element(name) for name in ("On", "SumNum", "Seq", "Point")] == [
        "0",
        "1",
        "2",
        "70,80,90,99",
    ]


class Receiver:
    """A web server of ten lines: keeps what is posted, answers with one status."""

    def __init__(self, status: str) -> None:
        self.posted: list[tuple[str, bytes]] = []
        self._status = status

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"Content-Length: (\d+)", head)
        assert length is not None
        self.posted.append((head, await reader.readexactly(int(length.group(1)))))
        writer.write(f"HTTP/1.1 {self._status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


def snapshot_order(url: str, count: int) -> str:
    return (
        f"<SnapShotConfig><SnapNum>{count}</SnapNum><Interval>1</Interval>"
        f"<UploadURL>{url}</UploadURL><SessionID>{SESSION}</SessionID></SnapShotConfig>"
    )


async def test_a_snapshot_is_uploaded_and_then_told() -> None:
    receiver = Receiver("200 OK")
    async with (
        one_device() as (platform, simulation),
        await asyncio.start_server(receiver.serve, "127.0.0.1", 0) as server,
    ):
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/snap/{SESSION}?a=1"
        assert await platform.configure(snapshot_order(url, 1)) == "OK"
        finished = await platform.peer.asked("MESSAGE", "UploadSnapShotFinished")

    ((head, jpeg),) = receiver.posted
    assert head.startswith(f"POST /snap/{SESSION}?a=1 HTTP/1.1\r\n")
    assert (jpeg[:2], jpeg[-2:]) == (b"\xff\xd8", b"\xff\xd9")
    name = finished.element("SnapShotFileID")
    assert re.fullmatch(CHANNEL + r"02\d{17}01", name)
    assert name in head
    assert finished.element("SessionID") == SESSION
    assert simulation.summary.snapshots_uploaded == 1


async def test_a_snapshot_that_does_not_arrive_is_told_by_its_absence() -> None:
    receiver = Receiver("507 Insufficient Storage")
    async with (
        one_device() as (platform, simulation),
        await asyncio.start_server(receiver.serve, "127.0.0.1", 0) as server,
    ):
        port = server.sockets[0].getsockname()[1]
        assert await platform.configure(snapshot_order(f"http://127.0.0.1:{port}/", 1)) == "OK"
        finished = await platform.peer.asked("MESSAGE", "UploadSnapShotFinished")
    assert b"SnapShotFileID" not in finished.body
    assert "507" in simulation.summary.errors[0]


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/x", "https://127.0.0.1/x", "ftp://127.0.0.1/x", "http://[::1", ""]
)
async def test_snapshots_go_to_nobody_but_the_server_and_this_machine(url: str) -> None:
    async with one_device() as (platform, simulation):
        await platform.configure(snapshot_order(url, 3))
        await until(lambda: simulation.summary.errors != [] or url == "")
        if url:
            finished = await platform.peer.asked("MESSAGE", "UploadSnapShotFinished")
            assert b"SnapShotFileID" not in finished.body
