"""Each thing forgiven, by the bytes that need it, under the name by which it is counted."""

from dataclasses import dataclass

import pytest

from tests.vms.gb28181.examples.common import (
    ALARM_INPUT,
    CAMERA,
    CHANNEL,
    RECORDER,
    SESSION,
    beijing,
)
from tests.vms.gb28181.examples.common import body as text_of
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.codec import decode
from vms.gb28181.manscdp.forms.configs import LONGEST_SVAC
from vms.gb28181.manscdp.messages import (
    AlarmNotify,
    AlarmQuery,
    BasicParam,
    CatalogChange,
    CatalogEvent,
    CatalogItem,
    CatalogNotify,
    CatalogResponse,
    ConfigBlock,
    ConfigDownloadResponse,
    CruisePoint,
    CruiseTrackResponse,
    DaySchedule,
    DeviceInfoResponse,
    FrameMirror,
    GuardControl,
    HomePosition,
    HomePositionResponse,
    Keepalive,
    Message,
    MobilePositionNotify,
    Position,
    Preset,
    PresetQuery,
    PresetResponse,
    PtzControl,
    RecordInfoResponse,
    RecordItem,
    RecordType,
    Result,
    SdCardStatusResponse,
    SnapShotConfig,
    SvacEncodeConfig,
    TimeSegment,
    VideoParamAttribute,
    VideoRecordPlan,
    VideoStreamAttribute,
)
from vms.gb28181.manscdp.tolerances import RULES, Tolerance


def body(root: str, cmd_type: str, rest: str, device_id: str = RECORDER, sn: int = 20) -> bytes:
    return text_of(root, cmd_type, sn, device_id, rest).encode("gb18030")


def info(name: str) -> bytes:
    return body("Response", "DeviceInfo", f"<Result>OK</Result><DeviceName>{name}</DeviceName>")


def named(name: str) -> Message:
    return DeviceInfoResponse(20, RECORDER, device_name=name)


def items(*entries: str) -> bytes:
    listed = "".join(f"<Item>{one}</Item>" for one in entries)
    return body("Response", "Catalog", f"<SumNum>1</SumNum><DeviceList>{listed}</DeviceList>")


def catalogue(*found: CatalogItem, damaged: int = 0) -> Message:
    return CatalogResponse(20, RECORDER, 1, found, damaged)


def configuration(xml: str) -> bytes:
    return body("Response", "ConfigDownload", f"<Result>OK</Result>{xml}")


def configured(*blocks: ConfigBlock, unread: tuple[str, ...] = ()) -> Message:
    return ConfigDownloadResponse(20, RECORDER, Result.OK, blocks, unread)


@dataclass(frozen=True)
class Forgiven:
    """What came in, what it was taken for, and what was noted."""

    habit: str
    bytes: bytes
    message: Message
    notes: tuple[Tolerance, ...]


CAMERA_ITEM = f"<DeviceID>{CAMERA}</DeviceID>"
RECORD = (
    f"<Item><DeviceID>{CAMERA}</DeviceID><Address>a<b</Address>"
    "<StartTime>2024-05-01T00:00:00</StartTime><EndTime>2024-05-01T01:00:00</EndTime>"
    "<Type>time</Type></Item>"
)
RECORDED = RecordItem(
    CHANNEL,
    beijing("2024-05-01T00:00:00"),
    beijing("2024-05-01T01:00:00"),
    address="a<b",
    record_type=RecordType.TIME,
)

