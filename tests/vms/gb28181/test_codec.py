"""MANSCDP bodies as devices send them, and as we send them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.codec import Decoded, decode, encode
from vms.gb28181.manscdp.document import LONGEST_TAG
from vms.gb28181.manscdp.items import MAX_EXTRA
from vms.gb28181.manscdp.messages import (
    AlarmInputStatus,
    AlarmNotify,
    AlarmResponse,
    CatalogChange,
    CatalogEvent,
    CatalogItem,
    CatalogNotify,
    CatalogQuery,
    CatalogReceipt,
    CatalogResponse,
    DeviceInfoQuery,
    DeviceInfoResponse,
    DeviceStatusQuery,
    DeviceStatusResponse,
    Keepalive,
    KeyFrameControl,
    MediaStatus,
    Message,
    Result,
    Unknown,
)
from vms.gb28181.manscdp.node import LONGEST_TEXT
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.version import Edition

CAPTURES = Path(__file__).parents[2] / "captures" / "manscdp"
RECORDER = DeviceId("34020000001180000001")
NORTH = CatalogItem(
    channel_id=ChannelId("34020000001320000001"),
    name="North",
    manufacturer="Vendor",
    model="IPC",
    owner="Property",
    civil_code="340200",
    address="Gate",
    parent_ids=(RECORDER,),
    extra={"RegisterWay": "1"},
)


def capture(name: str) -> Decoded:
    return decode((CAPTURES / f"{name}.xml").read_bytes())


def catalog(name: str) -> tuple[CatalogResponse, tuple[Tolerance, ...]]:
    decoded = capture(name)
    assert isinstance(decoded.message, CatalogResponse)
    return decoded.message, decoded.tolerances


def test_every_capture_has_a_note() -> None:
    bodies = {path.stem for path in CAPTURES.glob("*.xml")}
    notes = {path.stem for path in CAPTURES.glob("*.txt")}

    assert bodies == notes


def test_a_keepalive_names_its_faulty_sub_devices() -> None:
    assert capture("keepalive-faulty") == Decoded(
        Keepalive(43, RECORDER, Result.OK, (ChannelId("34020000001320000003"),))
    )


@pytest.mark.parametrize(
    ("name", "channel_name", "tolerances"),
    [
        ("gbk-labelled-gb2312", "陶喆路口镕", ()),
        ("utf8-labelled-gb2312", "人民路口", (Tolerance.CHARSET_MISLABELLED,)),
        ("gbk-labelled-utf8", "人民路口", (Tolerance.CHARSET_MISLABELLED,)),
        ("valid-utf8-by-accident", "路楼女", ()),
    ],
)
def test_names_are_read_whatever_the_label_says(
    name: str, channel_name: str, tolerances: tuple[Tolerance, ...]
) -> None:
    response, told = catalog(name)

    assert response == CatalogResponse(17430, RECORDER, 1, (replace(NORTH, name=channel_name),))
    assert told == tolerances


def test_a_bare_ampersand_is_text() -> None:
    response, told = catalog("bare-ampersand")

    assert [(item.name, item.address) for item in response.items] == [
        ("A&B 1", "P&R West"),
        ("Yard", "Gate"),
    ]
    assert told == (Tolerance.BARE_MARKUP,)


def test_a_raw_angle_costs_one_element_and_no_item() -> None:
    response, told = catalog("raw-angle-in-address")

    assert response.items == (
        replace(NORTH, address=""),
        replace(NORTH, channel_id=ChannelId("34020000001320000002"), name="Yard"),
    )
    assert response.damaged == 0
    assert told == (Tolerance.SALVAGED,)


def test_nuls_are_dropped() -> None:
    response, told = catalog("embedded-nul")

    assert [item.name for item in response.items] == ["North", "Yard"]
    assert told == (Tolerance.CONTROL_CHARACTERS,)


def test_an_unquoted_attribute_is_quoted() -> None:
    response, told = catalog("unquoted-num")

    assert response.items == (NORTH,)
    assert told == (Tolerance.UNQUOTED_ATTRIBUTE,)


def test_a_doubled_end_tag_costs_nothing() -> None:
    response, told = catalog("doubled-item-end")

    assert [item.name for item in response.items] == ["North", "Yard"]
    assert told == (Tolerance.SALVAGED,)


def test_an_empty_position_is_no_position() -> None:
    response, told = catalog("empty-longitude")

    assert response.items == (NORTH,)
    assert told == ()


def test_a_parental_beyond_its_range_counts_as_yes() -> None:
    response, told = catalog("parental-65535")

    assert response.items == (replace(NORTH, parental=True),)
    assert told == (Tolerance.NUMBER,)


def test_status_is_read_by_its_meaning() -> None:
    response, told = catalog("status-words")

    assert [(item.is_on, item.status_text) for item in response.items] == [
        (True, "ONLINE"),
        (False, "OFFLINE"),
        (True, "OK"),
        (False, ""),
        (True, ""),
        (True, ""),
    ]
    assert told == (Tolerance.PLACEHOLDER, Tolerance.STATUS_WORD)


def test_values_copied_from_the_standard_are_no_values() -> None:
    response, told = catalog("placeholders")

    assert [(item.owner, item.civil_code, item.address) for item in response.items] == [
        ("", "", ""),
        ("", "", ""),
    ]
    assert told == (Tolerance.CIVIL_CODE, Tolerance.PLACEHOLDER)


def test_a_channel_may_hang_in_several_trees_but_not_under_itself() -> None:
    response, told = catalog("several-parents")

    assert [item.parent_ids for item in response.items] == [
        ("34020000001180000001", "34020000002160000002"),
        (),
        (),
    ]
    assert told == (Tolerance.PARENT_ID,)


def test_an_item_that_names_no_channel_costs_only_itself() -> None:
    response, told = catalog("item-without-id")

    assert [item.name for item in response.items] == ["North", "Roof"]
    assert (response.total, response.damaged) == (3, 1)
    assert told == (Tolerance.ITEM_DAMAGED,)


def test_a_body_cut_off_keeps_what_arrived() -> None:
    response, told = catalog("cut-off")

    assert [item.name for item in response.items] == ["North", "Yard", "Roof"]
    assert response.total == 3
    assert told == (Tolerance.SALVAGED,)


def test_children_of_info_are_found_wherever_they_stand_and_the_password_is_forgotten() -> None:
    response, told = catalog("info-at-item-level")

    assert response.items == (
        replace(
            NORTH,
            ptz_type=3,
            business_group_id="34020000002150000001",
            extra={"RegisterWay": "1", "Resolution": "6/5/4", "DownloadSpeed": "1/2/4"},
        ),
    )
    assert told == ()


def test_a_notification_tells_what_changed() -> None:
    decoded = capture("notify-changes")

    assert decoded.message == CatalogNotify(
        sn=17430,
        device_id=RECORDER,
        total=2,
        changes=(
            CatalogChange(CatalogEvent.OFF, CatalogItem(ChannelId("34020000001320000001"))),
            CatalogChange(
                CatalogEvent.ADD, CatalogItem(ChannelId("34020000001320000002"), name="New")
            ),
        ),
    )
    assert decoded.tolerances == ()


def test_a_notification_of_2011_is_known_by_its_events() -> None:
    decoded = capture("notify-with-root-response")

    assert isinstance(decoded.message, CatalogNotify)
    assert decoded.message.changes[0].event is CatalogEvent.VIDEO_LOST
    assert decoded.tolerances == (Tolerance.RESPONSE_ROOT,)


def test_an_alarm_is_read_with_its_type_inside_info() -> None:
    decoded = capture("alarm-lower-case-info")

    assert decoded.message == AlarmNotify(
        sn=1,
        device_id=DeviceId("34020000001340000001"),
        priority=4,
        method=5,
        occurred_at=datetime(2024, 5, 1, 8, 23, 32, tzinfo=UTC),
        longitude=118.3,
        latitude=31.3,
        alarm_type=6,
        event_type=1,
    )
    assert decoded.tolerances == (Tolerance.TAG_CASE, Tolerance.TIME_FORM)


def test_entities_are_refused_before_the_parser() -> None:
    with pytest.raises(ProtocolError, match="DOCTYPE"):
        capture("doctype")


def test_a_doctype_hidden_behind_a_control_character_is_refused_too() -> None:
    body = b"<\x01!DOCTYPE a><Notify><CmdType>Keepalive</CmdType></Notify>"

    with pytest.raises(ProtocolError, match="DOCTYPE"):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0",
        b"hello",
        b"<Notify>",
        b"<Notify></Notify>",
        b"<Other><CmdType>Keepalive</CmdType></Other>",
        b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN></Notify>",
        b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>x</DeviceID></Notify>",
        b"<Notify>" + b"<a>" * 20 + b"</a>" * 20 + b"</Notify>",
        b"<a/>" * 1_000_001,
        b" " * (16 * 2**20 + 1),
    ],
)
def test_nonsense_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(body)


def test_a_keepalive_costs_no_parser_when_it_is_exact() -> None:
    body = encode(Keepalive(7, RECORDER), Edition.E2016)

    assert decode(body) == Decoded(Keepalive(7, RECORDER))
    assert decode(body.replace(b"<Status>OK", b"<Status> OK")) == decode(body)


def test_a_keepalive_without_sn_is_forgiven_by_name() -> None:
    body = (
        b"<Notify><CmdType>Keepalive</CmdType><DeviceID>34020000001180000001</DeviceID>"
        b"<Status>OK</Status></Notify>"
    )

    assert decode(body) == Decoded(Keepalive(0, RECORDER), (Tolerance.SN,))


@pytest.mark.parametrize("command", [b"IFameCmd", b"IFrameCmd"])
def test_both_spellings_ask_for_a_key_picture(command: bytes) -> None:
    body = (
        b"<Control><CmdType>DeviceControl</CmdType><SN>20</SN>"
        b"<DeviceID>34020000001320000001</DeviceID><%s>Send</%s></Control>" % (command, command)
    )

    assert decode(body) == Decoded(KeyFrameControl(20, DeviceId("34020000001320000001")))


def test_a_device_status_is_read_with_its_alarm_inputs() -> None:
    body = (
        b"<Response><CmdType>DeviceStatus</CmdType><SN>248</SN>"
        b"<DeviceID>34020000001180000001</DeviceID><Result>OK</Result><Online>ONLINE</Online>"
        b"<Status>OK</Status><Encode>ON</Encode><Record>OFF</Record>"
        b'<DeviceTime>2024-05-01T16:00:00</DeviceTime><Alarmstatus Num="1"><Item>'
        b"<DeviceID>34020000001340000001</DeviceID><DutyStatus>OFFDUTY</DutyStatus>"
        b"</Item></Alarmstatus></Response>"
    )

    assert decode(body) == Decoded(
        DeviceStatusResponse(
            sn=248,
            device_id=RECORDER,
            is_online=True,
            is_working=True,
            is_encoding=True,
            is_recording=False,
            device_time=datetime(2024, 5, 1, 8, tzinfo=UTC),
            alarm_inputs=(AlarmInputStatus(ChannelId("34020000001340000001"), "OFFDUTY"),),
        )
    )


def test_what_is_not_ours_is_kept_as_it_came() -> None:
    body = (
        b"<Query><CmdType>TimeSync</CmdType><SN>3</SN>"
        b"<DeviceID>34020000001180000001</DeviceID></Query>"
    )

    assert decode(body) == Decoded(Unknown("Query", "TimeSync", 3, RECORDER, body))


def test_the_receipt_of_a_notification_is_no_catalogue() -> None:
    body = (
        b"<Response><CmdType>Catalog</CmdType><SN>3</SN>"
        b"<DeviceID>34020000001180000001</DeviceID><Result>OK</Result></Response>"
    )

    assert decode(body) == Decoded(CatalogReceipt(3, RECORDER))


def test_a_catalogue_with_nothing_in_it_has_a_total_of_zero_and_no_list() -> None:
    body = encode(CatalogResponse(9, RECORDER, 0), Edition.E2016)

    assert b"DeviceList" not in body
    assert decode(body) == Decoded(CatalogResponse(9, RECORDER, 0))


def test_a_query_has_the_bytes_of_the_reference_example() -> None:
    body = encode(DeviceInfoQuery(20, RECORDER), Edition.E2016)

    assert body == (
        b'<?xml version="1.0" encoding="GB2312"?>\r\n<Query>\r\n<CmdType>DeviceInfo</CmdType>\r\n'
        b"<SN>20</SN>\r\n<DeviceID>34020000001180000001</DeviceID>\r\n</Query>\r\n"
    )
    assert len(body) == 147


def test_a_device_info_has_the_length_of_the_reference_example() -> None:
    info = DeviceInfoResponse(
        sn=20,
        device_id=RECORDER,
        device_name="NVR",
        manufacturer="Hikvision",
        model="DS-7816N",
        firmware="V4.30.080",
        channel_count=16,
    )

    assert len(encode(info, Edition.E2016)) == 324


def test_a_keepalive_with_a_faulty_sub_device_has_the_captured_bytes() -> None:
    keepalive = Keepalive(43, RECORDER, faulty=(ChannelId("34020000001320000003"),))

    body = encode(keepalive, Edition.E2016)

    assert body == (CAPTURES / "keepalive-faulty.xml").read_bytes()
    assert len(body) == 229


def test_the_edition_decides_label_spelling_and_what_is_left_out() -> None:
    item = replace(NORTH, business_group_id="34020000002150000001")
    response = CatalogResponse(1, RECORDER, 1, (item,))

    old = encode(response, Edition.E2016)
    new = encode(response, Edition.E2022)

    assert b'encoding="GB2312"' in old
    assert b"<Owner>Property</Owner>" in old
    assert b"<Info>\r\n<BusinessGroupID>" in old
    assert b'encoding="GB18030"' in new
    assert b"Owner" not in new
    assert b"Info" not in new
    assert b"<IFameCmd>" in encode(KeyFrameControl(1, RECORDER), Edition.UNKNOWN)
    assert b"<IFrameCmd>" in encode(KeyFrameControl(1, RECORDER), Edition.E2022)


def test_a_division_carries_its_name_and_nothing_else() -> None:
    division = CatalogItem(ChannelId("3402"), name="Wuhu")

    body = encode(CatalogResponse(1, RECORDER, 1, (division,)), Edition.E2016)

    assert b"<Item>\r\n<DeviceID>3402</DeviceID>\r\n<Name>Wuhu</Name>\r\n</Item>" in body
    assert decode(body) == Decoded(CatalogResponse(1, RECORDER, 1, (division,)), ())


SAMPLES: list[Message] = [
    Keepalive(1, RECORDER, Result.ERROR),
    CatalogQuery(2, RECORDER),
    CatalogResponse(3, RECORDER, 5, (NORTH,)),
    CatalogNotify(4, RECORDER, 1, (CatalogChange(CatalogEvent.UPDATE, NORTH),)),
    DeviceInfoQuery(5, RECORDER),
    DeviceInfoResponse(6, RECORDER, Result.ERROR),
    DeviceStatusQuery(7, RECORDER),
    DeviceStatusResponse(8, RECORDER, is_online=False),
    AlarmNotify(9, RECORDER, 1, 2, datetime(2024, 5, 1, tzinfo=UTC), "smoke & <fire>"),
    AlarmResponse(10, RECORDER),
    MediaStatus(11, RECORDER, 121),
    KeyFrameControl(12, RECORDER),
    Unknown(
        "Query",
        "Later",
        13,
        RECORDER,
        b"<Query><CmdType>Later</CmdType><SN>13</SN>"
        b"<DeviceID>34020000001180000001</DeviceID></Query>",
    ),
]


@pytest.mark.parametrize("message", SAMPLES, ids=[type(message).__name__ for message in SAMPLES])
def test_every_message_survives_the_wire(message: Message) -> None:
    assert decode(encode(message, Edition.E2016)) == Decoded(message)


@pytest.mark.parametrize(
    ("start", "repeated"),
    [
        (b"<Notify>", b"<a"),
        (b"<Notify>", b"<Item>"),
        (b"<Notify>", b"&"),
        (b"<Notify a", b" "),
        (b"<Notify ", b"a="),
        (b"<Notify><", b"a"),
        (b"<?xml ", b" "),
    ],
)
def test_no_body_takes_more_than_linear_time(start: bytes, repeated: bytes) -> None:
    """A quadratic reader would need hours here; pytest's own limit is the judge."""
    with pytest.raises(ProtocolError):
        decode(start + repeated * 400_000)


