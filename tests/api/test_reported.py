"""What devices report and how they are spoken to, as the API shows it."""

import base64
from collections.abc import Mapping
from datetime import timedelta

import httpx
import pytest

from api.pagination import encode_cursor
from tests.api.house import CAMERA, GATE, SECOND, YARD, House
from vms.gb28181.ids import ChannelId
from vms.inventory.model import ReportedChannel, WaitingVerdict
from vms.inventory.reported import ReportedNotice, ReportedPosition

NODE = ChannelId("34020000002160000001")
GROUP = ChannelId("34020000002150000001")
SCHOOL = ReportedChannel(
    CAMERA,
    name="North gate",
    owner="Owner of the gate",
    civil_code="340203",
    address="Gate",
    parent_ids=(NODE,),
    ptz_type=1,
    longitude=118.25,
    latitude=31.5,
    extra={
        "CapturePositionType": "0170100",
        "PointType": "1",
        "SupplyLightType": "2",
        "FunctionType": "01/02",
        "SecurityLevelCode": "A",
        "MAC": "00-11-22-33-44-55",
        "ManagementUnit": "Unit of the school",
    },
)


async def report(house: House) -> None:
    """GATE tells its catalogue in full: a camera at a school, another, and its groups."""
    nodes = [
        ReportedChannel(GROUP, name="Schools"),
        ReportedChannel(NODE, name="North", business_group_id=GROUP),
    ]
    channels = [SCHOOL, ReportedChannel(SECOND, name="South gate", is_on=False)]
    await house.inventory.replace_channels(GATE, channels, complete=True, nodes=nodes)


async def test_a_channel_shows_every_field_it_reported_with_its_codes_in_words(
    viewer: httpx.AsyncClient, house: House
) -> None:
    await report(house)

    shown = (await viewer.get(f"/api/v1/devices/{GATE}/channels/{CAMERA}")).json()

    wanted = {
        "capture_position_type": "0170100",
        "security_level_code": "A",
        "mac": "00-11-22-33-44-55",
        "parent_id": [NODE],
        "ptz_type": 1,
        "status": "ON",
    }
    assert {name: shown["reported"][name] for name in wanted} == wanted
    assert [label["code"] for label in shown["labels"]["function_type"]] == ["01", "02"]
    assert all(label["en"] for label in shown["labels"]["function_type"])
    assert shown["labels"]["ptz_type"][0]["zh"] == "球机"
    assert shown["labels"]["capture_position_type"][0]["code"] == "017"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("class=1", [CAMERA]),
        ("site_type=017", [CAMERA]),
        ("site_type=018", []),
        ("ptz_type=1", [CAMERA]),
        ("unit=school", [CAMERA]),
        ("unit=OWNER", [CAMERA]),
        ("security_level=A", [CAMERA]),
        ("mobile_device_type=5", []),
        ("has_position=false", [SECOND]),
        ("has_position=true", [CAMERA]),
    ],
)
async def test_channels_are_found_by_what_they_reported(
    viewer: httpx.AsyncClient, house: House, query: str, found: list[str]
) -> None:
    await report(house)

    answer = await viewer.get(f"/api/v1/channels?{query}")

    assert [channel["channel_id"] for channel in answer.json()["items"]] == found


async def test_what_is_set_over_a_report_outlives_the_next_and_hides_nothing(
    admin: httpx.AsyncClient, house: House
) -> None:
    # given fields set over the report
    await report(house)
    path = f"/api/v1/devices/{GATE}/channels/{CAMERA}"
    mine = {
        "class": "2",
        "site_type": "018",
        "longitude": 118.5,
        "latitude": 31.75,
        "address": "East gate",
        "management_unit": "Another unit",
        "builder": "Builder",
        "maintainer": "Maintainer",
    }
    assert (await admin.patch(path, json=mine)).status_code == 200

    # when the device reports once more
    await house.inventory.replace_channels(
        GATE, [SCHOOL, ReportedChannel(SECOND, name="South")], complete=True
    )

    # then both are shown
    shown = (await admin.get(path)).json()
    assert {name: shown["point_class" if name == "class" else name] for name in mine} == mine
    assert shown["overrides"] == sorted(mine)
    assert (shown["reported"]["address"], shown["reported"]["longitude"]) == ("Gate", 118.25)
    assert shown["reported"]["point_type"] == "1"

    # and null goes back
    back = (await admin.patch(path, json={"class": None, "builder": None})).json()
    assert (back["point_class"], back["builder"]) == ("1", "")
    assert back["address"] == "East gate"