FORGIVEN = (
    Forgiven(
        "Chinese in UTF-8 that says GB2312",
        b'<?xml version="1.0" encoding="GB2312"?>' + info("大门").decode("gb18030").encode(),
        named("大门"),
        (Tolerance.CHARSET_MISLABELLED,),
    ),
    Forgiven(
        "a byte that begins no character",
        info("Gate").replace(b"Gate", b"Ga\xff"),
        named("Ga\ufffd"),
        (Tolerance.UNDECODABLE_TEXT,),
    ),
    Forgiven(
        "a byte order mark",
        b"\xef\xbb\xbf" + info("Gate"),
        named("Gate"),
        (Tolerance.BYTE_ORDER_MARK,),
    ),
    Forgiven(
        "NULs behind the body and a control character within",
        info("Ga\x01te") + b"\0\0",
        named("Gate"),
        (Tolerance.CONTROL_CHARACTERS,),
    ),
    Forgiven("a lone ampersand", info("A&B"), named("A&B"), (Tolerance.BARE_MARKUP,)),
    Forgiven(
        "an attribute without quotes",
        body(
            "Response",
            "PresetQuery",
            "<PresetList Num=1><Item><PresetID>1</PresetID></Item></PresetList>",
        ),
        PresetResponse(20, RECORDER, (Preset(1),)),
        (Tolerance.UNQUOTED_ATTRIBUTE,),
    ),
    Forgiven(
        "a raw angle and a leaf that never ends, in a block within a body",
        configuration(
            "<BasicParam><Name>Ga<te</Name><Domain>x<Expiration>60</Expiration></BasicParam>"
        ),
        configured(BasicParam("Ga<te", expiration_s=60)),
        (Tolerance.SALVAGED,),
    ),
    Forgiven(
        "a doubled end tag and a raw angle in a list of recordings",
        body(
            "Response",
            "RecordInfo",
            f"<SumNum>2</SumNum><RecordList Num='2'>{RECORD}</Item>{RECORD}</RecordList>",
        ),
        RecordInfoResponse(20, RECORDER, "", 2, (RECORDED, RECORDED)),
        (Tolerance.SALVAGED,),
    ),
    Forgiven(
        "names in other cases and children of Info at the root",
        body("Notify", "Alarm", "<alarmpriority>1</alarmpriority><AlarmType>2</AlarmType>"),
        AlarmNotify(20, RECORDER, 1, alarm_type=2),
        (Tolerance.TAG_CASE,),
    ),
    Forgiven(
        "structured extensions in ExtraInfo",
        body(
            "Notify",
            "Alarm",
            "<AlarmMethod>5</AlarmMethod><ExtraInfo>free text</ExtraInfo>"
            "<ExtraInfo><AlarmType>6</AlarmType></ExtraInfo>",
        ),
        AlarmNotify(20, RECORDER, method=5, alarm_type=6),
        (),
    ),
    Forgiven(
        "an item without an identifier",
        items("<Name>Nobody</Name>", CAMERA_ITEM),
        catalogue(CatalogItem(CHANNEL), damaged=1),
        (Tolerance.ITEM_DAMAGED,),
    ),
    Forgiven(
        "a recording without times",
        body(
            "Response",
            "RecordInfo",
            f"<SumNum>1</SumNum><RecordList><Item>{CAMERA_ITEM}</Item></RecordList>",
        ),
        RecordInfoResponse(20, RECORDER, "", 1, damaged=1),
        (Tolerance.ITEM_DAMAGED,),
    ),
    Forgiven(
        "the misprinted preset query of 2014",
        body("Query", "PersetQuery", ""),
        PresetQuery(20, RECORDER),
        (Tolerance.COMMAND_SPELLING,),
    ),
    Forgiven(
        "a CmdType in another case",
        body("Query", "presetquery", ""),
        PresetQuery(20, RECORDER),
        (Tolerance.COMMAND_SPELLING,),
    ),
    Forgiven(
        "a block that no edition knows beside one that all know",
        configuration("<Colours><Red>1</Red></Colours><FrameMirror> 1 </FrameMirror>"),
        configured(FrameMirror(1), unread=("Colours",)),
        (Tolerance.UNKNOWN_BLOCK,),
    ),
    Forgiven(
        "a block without what it needs",
        configuration("<SnapShotConfig><SnapNum>1</SnapNum></SnapShotConfig>"),
        configured(unread=("SnapShotConfig",)),
        (Tolerance.UNKNOWN_BLOCK,),
    ),
    Forgiven(
        "a block too long to keep",
        configuration(f"<SVACEncodeConfig><a>{'x' * LONGEST_SVAC}</a></SVACEncodeConfig>"),
        configured(unread=("SVACEncodeConfig",)),
        (Tolerance.UNKNOWN_BLOCK,),
    ),
    Forgiven(
        "a snapshot block by its name in the query",
        configuration(
            "<SnapShotConfig><SnapNum>1</SnapNum><UploadURL>http://192.168.1.10/a</UploadURL>"
            f"<SessionID>{SESSION}</SessionID></SnapShotConfig>"
        ),
        configured(SnapShotConfig(1, "http://192.168.1.10/a", SESSION)),
        (),
    ),
    Forgiven(
        "an SVAC block with blanks between its elements",
        configuration("<SVACEncodeConfig>\n<a> 1 </a>\n</SVACEncodeConfig>"),
        configured(SvacEncodeConfig("<a>1</a>")),
        (),
    ),
    Forgiven(
        "a catalogue notification of 2011 without a known Event",
        body(
            "Response",
            "Catalog",
            f"<SumNum>1</SumNum><DeviceList><Item>{CAMERA_ITEM}<Event>MOVED</Event></Item>"
            "</DeviceList>",
        ),
        CatalogNotify(20, RECORDER, 1, (CatalogChange(CatalogEvent.UPDATE, CatalogItem(CHANNEL)),)),
        (Tolerance.EVENT_WORD, Tolerance.RESPONSE_ROOT),
    ),
    Forgiven(
        "blanks around values, and in the number of items",
        body(
            "Notify",
            "Catalog",
            f'<SumNum> 1 </SumNum><DeviceList Num=" 2 "><Item>{CAMERA_ITEM}'
            "<Event>OFF </Event></Item></DeviceList>",
        ),
        CatalogNotify(20, RECORDER, 1, (CatalogChange(CatalogEvent.OFF, CatalogItem(CHANNEL)),)),
        (),
    ),
    Forgiven(
        "a Status that says more than ON or OFF",
        items(f"{CAMERA_ITEM}<Status>DEFECT</Status>"),
        catalogue(CatalogItem(CHANNEL, is_on=False, status_text="DEFECT")),
        (Tolerance.STATUS_WORD,),
    ),
    Forgiven(
        "a keepalive that says ON",
        body("Notify", "Keepalive", "<Status>ON</Status>"),
        Keepalive(20, RECORDER),
        (Tolerance.RESULT_WORD,),
    ),
    Forgiven(
        "a word in another case, and a command to set the guard that says so",
        body("Control", "DeviceControl", "<GuardCmd>SETGUARD</GuardCmd>"),
        GuardControl(20, RECORDER, is_set=True),
        (Tolerance.WORD,),
    ),
    Forgiven(
        "a picture size with a star",
        configuration(
            '<VideoParamAttribute Num="1"><Item><StreamNumber>0</StreamNumber>'
            "<Resolution>1920*1080</Resolution></Item></VideoParamAttribute>"
        ),
        configured(VideoParamAttribute((VideoStreamAttribute(0, resolution="1920x1080"),))),
        (Tolerance.WORD,),
    ),
    Forgiven(
        "a PTZ code in lower case with blanks",
        body("Control", "DeviceControl", "<PTZCmd>a5 0f 00 08 00 80 00 3c</PTZCmd>", CAMERA),
        PtzControl(20, CAMERA, bytes.fromhex("A50F00080080003C")),
        (Tolerance.WORD,),
    ),
    Forgiven(
        "values copied from the standard's samples",
        items(f"{CAMERA_ITEM}<Address>Address1</Address>"),
        catalogue(CatalogItem(CHANNEL)),
        (Tolerance.PLACEHOLDER,),
    ),
    Forgiven(
        "a body without SN",
        body("Response", "DeviceInfo", "<Result>OK</Result>").replace(b"<SN>20</SN>", b""),
        DeviceInfoResponse(0, RECORDER),
        (Tolerance.SN,),
    ),
    Forgiven(
        "a list without its count",
        body("Response", "SDCardStatus", "<SDCardStatusInfo></SDCardStatusInfo>"),
        SdCardStatusResponse(20, RECORDER),
        (Tolerance.TOTAL,),
    ),
    Forgiven(
        "a number that is none",
        body("Response", "DeviceInfo", "<Result>OK</Result><Channel>many</Channel>"),
        DeviceInfoResponse(20, RECORDER),
        (Tolerance.NUMBER,),
    ),
    Forgiven(
        "a Parental of sixteen bits",
        items(f"{CAMERA_ITEM}<Parental>65535</Parental>"),
        catalogue(CatalogItem(CHANNEL, parental=True)),
        (Tolerance.NUMBER,),
    ),
    Forgiven(
        "numbers beyond their range",
        body(
            "Response",
            "CruiseTrackQuery",
            "<Number>0</Number><SumNum>1</SumNum><CruisePointList><CruisePoint>"
            "<PresetIndex>65535</PresetIndex><StayTime>-1</StayTime><Speed>0</Speed>"
            "</CruisePoint></CruisePointList>",
        ),
        CruiseTrackResponse(20, RECORDER, 0, "", (CruisePoint(255, 0, 1),)),
        (Tolerance.NUMBER_RANGE,),
    ),
    Forgiven(
        "a preset that no command can call, which is not the last that one can",
        body(
            "Response",
            "PresetQuery",
            "<PresetList><Item><PresetID>255</PresetID></Item>"
            "<Item><PresetID>256</PresetID></Item></PresetList>",
        ),
        PresetResponse(20, RECORDER, (Preset(255),)),
        (Tolerance.ITEM_DAMAGED, Tolerance.NUMBER),
    ),
    Forgiven(
        "a day that ends at 24 o'clock, and one that is no day of the week",
        body(
            "Response",
            "ConfigDownload",
            "<Result>OK</Result><VideoRecordPlan><RecordEnable>1</RecordEnable>"
            "<RecordScheduleSumNum>2</RecordScheduleSumNum><RecordSchedule>"
            "<WeekDayNum>7</WeekDayNum><TimeSegmentSumNum>1</TimeSegmentSumNum><TimeSegment>"
            "<StartHour>8</StartHour><StartMin>0</StartMin><StartSec>0</StartSec>"
            "<StopHour>24</StopHour><StopMin>0</StopMin><StopSec>0</StopSec></TimeSegment>"
            "</RecordSchedule><RecordSchedule><WeekDayNum>0</WeekDayNum></RecordSchedule>"
            "<StreamNumber>0</StreamNumber></VideoRecordPlan>",
        ),
        ConfigDownloadResponse(
            20,
            RECORDER,
            blocks=(
                VideoRecordPlan(
                    is_enabled=True,
                    days=(DaySchedule(7, (TimeSegment(8, 0, 0, 23, 59, 59),)),),
                ),
            ),
        ),
        (Tolerance.ITEM_DAMAGED, Tolerance.NUMBER, Tolerance.NUMBER_RANGE),
    ),
    Forgiven(
        "a flag of more than one",
        body("Response", "HomePositionQuery", "<HomePosition><Enabled>2</Enabled></HomePosition>"),
        HomePositionResponse(20, RECORDER, HomePosition(is_enabled=True)),
        (Tolerance.NUMBER_RANGE,),
    ),
    Forgiven(
        "times with a zone, with slashes and by their names in the samples",
        body(
            "Query",
            "Alarm",
            "<StartTime>2024-05-01T00:00:00Z</StartTime><EndTime>2024/5/1 9:00:00</EndTime>",
        ),
        AlarmQuery(
            20,
            RECORDER,
            start=beijing("2024-05-01T08:00:00"),
            end=beijing("2024-05-01T09:00:00"),
        ),
        (Tolerance.TIME_FORM,),
    ),
    Forgiven(
        "a fraction of a second, which the standard allows",
        body("Notify", "Alarm", "<AlarmTime>2024-05-01T09:00:00.500</AlarmTime>"),
        AlarmNotify(20, RECORDER, occurred_at=beijing("2024-05-01T09:00:00.500")),
        (),
    ),
    Forgiven(
        "a division of three digits",
        items(f"{CAMERA_ITEM}<CivilCode>340</CivilCode>"),
        catalogue(CatalogItem(CHANNEL)),
        (Tolerance.CIVIL_CODE,),
    ),
    Forgiven(
        "a channel that is its own parent",
        items(f"{CAMERA_ITEM}<ParentID>{CAMERA}</ParentID>"),
        catalogue(CatalogItem(CHANNEL)),
        (Tolerance.PARENT_ID,),
    ),
    Forgiven(
        "an identifier of 18 digits, as up to 2016 rule B had it",
        items("<DeviceID>340200000000000160</DeviceID>"),
        catalogue(CatalogItem(ChannelId("340200000000000160"))),
        (Tolerance.ID_LENGTH,),
    ),
    Forgiven(
        "type digits below every range",
        body("Notify", "Keepalive", "<Status>OK </Status>", "34020000000010000001"),
        Keepalive(20, DeviceId("34020000000010000001")),
        (Tolerance.ID_TYPE,),
    ),
    Forgiven(
        "an alarm centre of ten digits, which is no deviation",
        body("Notify", "Alarm", "", "3402000000"),
        AlarmNotify(20, DeviceId("3402000000")),
        (),
    ),
    Forgiven(
        "a position of 2016 whose sender does not name itself",
        b"<Notify><CmdType>MobilePosition</CmdType><SN>7</SN><Time>2024-05-01T16:00:05</Time>"
        b"<Longitude>118.3</Longitude><Latitude>31.3</Latitude></Notify>",
        MobilePositionNotify(
            7,
            None,
            beijing("2024-05-01T16:00:05"),
            (Position(None, beijing("2024-05-01T16:00:05"), 118.3, 31.3),),
            1,
        ),
        (),
    ),
    Forgiven(
        "a position without degrees",
        body("Notify", "MobilePosition", "<Longitude>east</Longitude>", ALARM_INPUT),
        MobilePositionNotify(20, ALARM_INPUT, total=1, damaged=1),
        (Tolerance.ITEM_DAMAGED, Tolerance.NUMBER),
    ),
    Forgiven(
        "no position at all",
        body("Notify", "MobilePosition", "<SumNum>0</SumNum>"),
        MobilePositionNotify(20, RECORDER),
        (),
    ),
)


