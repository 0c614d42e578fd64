"""Dimensions, regions, our own groups, channels in bulk and beforehand, and what is missing."""

from typing import Any

import httpx
import pytest

from tests.api.house import CAMERA, CHANNEL, GATE, SECOND, House
from vms.inventory.model import ReportedChannel

API = "/api/v1"
PLANNED = "34020000001320000009"


async def test_what_is_set_stands_beside_what_was_reported(admin: httpx.AsyncClient) -> None:
    said = {
        "class": "1",
        "department": "Traffic police",
        "builder": "Acme",
        "project": "Phase two",
        "maintainer": "Fixers",
        "installed_on": "2024-05-01",
        "retention_days": 90,
        "required_resolution": "1920x1080",
        "division": "34020201",
        "tags": ["school", "gate"],
        "longitude": 118.376451,
        "latitude": 31.326319,
        "coordinate_system": "gcj02",
    }

    shown = (await admin.patch(CHANNEL, json=said)).json()

    assert {name: shown["local"][name] for name in said} == said
    assert shown["point_class"] == "1"
    assert shown["installed_on"] == "2024-05-01"
    assert (shown["division"], shown["division_reason"]) == ("34020201", "override")
    assert shown["division_name"] == "安徽省 芜湖市 镜湖区"
    # By gcoord, a library of others: 118.371052, 31.328179.
    assert shown["longitude"] == pytest.approx(118.371052, abs=2e-6)
    assert shown["latitude"] == pytest.approx(31.328179, abs=2e-6)
    assert (shown["declared_longitude"], shown["declared_latitude"]) == (118.376451, 31.326319)
    assert shown["reported"]["longitude"] is None

    back = (await admin.patch(CHANNEL, json=dict.fromkeys(said))).json()
    assert back["local"] == {}
    assert back["division_reason"] == "catalogue"


@pytest.mark.parametrize(
    "query",
    [
        "department=Traffic police",
        "builder=Acme",
        "project=Phase two",
        "maintainer=Fixers",
        "tag=gate",
        "class=2",
        "division=3402",
    ],
)
async def test_channels_are_found_by_what_was_set(admin: httpx.AsyncClient, query: str) -> None:
    said = {
        "class": "2",
        "department": "Traffic police",
        "builder": "Acme",
        "project": "Phase two",
        "maintainer": "Fixers",
        "division": "34020201",
        "tags": ["gate"],
    }
    await admin.patch(CHANNEL, json=said)
    await admin.patch(CHANNEL.replace(CAMERA, SECOND), json={"division": "3301"})

    page = (await admin.get(f"{API}/channels?{query}")).json()

    assert [item["channel_id"] for item in page["items"]] == [CAMERA]


async def test_an_empty_word_asks_for_those_without(admin: httpx.AsyncClient) -> None:
    await admin.patch(CHANNEL, json={"builder": "Acme"})

    page = (await admin.get(f"{API}/channels?builder=")).json()

    assert [item["channel_id"] for item in page["items"]] == [SECOND]


async def test_many_are_set_at_once_and_one_row_of_the_audit_says_so(
    admin: httpx.AsyncClient,
) -> None:
    keys = [{"device_id": GATE, "channel_id": each} for each in (CAMERA, PLANNED, SECOND)]

    answer = await admin.post(
        f"{API}/channels/bulk", json={"channels": keys, "patch": {"maintainer": "Fixers"}}
    )

    told = answer.json()
    assert (told["done"], told["refused"]) == (2, 1)
    assert [(item["is_done"], item["code"]) for item in told["items"]] == [
        (True, None),
        (False, "not_found"),
        (True, None),
    ]
    [row, *_] = (await admin.get(f"{API}/audit")).json()["items"]
    assert (row["action"], row["subject"], row["detail"]) == (
        "change channels",
        "3 channels",
        {"fields": "maintainer"},
    )
    page = (await admin.get(f"{API}/channels?maintainer=Fixers")).json()
    assert len(page["items"]) == 2


async def test_a_channel_filed_beforehand_counts_as_not_commissioned_until_it_comes(
    admin: httpx.AsyncClient, house: House
) -> None:
    added = await admin.post(
        f"{API}/devices/{GATE}/channels", json={"channel_id": PLANNED, "name": "Bridge"}
    )
    assert added.status_code == 201
    assert (added.json()["status"], added.json()["is_reported"]) == ("not_commissioned", False)
    page = (await admin.get(f"{API}/channels?status=not_commissioned")).json()
    assert [item["channel_id"] for item in page["items"]] == [PLANNED]
    again = await admin.post(f"{API}/devices/{GATE}/channels", json={"channel_id": PLANNED})
    assert again.status_code == 409

    camera = house.inventory.channel(GATE, CAMERA).reported
    planned = ReportedChannel(added_id(added.json()), name="IPC")
    await house.inventory.replace_channels(GATE, [camera, planned], complete=True)

    came = (await admin.get(f"{API}/devices/{GATE}/channels/{PLANNED}")).json()
    assert (came["status"], came["name"], came["reported_name"]) == ("online", "Bridge", "IPC")
    assert (await admin.delete(f"{API}/devices/{GATE}/channels/{PLANNED}")).status_code == 409


def added_id(shown: dict[str, Any]) -> Any:
    return ReportedChannel(shown["channel_id"]).channel_id


