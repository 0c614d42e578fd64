"""Summary, online rates, ledger, alarms, probes and Prometheus."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from tests.api.house import CAMERA, CHANNEL, GATE, SECOND, House, client_of
from vms.accounts.model import Role
from vms.inventory.model import ReportedAlarm
from vms.metrics import counters

RATE = "/api/v1/metrics/online-rate"


def _window(house: House) -> dict[str, str]:
    now = house.clock.wall()
    return {"from": (now - timedelta(hours=1)).isoformat(), "to": now.isoformat()}


async def test_the_summary_counts_everything_now(viewer: httpx.AsyncClient) -> None:
    await viewer.post(f"{CHANNEL}/whep", content="v=0", headers={"Content-Type": "application/sdp"})

    summary = (await viewer.get("/api/v1/metrics/summary")).json()

    assert (summary["devices"], summary["channels"], summary["channels_online"]) == (2, 2, 1)
    assert summary["devices_by_state"]["online_signalled"] == 1
    assert sum(summary["channels_by_state"].values()) == summary["channels"]
    assert summary["instant_online_rate"] == 0.5
    assert (summary["waiting"], summary["sessions"], summary["viewers"]) == (0, 1, 1)
    assert (summary["sessions_limit"], summary["viewers_limit"]) == (None, 50)
    assert (summary["outgoing_bps"], summary["outgoing_limit_bps"]) == (2_000_000, 100_000_000)


async def test_online_rates_come_with_the_seconds_they_are_made_of(
    viewer: httpx.AsyncClient, house: House
) -> None:
    # given a gate that was there for half of an hour
    house.clock.advance(1800)
    await house.inventory.pass_time()

    # when the rate is asked by channel
    answer = await viewer.get(RATE, params={**_window(house), "group_by": "channel"})

    # then every second is accounted for
    rows = {row["key"]: row for row in answer.json()["items"]}
    assert set(rows) == {f"{GATE}/{CAMERA}", f"{GATE}/{SECOND}"}
    for row in rows.values():
        seconds = (
            row["online_s"]
            + row["offline_s"]
            + row["unknown_s"]
            + row["excluded_s"]
            + row["not_commissioned_s"]
        )
        assert seconds == 3600 * row["channels"]
        assert row["online_s"] == row["proven_s"] + row["signalled_s"]
        assert row["start"].endswith("Z")
    assert rows[f"{GATE}/{SECOND}"]["online_rate"] == 0
    assert rows[f"{GATE}/{CAMERA}"]["verdict"] in {"met", "missed", "insufficient_evidence"}


@pytest.mark.parametrize(
    "change",
    [
        {"to": "2020-01-01T00:00:00+08:00"},
        {"from": "2026-03-01T00:00:00"},
        {"from": "yesterday"},
        {"group_by": "colour"},
        {"interval": "fortnight"},
        {"method": "guess"},
        {"division": "x"},
    ],
)
async def test_a_rate_of_nothing_sensible_is_refused(
    viewer: httpx.AsyncClient, house: House, change: dict[str, str]
) -> None:
    house.clock.advance(10)

    answer = await viewer.get(RATE, params={**_window(house), **change})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_the_ledger_shows_the_intervals_behind_the_rate(
    viewer: httpx.AsyncClient, house: House
) -> None:
    house.clock.advance(10)

    intervals = (await viewer.get(f"{CHANNEL}/ledger", params=_window(house))).json()["items"]

    assert intervals[-1]["state"] == "online_signalled"
    assert intervals[-1]["end"] is None
    assert datetime.fromisoformat(intervals[0]["start"]).tzinfo is not None


async def test_alarms_are_listed_newest_first(viewer: httpx.AsyncClient, house: House) -> None:
    for sn in (1, 2, 3):
        house.clock.advance(1)
        reported = ReportedAlarm(
            source_id=CAMERA,
            sn=sn,
            priority=1,
            method=5,
            alarm_type=2,
            occurred_at=datetime(2026, 3, 2, 4, sn, tzinfo=UTC),
            description="motion",
            longitude=None,
            latitude=None,
            raw=b"<Notify><Info><AlarmTypeParam><EventType>2</EventType></AlarmTypeParam></Info>"
            b"</Notify>"
            if sn == 3
            else b"<Notify/>",
        )
        assert await house.inventory.record_alarm(GATE, reported)

    first = await viewer.get("/api/v1/alarms?limit=2")
    second = await viewer.get(first.links["next"]["url"])

    assert [alarm["sn"] for alarm in first.json()["items"]] == [3, 2]
    assert [alarm["event_type"] for alarm in first.json()["items"]] == [2, None]
    assert [alarm["sn"] for alarm in second.json()["items"]] == [1]
    assert "raw" not in first.json()["items"][0]
    assert (await viewer.get("/api/v1/alarms?device_id=7")).json()["items"] == []


async def test_the_site_tells_an_installer_what_to_enter_and_what_to_mend(
    viewer: httpx.AsyncClient,
) -> None:
    english = (await viewer.get("/api/v1/site")).json()
    chinese = (await viewer.get("/api/v1/site", headers={"Accept-Language": "zh"})).json()

    assert (english["server_id"], english["domain"]) == ("34020000002000000001", "3402000000")
    assert (english["addresses"], english["sip_port"]) == (["192.0.2.1"], 5060)
    assert [warning["code"] for warning in english["warnings"]] == ["digest_not_required"]
    assert "password" in english["warnings"][0]["text"]
    assert "密码" in chinese["warnings"][0]["text"]


async def test_probes_tell_whether_it_lives_and_whether_it_can_serve(
    stranger: httpx.AsyncClient, house: House
) -> None:
    assert (await stranger.get("/healthz")).json() == {"status": "ok"}
    ready = await stranger.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (200, "ok")

    house.wrong["warning.receive_buffer_small"] = "212992 bytes"
    warned = await stranger.get("/readyz")
    assert (warned.status_code, warned.json()["status"]) == (200, "ready")
    assert warned.json()["checks"]["warning.receive_buffer_small"] == "warning"

    house.wrong["database"] = "canary: no route to host"
    failed = await stranger.get("/readyz")
    assert (failed.status_code, failed.json()["status"]) == (503, "not_ready")
    assert "canary" not in failed.text


async def test_prometheus_reads_our_figures_and_finds_no_device_in_them(
    viewer: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await viewer.get(f"/api/v1/devices/{GATE}")
    await stranger.request("BREW", "/api/v1/devices")

    text = (await stranger.get("/metrics")).text

    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(families) <= {metric.name for metric in counters.ALL}
    requests = {
        (sample.labels["method"], sample.labels["status_class"]): sample.value
        for sample in families["vms_http_requests"].samples
    }
    assert requests["GET", "2xx"] >= 1
    assert requests["other", "4xx"] == 1
    assert GATE not in text


async def test_metrics_are_for_this_machine_or_for_those_with_a_key(
    app: FastAPI, house: House, stranger: httpx.AsyncClient
) -> None:
    # given somebody elsewhere, and a proxy on this machine that forwards for somebody elsewhere
    elsewhere = httpx.ASGITransport(app, client=("192.0.2.9", 4000))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://vms.test") as client:
        assert (await client.get("/metrics")).status_code == 401
        bearer = {"Authorization": f"Bearer {await house.sign_in(Role.AUDITOR)}"}
        assert (await client.get("/metrics", headers=bearer)).status_code == 200
    forwarded = await stranger.get("/metrics", headers={"X-Forwarded-For": "192.0.2.9"})
    assert forwarded.status_code == 401


async def test_a_forwarded_address_is_believed_from_nobody(app: FastAPI, house: House) -> None:
    async with client_of(app) as client:
        headers = {"X-Forwarded-For": "198.51.100.7"}
        login = {"username": "nobody", "password": "wrong horse"}
        await client.post("/api/v1/auth/login", json=login, headers=headers)

    assert (await house.accounts.audit(None, 1))[0].entry.source == "127.0.0.1"


@pytest.mark.parametrize(
    "start", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "1980-01-01T00:00:00Z"]
)
async def test_a_window_that_would_keep_the_server_busy_is_refused(
    viewer: httpx.AsyncClient, start: str
) -> None:
    window = {"from": start, "to": "9999-12-31T23:59:59-14:00", "interval": "hour"}

    assert (await viewer.get(RATE, params=window)).status_code == 422