@pytest.mark.parametrize(
    "nonsense",
    [
        {"class": "4"},
        {"site_type": "17"},
        {"longitude": 118.5, "latitude": None},
        {"longitude": 500, "latitude": 3},
        {"address": "   "},
        {"builder": "a\nb"},
        {"colour": "red"},
    ],
)
async def test_nonsense_is_not_set_over_a_report(
    admin: httpx.AsyncClient, nonsense: Mapping[str, object]
) -> None:
    answer = await admin.patch(f"/api/v1/devices/{GATE}/channels/{CAMERA}", json=nonsense)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_groups_are_a_tree_with_live_counts(viewer: httpx.AsyncClient, house: House) -> None:
    await report(house)

    [group] = (await viewer.get("/api/v1/groups")).json()["items"]

    assert (group["group_id"], group["name"]) == (GROUP, "Schools")
    assert (group["channels"], group["online_channels"]) == (1, 1)
    assert [child["name"] for child in group["children"]] == ["North"]


async def test_a_device_shows_its_profile_and_where_each_value_comes_from(
    admin: httpx.AsyncClient, house: House
) -> None:
    # given a device whose maker is known
    await house.inventory.set_device_info(GATE, "NVR", "Hikvision", "DS-7608", "V4")
    path = f"/api/v1/devices/{GATE}"
    chosen = (await admin.get(f"{path}/profile")).json()
    assert (chosen["name"], chosen["values"]["sdp_offer"]) == (
        "hikvision",
        {"value": "extended", "origin": "chosen"},
    )
    assert chosen["values"]["edition"] == {"value": "2016", "origin": "device"}

    # when a person names another, and sets a field and an edition
    shown = await admin.patch(
        path,
        json={
            "profile": "dahua",
            "profile_fields": {"send_date": False},
            "edition_override": "2022",
        },
    )

    # then each value says where it comes from
    assert (shown.json()["profile"], shown.json()["spoken_edition"]) == ("dahua", "2022")
    values = (await admin.get(f"{path}/profile")).json()["values"]
    assert values["stream_selector"] == {"value": "streamprofile", "origin": "profile"}
    assert values["send_date"] == {"value": False, "origin": "override"}
    assert values["edition"] == {"value": "2022", "origin": "override"}

    # and null goes back
    back = {"profile": None, "profile_fields": {"send_date": None}, "edition_override": None}
    assert (await admin.patch(path, json=back)).json()["profile"] == "hikvision"
    names = [each["name"] for each in (await admin.get("/api/v1/profiles")).json()["items"]]
    assert names == ["generic", "hikvision", "dahua", "uniview", "huawei", "tiandy", "tplink"]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"profile": "nobody"},
        {"profile_fields": {"colour": "red"}},
        {"profile_fields": {"send_date": "yes"}},
        {"profile_fields": {"ptz_max_speed": 256}},
        {"profile_fields": {"edition": "unknown"}},
        {"edition_override": "2031"},
    ],
)
async def test_a_profile_takes_no_nonsense(
    admin: httpx.AsyncClient, nonsense: Mapping[str, object]
) -> None:
    answer = await admin.patch(f"/api/v1/devices/{GATE}", json=nonsense)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_every_habit_stands_in_the_report_of_its_device(
    viewer: httpx.AsyncClient, house: House
) -> None:
    for _ in range(3):
        house.inventory.count_tolerance(GATE, "bare_markup")

    device = (await viewer.get(f"/api/v1/devices/{GATE}")).json()
    report = (await viewer.get(f"/api/v1/devices/{GATE}/conformance")).json()

    assert device["tolerances"] == [{"name": "bare_markup", "rule": "T2", "count": 3}]
    assert [rule["rule"] for rule in report["rules"]] == [f"T{number}" for number in range(1, 21)]
    repaired = report["rules"][1]
    assert repaired["count"] == 3
    assert repaired["habits"][0]["text"]["en"] == "An & or < is not escaped in XML"
    assert repaired["text"]["zh"]


