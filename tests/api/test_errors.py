"""Every refusal is a problem document with a stable code, in the reader's language."""

import httpx
import pytest
from fastapi import FastAPI

from api.errors import STATUSES, TITLES
from api.language import language_of
from tests.api.house import CAMERA, GATE, PASSWORD, YARD, House, client_of
from vms import errors
from vms.accounts.errors import TooManyAttemptsError, WrongCredentialsError
from vms.accounts.model import Role
from vms.errors import VmsError


async def test_a_refusal_says_what_where_and_how_to_find_it_in_the_log(
    admin: httpx.AsyncClient,
) -> None:
    answer = await admin.post(f"/api/v1/devices/{YARD}/catalog")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:vms:problem:device_offline",
        "title": "The device is offline",
        "status": 409,
        "detail": f"{YARD} is offline",
        "instance": f"/api/v1/devices/{YARD}/catalog",
        "code": "device_offline",
        "trace_id": answer.headers["x-trace-id"],
        "errors": [],
        "facts": {"device_id": YARD},
    }


async def test_the_title_is_chinese_for_those_who_prefer_it(admin: httpx.AsyncClient) -> None:
    answer = await admin.get(
        f"/api/v1/devices/{GATE}9", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
    )
    # 21 digits: no device, but no identifier either
    assert (answer.json()["title"], answer.headers["content-language"]) == ("参数不正确", "zh")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("ZH-Hans-CN", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr, zh;q=0.3, en;q=0.2", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=x", "en"),
        ("*", "en"),
        (",;,=;q", "en"),
    ],
)
def test_the_language_is_the_one_of_higher_weight(header: str, language: str) -> None:
    assert language_of(header) == language


def test_every_refusal_the_application_knows_has_a_status_and_both_titles() -> None:
    known: set[type[VmsError]] = {WrongCredentialsError, TooManyAttemptsError}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, VmsError) and kind is not VmsError:
            known.add(kind)

    assert known == set(STATUSES)
    assert {kind.code for kind in known} <= set(TITLES)
    assert all(set(titles) == {"en", "zh"} for titles in TITLES.values())


async def test_refused_values_are_named_and_never_repeated(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post(
        "/api/v1/auth/login", json={"username": "", "password": ["canary"], "remember": "canary"}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert {error["field"] for error in answer.json()["errors"]} == {
        "body.username",
        "body.password",
        "body.remember",
    }
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("PUT", "/api/v1/devices", 405, "method_not_allowed"),
        ("GET", "/api/v1/devices/x", 422, "invalid"),
        ("GET", f"/api/v1/devices/{GATE}/channels/77", 404, "not_found"),
        ("GET", "/api/v1/sessions/none", 404, "not_found"),
        ("GET", "/api/v1/jobs/none", 404, "not_found"),
        ("GET", "/api/v1/devices?limit=1001", 422, "invalid"),
        ("GET", "/api/v1/devices?cursor=%25%25", 422, "invalid"),
        ("GET", "/api/v1/channels?cursor=bm90aGluZw", 422, "invalid"),
        ("GET", "/api/v1/audit?cursor=bm90aGluZw", 422, "invalid"),
        ("GET", "/api/v1/devices?colour=red", 422, "invalid"),
    ],
)
async def test_what_cannot_be_served_is_refused_by_its_own_code(
    admin: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await admin.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_our_own_mistakes_are_told_without_their_inside(
    app: FastAPI, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing() -> None:
        raise RuntimeError("canary of the inside")

    monkeypatch.setattr(house.viewing, "sessions", failing)
    async with client_of(app, await house.sign_in(Role.VIEWER)) as client:
        answer = await client.get("/api/v1/sessions")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "canary" not in answer.text


async def test_a_database_that_cannot_serve_asks_to_come_again(
    admin: httpx.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> None:
        raise errors.UnavailableError("the database cannot serve")

    monkeypatch.setattr(house.inventory, "patch_channel", failing)

    answer = await admin.patch(f"/api/v1/devices/{GATE}/channels/{CAMERA}", json={"name": "x"})

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_body_over_one_mebibyte_is_refused(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/api/v1/devices", content=b" " * (2**20 + 1))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"{", b"\xff", b"nul"])
async def test_a_body_that_is_no_sane_json_is_refused(
    admin: httpx.AsyncClient, body: bytes
) -> None:
    answer = await admin.post(
        "/api/v1/devices", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_neither_answers_nor_logs_hold_a_password_or_a_token(
    app: FastAPI, house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    # given somebody who signs in, fails to, and watches
    token = await house.sign_in(Role.ADMIN)
    canary = "canary-wrong-password"
    async with client_of(app, token) as client:
        login = {"username": "admin", "password": canary}
        refused = await client.post("/api/v1/auth/login", json=login)
        await client.post("/api/v1/auth/login", json={**login, "password": PASSWORD})
        live = (await client.post(f"/api/v1/devices/{GATE}/channels/{CAMERA}/live")).json()
        url = live["urls"]["whep"]
        media_token = url.partition("token=")[2]
        await client.post(url, content=b"v=0", headers={"Content-Type": "application/sdp"})
        new = {"device_id": "34020000001110000077", "secret": "canary-new-secret"}
        await client.post("/api/v1/devices", json=new)
        await client.post("/api/v1/devices", json=new)

    # then none of it stands in the log
    out, err = capfd.readouterr()
    logged = out + err
    assert "http request" in logged
    for secret in (canary, PASSWORD, token, media_token, "canary-new-secret"):
        assert secret not in logged
    assert canary not in refused.text
