"""Upgrades, subscriptions, bans, redirections and figures over HTTP."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.api.on_air import WHOLE, on_air
from tests.support.waiting import until, until_async
from tests.vms.signalling.stage import DEVICE, device
from vms.accounts.model import Role
from vms.inventory.subscriptions import SubscriptionKind

FIRMWARE = {"firmware": "V5.7.3", "file_url": "http://192.0.2.10/firmware/v573.bin"}


async def test_an_upgrade_is_a_job_that_the_device_ends(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air:
        begun = await air.admin.post(f"{WHOLE}/control/upgrade", json=FIRMWARE)
        order = await air.answer("DeviceControl")
        again = await air.admin.post(f"{WHOLE}/control/upgrade", json=FIRMWARE)

        assert (begun.status_code, again.status_code) == (202, 409)
        assert order.element("FileURL") == FIRMWARE["file_url"]
        job_id = begun.json()["job_id"]
        await air.camera.tell(
            "<Notify><CmdType>DeviceUpgradeResult</CmdType><SN>7</SN>"
            f"<DeviceID>{DEVICE}</DeviceID><SessionID>{job_id}</SessionID>"
            "<UpgradeResult>OK</UpgradeResult><Firmware>V5.7.3</Firmware></Notify>"
        )

        async def state() -> str:
            return str((await air.admin.get(begun.headers["location"])).json()["state"])

        assert await until_async(state, lambda state: state != "running") == "complete"
        shown = (await air.admin.get(begun.headers["location"])).json()
        assert (shown["running"], shown["is_accepted"]) == ("V5.7.3", True)
        assert (await air.admin.get(f"{WHOLE}/upgrades/other")).status_code == 404
        elsewhere = begun.headers["location"].replace(DEVICE, "1")
        assert (await air.admin.get(elsewhere)).status_code == 404


@pytest.mark.parametrize(
    "nonsense",
    [
        {"firmware": "", "file_url": "http://192.0.2.10/a"},
        {"firmware": "V5", "file_url": "file:///etc/passwd"},
        {"firmware": "V5", "file_url": "http://192.0.2.10/a b"},
        {"firmware": "a\nb", "file_url": "http://192.0.2.10/a"},
        {"firmware": "V5"},
    ],
)
async def test_a_firmware_from_nowhere_is_refused(
    admin: httpx.AsyncClient, nonsense: dict[str, str]
) -> None:
    path = "/api/v1/devices/34020000001110000001/control/upgrade"
    answer = await admin.post(path, json=nonsense)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_subscriptions_are_shown_and_renewed_one_by_one(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air, air.another(Role.VIEWER) as viewer:
        # given a device that is subscribed for its alarms, and refuses
        air.camera.answers["SUBSCRIBE"] = 489
        path = f"{WHOLE}/subscriptions"

        async def alarms() -> dict[str, object]:
            shown: dict[str, object]
            [shown] = [
                each for each in (await viewer.get(path)).json()["items"] if each["kind"] == "alarm"
            ]
            return shown

        refused = await until_async(alarms, lambda shown: shown["state"] == "refused")
        assert refused["is_wanted"] is True
        assert "489" in str(refused["error"])
        assert 'vms_subscriptions{state="refused"}' in (await air.admin.get("/metrics")).text

        # when it has learnt it and is asked at once
        air.camera.requests.clear()
        del air.camera.answers["SUBSCRIBE"]
        assert (await viewer.post(f"{path}/alarm/refresh")).status_code == 403
        asked = await air.admin.post(f"{path}/alarm/refresh")
        order = await air.camera.asked("SUBSCRIBE")
        air.camera.respond(order, 200, headers=[("Expires", "3600")])

        # then it is held
        assert (asked.status_code, asked.json()["kind"]) == (202, "alarm")
        held = await until_async(alarms, lambda shown: shown["state"] == "active")
        assert held["expires_at"] is not None
        kinds = {each["kind"] for each in (await viewer.get(path)).json()["items"]}
        assert kinds == {kind.value for kind in SubscriptionKind}
        assert (await air.admin.post(f"{path}/weather/refresh")).status_code == 422
        assert (await viewer.get("/api/v1/devices/1/subscriptions")).status_code == 404
        assert (await air.audit())[0] == ("refresh subscription", DEVICE)


async def test_a_banned_source_is_shown_and_let_in_again(tmp_path: Path) -> None:
    scanner_host = "127.0.0.66"
    async with (
        on_air(tmp_path, sip__ban_after_failures="3") as air,
        device(air.server, "34020000001180000066", password="wrong", host=scanner_host) as scanner,
        air.another(Role.VIEWER, "viewer") as viewer,
    ):
        # given a source with wrong passwords
        for _ in range(3):
            challenged = await scanner.challenge()
            scanner.send(scanner.register_request(scanner.authorization(challenged)))
        await until(lambda: any(ban.host == scanner_host for ban in air.server.bans()))

        # then it is shown to those who may look after devices
        [ban] = (await air.admin.get("/api/v1/bans")).json()["items"]
        assert (ban["host"], ban["since"] < ban["until"]) == (scanner_host, True)
        assert (await viewer.get("/api/v1/bans")).status_code == 403
        assert "vms_sip_bans 1.0" in (await air.admin.get("/metrics")).text

        # and lifted at once
        assert (await air.admin.delete("/api/v1/bans/192.0.2.0/24")).status_code == 404
        assert (await air.admin.delete(f"/api/v1/bans/{scanner_host}")).status_code == 204
        assert (await air.admin.get("/api/v1/bans")).json()["items"] == []
        assert (await air.audit())[0] == ("lift ban", scanner_host)


async def test_where_devices_are_sent_on_to_is_told(viewer: httpx.AsyncClient) -> None:
    site = (await viewer.get("/api/v1/site")).json()

    assert site["redirects"] == {"340203": "sip:34020300002000000001@192.0.2.20:5060"}
    assert (site["online_target"], site["coverage_limit"]) == (0.9, 0.95)
    assert (site["cut_off_day"], site["report_level"]) == (25, 6)


async def test_the_figures_tell_what_the_signalling_counted(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air:
        await asyncio.gather(*(air.camera.challenge() for _ in range(2)))

        told = (await air.admin.get("/metrics")).text

        for line in (
            'vms_registers_total{result="accepted"} 1.0',
            "vms_notifies_total 0.0",
            "vms_notices_waiting 0.0",
            "vms_unconfirmed_stops_total 0.0",
            "vms_inventory_stalls_total 0.0",
            "vms_sip_pings_total 0.0",
            "vms_sip_repeats_absorbed_total",
            "vms_sip_transaction_overflows_total 0.0",
        ):
            assert line in told, told