async def test_our_own_tree_is_built_filled_filtered_and_emptied(admin: httpx.AsyncClient) -> None:
    town = (await admin.post(f"{API}/groups/own", json={"name": "Town"})).json()
    square = (
        await admin.post(
            f"{API}/groups/own", json={"name": "Square", "parent_id": town["group_id"]}
        )
    ).json()
    own = f"{API}/groups/own/{square['group_id']}"
    keys = [{"device_id": GATE, "channel_id": CAMERA}]
    told = (await admin.post(f"{own}/channels", json={"channels": keys})).json()
    assert told["done"] == 1

    [root] = (await admin.get(f"{API}/groups/own")).json()["items"]
    assert (root["name"], root["own_channels"], root["channels"]) == ("Town", 0, 1)
    assert root["children"][0]["online_channels"] == 1
    for node in (town, square):
        page = (await admin.get(f"{API}/channels?own_group={node['group_id']}")).json()
        assert [item["channel_id"] for item in page["items"]] == [CAMERA]
    page = (await admin.get(f"{API}/channels?own_group=")).json()
    assert [item["channel_id"] for item in page["items"]] == [SECOND]
    assert (await admin.get(f"{API}/channels?own_group=nowhere")).status_code == 404

    assert (await admin.delete(own)).status_code == 409
    bulk = {"channels": keys, "patch": {"own_group_id": None}}
    await admin.post(f"{API}/channels/bulk", json=bulk)
    renamed = await admin.patch(own, json={"name": "Market", "parent_id": ""})
    assert (renamed.json()["name"], renamed.json()["parent_id"]) == ("Market", "")
    assert (await admin.delete(own)).status_code == 204
    assert (await admin.get(own)).status_code == 404


async def test_regions_have_names_levels_and_counts(admin: httpx.AsyncClient) -> None:
    await admin.patch(CHANNEL, json={"division": "34020201"})
    await admin.put(f"{API}/divisions/34020201", json={"name": "Riverside"})

    [province] = (await admin.get(f"{API}/divisions")).json()["items"]

    [city] = province["children"]
    counties = {county["code"]: county for county in city["children"]}
    [street] = counties["340202"]["children"]
    assert [(node["name"], node["level"], node["channels"]) for node in (province, city)] == [
        ("安徽省", "province", 2),
        ("芜湖市", "city", 2),
    ]
    assert (counties["340202"]["name"], counties["340202"]["level"]) == ("镜湖区", "county")
    assert (street["name"], street["level"], street["online_channels"]) == ("Riverside", "unit", 1)

    many = {"items": [{"code": "34020201", "name": "Harbour"}, {"code": "34", "name": "Here"}]}
    assert (await admin.put(f"{API}/divisions/names", json=many)).status_code == 204
    assert (await admin.get(f"{API}/divisions/names")).json()["items"] == many["items"][::-1]
    assert (await admin.get(f"{API}/divisions")).json()["items"][0]["name"] == "Here"
    assert (await admin.delete(f"{API}/divisions/34")).status_code == 204
    assert (await admin.get(f"{API}/divisions")).json()["items"][0]["name"] == "安徽省"
    assert (await admin.delete(f"{API}/divisions/34")).status_code == 404


async def test_what_is_odd_or_missing_comes_with_a_remedy_and_counts_by_kind(
    admin: httpx.AsyncClient,
) -> None:
    await admin.patch(CHANNEL, json={"division": "349999"})

    [item] = (await admin.get(f"{API}/anomalies?kind=unknown_division")).json()["items"]
    assert (item["channel_id"], item["detail"], item["seen_at"]) == (CAMERA, "349999", None)
    assert "county" in item["sentence_en"]
    assert item["remedy_zh"].startswith("在本平台设置")

    counts = (await admin.get(f"{API}/anomalies/counts")).json()["items"]
    found = {each["kind"]: each["count"] for each in counts if each["count"]}
    assert found == {"unknown_division": 1, "missing_fields": 2}

    await admin.put(f"{API}/divisions/349999", json={"name": "New district"})
    assert (await admin.get(f"{API}/anomalies?kind=unknown_division")).json()["items"] == []


async def test_files_are_as_full_as_their_fields_by_class(admin: httpx.AsyncClient) -> None:
    # Of a camera of class 1 twelve fields are asked, of one of unknown class seven.
    said = {
        "class": "1",
        "division": "340202",
        "longitude": 118.0,
        "latitude": 31.0,
        "retention_days": 30,
    }
    before = (await admin.get(f"{API}/metrics/file-completeness")).json()["items"][0]
    assert (before["channels"], before["required_fields"]) == (2, 14)

    await admin.patch(CHANNEL, json=said)

    rows = (await admin.get(f"{API}/metrics/file-completeness?group_by=class")).json()["items"]
    [whole] = (await admin.get(f"{API}/metrics/file-completeness")).json()["items"]
    assert [(row["key"], row["required_fields"]) for row in rows] == [("", 7), ("1", 12)]
    assert whole["required_fields"] == 19
    assert whole["filled_fields"] == sum(row["filled_fields"] for row in rows)
    assert set(rows[1]["missing"]) == {
        "model",
        "address",
        "grassroots_code",
        "installed_on",
        "contact_info",
    } | ({"manufacturer"} & set(rows[1]["missing"]))