def item_with(elements: str) -> bytes:
    return (
        "<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>34020000001180000001</DeviceID>"
        "<SumNum>1</SumNum><DeviceList Num='1'><Item><DeviceID>34020000001320000001</DeviceID>"
        f"{elements}</Item></DeviceList></Response>"
    ).encode()


@pytest.mark.parametrize("end", ["</Notify>", "<"])
def test_a_character_reference_of_thousands_of_digits_is_text_like_any_other(end: str) -> None:
    body = f"<Notify><CmdType>&#{'9' * 5000};</CmdType><SN>1</SN>{end}".encode()

    message = decode(body).message

    assert isinstance(message, Unknown)
    assert message.cmd_type.startswith("&#999")


@pytest.mark.parametrize("damage", ["", "<"])
def test_what_a_device_says_is_kept_in_bounded_length_and_number(damage: str) -> None:
    long = "x" * 100_000
    strange = "".join(f"<Strange{number}>1</Strange{number}>" for number in range(1000))
    elements = f"<Name>{long}</Name><Info><Address>{long}</Address></Info><{long}>1</{long}>"

    message = decode(item_with(elements + strange + damage)).message

    assert isinstance(message, CatalogResponse)
    [item] = message.items
    assert len(item.name) == len(item.address) == LONGEST_TEXT
    assert len(item.extra) == MAX_EXTRA
    assert max(map(len, item.extra)) <= LONGEST_TAG