@pytest.mark.parametrize("one", FORGIVEN, ids=lambda one: one.habit)
def test_a_habit_is_forgiven_by_name(one: Forgiven) -> None:
    decoded = decode(one.bytes)

    assert decoded.message == one.message
    assert decoded.tolerances == one.notes


def test_every_name_has_bytes_here_and_a_rule() -> None:
    assert {note for one in FORGIVEN for note in one.notes} == set(Tolerance)
    assert set(RULES) == set(Tolerance)
    assert set(RULES.values()) == {"T1", "T2", "T7", "T8", "T9", "T10", "T11"}


@pytest.mark.parametrize(
    ("root", "cmd_type", "rest"),
    [
        ("Query", "CruiseTrackQuery", ""),
        ("Query", "ConfigDownload", "<ConfigType></ConfigType>"),
        ("Control", "DeviceControl", "<PTZCmd>A50F</PTZCmd>"),
        ("Control", "DeviceControl", "<PTZCmd>A50F00080080003G</PTZCmd>"),
        ("Control", "DeviceControl", "<RecordCmd>Perhaps</RecordCmd>"),
        ("Control", "DeviceControl", "<DragZoomIn><Length>1</Length></DragZoomIn>"),
        ("Control", "DeviceControl", "<DragZoomIn>1</DragZoomIn>"),
        ("Control", "DeviceControl", "<HomePosition></HomePosition>"),
        ("Control", "DeviceControl", "<DeviceUpgrade></DeviceUpgrade>"),
        ("Control", "DeviceControl", "<TargetTrack>Sometimes</TargetTrack>"),
        ("Notify", "UploadSnapShotFinished", ""),
        ("Notify", "MediaStatus", "<NotifyType>soon</NotifyType>"),
    ],
)
def test_what_lacks_its_essence_is_a_protocol_error(root: str, cmd_type: str, rest: str) -> None:
    with pytest.raises(ProtocolError):
        decode(body(root, cmd_type, rest))


@pytest.mark.parametrize("opened", ["<a>", "<BasicParam><Name>"])
def test_unended_elements_without_number_are_refused(opened: str) -> None:
    """A tree that is only opened would be as deep as the body is long."""
    whole = configuration(opened * 400_000)

    with pytest.raises(ProtocolError):
        decode(whole)


def test_a_hundred_thousand_wrong_ends_take_no_more_than_linear_time() -> None:
    """A quadratic reader would need minutes; pytest's own limit is the judge."""
    whole = configuration("<BasicParam>" + "<Name>a</b><Name/>" * 100_000 + "</BasicParam>")

    with pytest.raises(ProtocolError):
        decode(whole)