async def test_notices_are_listed_in_pages_with_their_bodies(
    viewer: httpx.AsyncClient, house: House
) -> None:
    for sn in (1, 2, 3):
        notice = ReportedNotice(
            GATE, "TimeSync" if sn == 3 else "MediaStatus", sn, None, {"notify_type": 121}, b"<N/>"
        )
        assert await house.inventory.record_notice(GATE, notice)

    first = await viewer.get("/api/v1/notices?limit=2")
    second = await viewer.get(first.links["next"]["url"])

    assert [row["sn"] for row in first.json()["items"]] == [3, 2]
    assert [row["is_known"] for row in first.json()["items"]] == [False, True]
    assert [row["sn"] for row in second.json()["items"]] == [1]
    assert base64.b64decode(second.json()["items"][0]["raw"]) == b"<N/>"
    assert second.json()["items"][0]["facts"] == {"notify_type": 121}
    own = await viewer.get(f"/api/v1/devices/{GATE}/notices?cmd_type=TimeSync")
    assert [row["sn"] for row in own.json()["items"]] == [3]
    assert (await viewer.get(f"/api/v1/devices/{YARD}/notices")).json()["items"] == []


async def test_a_track_is_shown_in_order_of_time_with_the_latest_place(
    viewer: httpx.AsyncClient, house: House
) -> None:
    began = house.clock.wall() - timedelta(minutes=3)
    track = [
        ReportedPosition(CAMERA, began + timedelta(minutes=number), 118 + number / 10, 31)
        for number in range(3)
    ]
    assert await house.inventory.record_positions(GATE, track) == 3
    path = f"/api/v1/devices/{GATE}/channels/{CAMERA}/positions"

    first = (await viewer.get(path, params={"limit": 2})).json()
    second = (await viewer.get(path, params={"cursor": first["next_cursor"]})).json()

    assert [row["longitude"] for row in first["items"]] == [118, 118.1]
    assert [row["longitude"] for row in second["items"]] == [118.2]
    assert first["latest"]["longitude"] == 118.2
    before = {"end": (began + timedelta(seconds=1)).isoformat()}
    assert len((await viewer.get(path, params=before)).json()["items"]) == 1
    own = (await viewer.get(f"/api/v1/devices/{GATE}/positions")).json()
    assert (own["items"], own["latest"]) == ([], None)
    assert (await viewer.get(path, params={"cursor": "eA"})).status_code == 422


async def test_oddities_are_listed_and_stand_at_their_channel(
    viewer: httpx.AsyncClient, house: House
) -> None:
    await house.inventory.upsert_channels(YARD, [ReportedChannel(CAMERA)])

    listed = (await viewer.get("/api/v1/anomalies")).json()["items"]
    of_yard = (await viewer.get(f"/api/v1/anomalies?device_id={YARD}")).json()["items"]

    assert [(row["kind"], row["device_id"], row["detail"]) for row in listed] == [
        ("duplicate_channel", GATE, YARD),
        ("duplicate_channel", YARD, GATE),
    ]
    assert of_yard == listed[1:]
    shown = (await viewer.get(f"/api/v1/devices/{YARD}/channels/{CAMERA}")).json()
    assert shown["anomalies"] == ["duplicate_channel"]


async def test_a_second_unit_with_an_id_is_shown_beside_the_first_until_it_is_cleared(
    admin: httpx.AsyncClient, house: House
) -> None:
    await house.inventory.note_waiting(
        GATE,
        "192.0.2.66",
        5070,
        transport="UDP",
        user_agent="Double",
        verdict=WaitingVerdict.RIGHT,
    )

    [double] = (await admin.get("/api/v1/devices/duplicates")).json()["items"]
    assert (double["device_id"], double["bound_address"]) == (GATE, "127.0.0.9:5060")
    assert [unit["address"] for unit in double["refused"]] == ["192.0.2.66:5070"]
    assert (await admin.get("/api/v1/devices/waiting")).json()["items"] == []

    assert (await admin.delete(f"/api/v1/devices/duplicates/{GATE}")).status_code == 204
    assert (await admin.get("/api/v1/devices/duplicates")).json()["items"] == []
    assert (await admin.delete(f"/api/v1/devices/duplicates/{GATE}")).status_code == 404


@pytest.mark.parametrize("query", [{"cmd_type": "\x00"}, {"cursor": encode_cursor("a\x00")}])
async def test_what_no_database_takes_for_text_is_refused_before(
    viewer: httpx.AsyncClient, query: dict[str, str]
) -> None:
    answer = await viewer.get("/api/v1/notices", params=query)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"
