"""Nothing is open but what is named, and each role may do what its rights say (P2, P9, S-20)."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import openapi_document
from tests.api.house import CAMERA, CHANNEL, GATE, PASSWORD, House, client_of
from vms.accounts.model import Actor, Role
from vms.accounts.rights import Action, may

OPEN = {
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/setup"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/docs"),
    ("GET", "/api/docs/start.js"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/{path:path}"),
    ("POST", "/upload/snapshots/{token}"),
    ("PUT", "/upload/snapshots/{token}"),
    ("POST", "/upload/snapshots/{token}/{filename:path}"),
    ("PUT", "/upload/snapshots/{token}/{filename:path}"),
}
"""What can be asked without credentials: signing in, documents, probes, the page's own files; and
what devices upload, who have no account: the path holds a token that nobody guesses, given away by
our own order, good for as many pictures as were asked for and for a minute after the last is due
(`test_uploads.py`)."""

NEEDS: dict[str, Action | None] = {
    "logout": None,
    "getMe": None,
    "prometheus": Action.READ,
    "whepStart": Action.WATCH,
    "whepPatch": None,
    "whepEnd": None,
    "disconnectViewer": Action.CONTROL,
    "listUsers": Action.ADMINISTER,
    "addUser": Action.ADMINISTER,
    "changeUser": Action.ADMINISTER,
    "listKeys": Action.ADMINISTER,
    "addKey": Action.ADMINISTER,
    "revokeKey": Action.ADMINISTER,
    "listAudit": Action.AUDIT,
    "listDevices": Action.READ,
    "addDevice": Action.CONFIGURE,
    "listWaiting": Action.READ,
    "approveDevice": Action.CONFIGURE,
    "refuseDevice": Action.CONFIGURE,
    "getDevice": Action.READ,
    "changeDevice": Action.CONFIGURE,
    "removeDevice": Action.CONFIGURE,
    "getDeviceSecret": Action.ADMINISTER,
    "queryCatalog": Action.CONTROL,
    "getJob": Action.READ,
    "queryDeviceInfo": Action.CONTROL,
    "queryDeviceStatus": Action.CONTROL,
    "listChannels": Action.READ,
    "listDeviceChannels": Action.READ,
    "getChannel": Action.READ,
    "changeChannel": Action.CONFIGURE,
    "changeChannels": Action.CONFIGURE,
    "addChannel": Action.CONFIGURE,
    "removeChannel": Action.CONFIGURE,
    "listDivisions": Action.READ,
    "listDivisionNames": Action.READ,
    "nameDivisions": Action.CONFIGURE,
    "nameDivision": Action.CONFIGURE,
    "forgetDivisionName": Action.CONFIGURE,
    "listGroups": Action.READ,
    "listOwnGroups": Action.READ,
    "addOwnGroup": Action.CONFIGURE,
    "getOwnGroup": Action.READ,
    "changeOwnGroup": Action.CONFIGURE,
    "removeOwnGroup": Action.CONFIGURE,
    "assignToOwnGroup": Action.CONFIGURE,
    "countAnomalies": Action.READ,
    "getFileCompleteness": Action.READ,
    "listDuplicates": Action.READ,
    "clearDuplicates": Action.CONFIGURE,
    "listProfiles": Action.READ,
    "getDeviceProfile": Action.READ,
    "getConformance": Action.READ,
    "listAnomalies": Action.READ,
    "listNotices": Action.READ,
    "listDeviceNotices": Action.READ,
    "listDevicePositions": Action.READ,
    "listChannelPositions": Action.READ,
    "startLive": Action.WATCH,
    "getSnapshot": Action.WATCH,
    "takeSnapshot": Action.WATCH,
    "listSessions": Action.READ,
    "getSession": Action.READ,
    "getSessionTrace": Action.READ,
    "endSession": Action.CONTROL,
    "getDeviceDiagnosis": Action.READ,
    "getLastPlay": Action.READ,
    "getDeviceSipTrace": Action.CONTROL,
    "streamDeviceSipTrace": Action.CONTROL,
    "downloadDeviceSipTrace": Action.CONTROL,
    "getDeviceWatch": Action.CONTROL,
    "watchDevice": Action.CONTROL,
    "unwatchDevice": Action.CONTROL,
    "getSessionSipTrace": Action.CONTROL,
    "downloadSessionSipTrace": Action.CONTROL,
    "getSummary": Action.READ,
    "getOnlineRate": Action.READ,
    "getOnlineRateChannels": Action.READ,
    "getOnlineRateIntervals": Action.READ,
    "getWorst": Action.READ,
    "getHeat": Action.READ,
    "getUnderTheLine": Action.READ,
    "getSelfCheck": Action.READ,
    "listExclusions": Action.READ,
    "requestExclusion": Action.CONFIGURE,
    "getExclusion": Action.READ,
    "approveExclusion": Action.ADMINISTER,
    "refuseExclusion": Action.ADMINISTER,
    "withdrawExclusion": Action.CONFIGURE,
    "getLedger": Action.READ,
    "listAlarms": Action.READ,
    "streamEvents": Action.READ,
    "startImport": Action.CONFIGURE,
    "getImport": Action.CONFIGURE,
    "downloadImportErrors": Action.CONFIGURE,
    "exportDevices": Action.READ,
    "exportChannels": Action.READ,
    "exportGroups": Action.READ,
    "exportDivisions": Action.READ,
    "getTemplate": Action.READ,
    "getSite": Action.READ,
    "listCommands": Action.READ,
    "rebootDevice": Action.CONFIGURE,
    "recordDevice": Action.CONTROL,
    "recordChannel": Action.CONTROL,
    "guardDevice": Action.CONTROL,
    "guardChannel": Action.CONTROL,
    "resetDeviceAlarm": Action.CONTROL,
    "resetChannelAlarm": Action.CONTROL,
    "askKeyPicture": Action.CONTROL,
    "lookAt": Action.CONTROL,
    "trackTarget": Action.CONTROL,
    "dragZoom": Action.CONTROL,
    "formatDeviceSdCard": Action.CONFIGURE,
    "formatSdCard": Action.CONFIGURE,
    "setHomePosition": Action.CONTROL,
    "queryDevicePresets": Action.CONTROL,
    "queryPresets": Action.CONTROL,
    "queryHomePosition": Action.CONTROL,
    "queryCruises": Action.CONTROL,
    "queryCruise": Action.CONTROL,
    "queryPtzPosition": Action.CONTROL,
    "queryDeviceSdCards": Action.CONTROL,
    "querySdCards": Action.CONTROL,
    "queryChannelStatus": Action.CONTROL,
    "queryDeviceAlarms": Action.CONTROL,
    "queryAlarms": Action.CONTROL,
    "queryDevicePosition": Action.CONTROL,
    "queryPosition": Action.CONTROL,
    "queryDeviceConfig": Action.CONTROL,
    "queryConfig": Action.CONTROL,
    "writeDeviceConfig": Action.CONFIGURE,
    "writeConfig": Action.CONFIGURE,
    "getSteering": Action.READ,
    "moveCamera": Action.CONTROL,
    "stopCamera": Action.CONTROL,
    "actOnPreset": Action.CONTROL,
    "actOnCruise": Action.CONTROL,
    "actOnScan": Action.CONTROL,
    "switchAuxiliary": Action.CONTROL,
    "searchRecords": Action.WATCH,
    "getRecordSearch": Action.WATCH,
    "upgradeDevice": Action.CONFIGURE,
    "getUpgrade": Action.READ,
    "takeDeviceSnapshots": Action.CONTROL,
    "takeSnapshots": Action.CONTROL,
    "listUploadedSnapshots": Action.WATCH,
    "getUploadedSnapshot": Action.WATCH,
    "listSubscriptions": Action.READ,
    "refreshSubscription": Action.CONTROL,
    "listOutages": Action.READ,
    "getOutage": Action.READ,
    "listOutageMembers": Action.READ,
    "makeReport": Action.REPORT,
    "listReports": Action.READ,
    "getReport": Action.READ,
    "getReportFile": Action.READ,
    "verifyReport": Action.REPORT,
    "listBans": Action.CONTROL,
    "liftBan": Action.CONFIGURE,
}
"""The right each operation asks for; None: any who signed in, or whose thing it is."""

ENDLESS = {"streamEvents", "streamDeviceSipTrace"}
"""Tried on a real server in test_events.py and test_traces.py."""


def _filled(path: str) -> str:
    for name, value in {
        "device_id": GATE,
        "channel_id": CAMERA,
        "viewer_id": "nobody",
        "session_id": "none",
        "job_id": "none",
        "report_id": "none",
        "outage_id": "none",
        "exclusion_id": "0",
        "username": "nobody",
        "key_id": "none",
        "number": "0",
        "picture_id": "none-1",
        "kind": "alarm",
        "host": "192.0.2.77",
        "host:path": "192.0.2.77",
        "path:path": "devices",
    }.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def _operations() -> Iterator[tuple[str, str, str]]:
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            if (method.upper(), path) not in OPEN:
                yield operation["operationId"], method.upper(), path


def test_every_operation_has_a_right_and_every_right_an_operation() -> None:
    assert {name for name, _, _ in _operations()} == set(NEEDS)


async def test_without_credentials_every_route_is_closed_but_those_named(app: FastAPI) -> None:
    # given all routes, those of the document and those beside it
    routes = {
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if method != "HEAD"
    }
    assert routes >= OPEN
    assert len(routes) > 50

    # when each is asked from elsewhere without credentials, then it is refused
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client:
        for method, path in sorted(routes - OPEN):
            answer = await client.request(method, _filled(path))
            assert answer.status_code == 401, (method, path)
            assert answer.json()["code"] == "unauthenticated"
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_is_refused_exactly_what_its_rights_leave_out(
    app: FastAPI, house: House, role: Role
) -> None:
    async with client_of(app, await house.sign_in(role)) as client:
        for name, method, path in _operations():
            needed = NEEDS[name]
            is_allowed = needed is None or may(role, needed)
            if name in {"prometheus", "logout"} or (is_allowed and name in ENDLESS):
                continue
            answer = await client.request(method, _filled(path))
            assert (answer.status_code == 403) == (not is_allowed), (role, name, answer.text)
            assert answer.status_code not in {401, 500}, (role, name, answer.text)


async def test_no_get_changes_anything(admin: httpx.AsyncClient, house: House) -> None:
    # given how everything stands
    def standing() -> object:
        return (house.inventory.summary(), house.viewing.viewers, house.inventory.device(GATE))

    before = standing()
    sessions = await house.viewing.sessions()

    # when everything that can be read is read
    for name, method, path in _operations():
        if method == "GET" and name not in ENDLESS:
            await admin.get(_filled(path))

    # then it stands as before
    assert standing() == before
    assert await house.viewing.sessions() == sessions


async def test_a_sign_in_gives_a_token_and_a_cookie_a_script_cannot_read(
    stranger: httpx.AsyncClient, house: House
) -> None:
    await house.sign_in(Role.VIEWER)

    answer = await stranger.post(
        "/api/v1/auth/login", json={"username": "viewer", "password": PASSWORD}
    )

    body = answer.json()
    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("bearer", 86400)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    me = await stranger.get("/api/v1/auth/me", headers=bearer)
    assert me.json()["actions"] == ["read", "watch"]


async def test_over_tls_the_cookie_never_travels_in_the_clear(app: FastAPI, house: House) -> None:
    await house.sign_in(Role.VIEWER)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://vms.test") as client:
        answer = await client.post(
            "/api/v1/auth/login", json={"username": "viewer", "password": PASSWORD}
        )

    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_a_write_by_cookie_has_to_come_from_our_own_page(
    stranger: httpx.AsyncClient, house: House
) -> None:
    # given a browser that is signed in by its cookie
    await house.sign_in(Role.OPERATOR)
    await stranger.post("/api/v1/auth/login", json={"username": "operator", "password": PASSWORD})
    path = f"/api/v1/devices/{GATE}/catalog"

    # when another site, a hidden frame, or a form without any word makes it write
    foreign = [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ]
    codes = [(await stranger.post(path, headers=headers)).json()["code"] for headers in foreign]

    # then only our own page's word counts, and reading needs none
    assert codes == ["foreign_origin"] * 5
    assert (await stranger.post(path, headers={"Origin": "http://vms.test"})).status_code == 202
    assert (await stranger.post(path, headers={"Sec-Fetch-Site": "same-origin"})).status_code == 202
    assert (await stranger.get("/api/v1/devices")).status_code == 200


async def test_another_site_cannot_sign_a_browser_in(
    stranger: httpx.AsyncClient, house: House
) -> None:
    await house.sign_in(Role.VIEWER)

    answer = await stranger.post(
        "/api/v1/auth/login",
        json={"username": "viewer", "password": PASSWORD},
        headers={"Origin": "http://evil.test"},
    )

    assert answer.json()["code"] == "foreign_origin"
    assert "set-cookie" not in answer.headers


async def test_no_other_site_is_ever_told_that_it_may_read(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/api/v1/devices", headers={"Origin": "http://evil.test"})

    assert "access-control-allow-origin" not in answer.headers


async def test_a_name_and_a_password_are_refused_alike_and_then_slowed_down(
    stranger: httpx.AsyncClient, house: House
) -> None:
    await house.sign_in(Role.VIEWER)

    async def attempt(username: str) -> httpx.Response:
        return await stranger.post(
            "/api/v1/auth/login", json={"username": username, "password": "wrong horse"}
        )

    known, unknown = await attempt("viewer"), await attempt("nobody")
    assert (known.status_code, unknown.status_code) == (401, 401)
    assert known.json()["code"] == unknown.json()["code"] == "wrong_credentials"
    assert known.json()["detail"] == unknown.json()["detail"]

    for _ in range(4):
        await attempt("viewer")
    locked = await attempt("viewer")
    assert (locked.status_code, locked.json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(locked.headers["retry-after"]) <= 30


async def test_the_set_up_code_makes_the_first_administrator_once(
    stranger: httpx.AsyncClient, house: House
) -> None:
    body = {"code": house.setup_code, "username": "chief", "password": PASSWORD}

    wrong = await stranger.post("/api/v1/auth/setup", json={**body, "code": "AAAA-BBBB"})
    made = await stranger.post("/api/v1/auth/setup", json=body)
    again = await stranger.post("/api/v1/auth/setup", json={**body, "username": "second"})

    assert (wrong.status_code, made.status_code, again.status_code) == (401, 201, 401)
    bearer = {"Authorization": f"Bearer {made.json()['access_token']}"}
    me = await stranger.get("/api/v1/auth/me", headers=bearer)
    assert (me.json()["username"], me.json()["role"]) == ("chief", "admin")


async def test_signing_out_ends_the_token(viewer: httpx.AsyncClient) -> None:
    assert (await viewer.post("/api/v1/auth/logout")).status_code == 204

    assert (await viewer.get("/api/v1/auth/me")).status_code == 401


async def test_users_are_added_changed_and_listed_without_their_passwords(
    admin: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    new = {"username": "li", "password": PASSWORD, "role": "viewer"}

    made = await admin.post("/api/v1/users", json=new)
    twice = await admin.post("/api/v1/users", json=new)
    changed = await admin.patch("/api/v1/users/li", json={"role": "operator"})
    listed = await admin.get("/api/v1/users")

    assert (made.status_code, twice.status_code) == (201, 409)
    assert changed.json()["role"] == "operator"
    assert {user["username"] for user in listed.json()["items"]} == {"admin", "li"}
    assert PASSWORD not in listed.text
    off = await admin.patch("/api/v1/users/li", json={"disabled": True, "password": "another one"})
    assert off.json()["disabled"] is True
    login = {"username": "li", "password": "another one"}
    assert (await stranger.post("/api/v1/auth/login", json=login)).status_code == 401


async def test_a_key_is_shown_once_counts_as_its_role_and_ends_when_revoked(
    admin: httpx.AsyncClient, app: FastAPI
) -> None:
    made = (await admin.post("/api/v1/keys", json={"name": "report", "role": "auditor"})).json()

    async with client_of(app, made["key"]) as program:
        assert (await program.get("/api/v1/metrics/summary")).status_code == 200
        assert (await program.post(f"{CHANNEL}/live")).status_code == 403
        assert made["key"] not in (await admin.get("/api/v1/keys")).text
        assert (await admin.delete(f"/api/v1/keys/{made['key_id']}")).status_code == 204
        assert (await program.get("/api/v1/metrics/summary")).status_code == 401


async def test_who_did_what_is_told_newest_first_page_by_page(
    admin: httpx.AsyncClient, app: FastAPI, house: House
) -> None:
    await admin.post(f"{CHANNEL}/snapshot")
    await admin.post(f"/api/v1/devices/{GATE}/catalog")

    async with client_of(app, await house.sign_in(Role.AUDITOR)) as auditor:
        first = (await auditor.get("/api/v1/audit?limit=3")).json()
        second = (await auditor.get(f"/api/v1/audit?limit=3&cursor={first['next_cursor']}")).json()

    rows = [(row["actor"], row["action"], row["subject"]) for row in first["items"]]
    assert rows[-1] == ("admin", "query catalog", GATE)
    assert second["items"][0]["action"] == "take snapshot"
    assert second["items"][0]["subject"] == f"{GATE}/{CAMERA}"


async def test_a_lost_role_counts_at_once(viewer: httpx.AsyncClient, house: House) -> None:
    await house.sign_in(Role.ADMIN)
    assert (await viewer.post(f"{CHANNEL}/live")).status_code == 201

    await house.accounts.change_user("viewer", Actor("test"), role=Role.AUDITOR)

    assert (await viewer.post(f"{CHANNEL}/live")).status_code == 403
