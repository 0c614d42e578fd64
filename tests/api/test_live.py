"""Watching: sessions, tokens of media URLs, WHEP, snapshots (P1, S-23)."""

import asyncio
from collections import Counter
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from tests.api.house import CAMERA, CHANNEL, GATE, JPEG, SECOND, YARD, House, client_of
from tests.support.waiting import until
from vms.accounts.model import Actor, Role
from vms.errors import NoMediaError
from vms.sessions.tokens import MediaTokens

SDP = {"Content-Type": "application/sdp"}
OTHER_CHANNEL = f"/api/v1/devices/{GATE}/channels/{SECOND}"


async def _url(client: httpx.AsyncClient, path: str = CHANNEL) -> str:
    return str((await client.post(f"{path}/live")).json()["urls"]["whep"])


def _token(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


async def test_a_live_session_is_told_at_once_with_the_urls_that_exist(
    viewer: httpx.AsyncClient,
) -> None:
    answer = await viewer.post(f"{CHANNEL}/live?stream=sub&transport=udp")

    body = answer.json()
    assert answer.status_code == 201
    assert (body["state"], body["codec"]) == ("inviting", None)
    assert body["urls"]["whep"].startswith(f"http://vms.test{CHANNEL}/whep?stream=sub&token=")
    begins = {
        "fmp4": f"ws://vms.test:8091/live/{GATE}/{CAMERA}.mp4?token=",
        "flv": f"http://vms.test:8091/live/{GATE}/{CAMERA}.flv?token=",
        "ws_flv": f"ws://vms.test:8091/live/{GATE}/{CAMERA}.ws.flv?token=",
        "hls": f"http://vms.test:8091/live/{GATE}/{CAMERA}/index.m3u8?token=",
        "rtsp": f"rtsp://vms.test:8555/live/{GATE}/{CAMERA}?token=",
    }
    for form, beginning in begins.items():
        assert body["urls"][form].startswith(beginning)
    assert len({_token(url) for url in body["urls"].values()}) == 6
    assert datetime.fromisoformat(body["expires_at"]).tzinfo is not None
    session = (await viewer.get(f"/api/v1/sessions/{body['session_id']}")).json()
    assert (session["transport"], session["stream"]) == ("udp", "sub")


async def test_who_waits_gets_the_picture_or_the_cause(viewer: httpx.AsyncClient) -> None:
    shown = (await viewer.post(f"{CHANNEL}/live?wait_s=15")).json()
    assert (shown["state"], shown["codec"]) == ("streaming", "h264")

    offline = await viewer.post(f"/api/v1/devices/{YARD}/channels/{CAMERA}/live?wait_s=1")
    assert (offline.status_code, offline.json()["code"]) == (404, "not_found")
    assert (await viewer.post(f"{CHANNEL}/live?wait_s=16")).status_code == 422
    assert (await viewer.post(f"{CHANNEL}/live?transport=carrier-pigeon")).status_code == 422


async def test_where_rtsp_goes_by_tls_its_url_says_so(
    viewer: httpx.AsyncClient, house: House
) -> None:
    house.viewing.is_rtsp_tls = True

    urls = (await viewer.post(f"{CHANNEL}/live")).json()["urls"]

    assert urls["rtsp"].startswith(f"rtsps://vms.test:8555/live/{GATE}/{CAMERA}?token=")


async def test_who_says_what_they_play_is_told_the_best_form_and_why(
    viewer: httpx.AsyncClient, house: House
) -> None:
    house.viewing.http_port = 0
    plays = {"webrtc": ["h265"], "media_source": []}

    shown = (await viewer.post(f"{CHANNEL}/live?wait_s=1", json=plays)).json()

    assert shown["urls"]["fmp4"] is None
    assert shown["recommended"]["form"] == "snapshot"
    assert shown["recommended"]["reason_zh"].startswith("当前没有其他")
    shown = (await viewer.post(f"{CHANNEL}/live?wait_s=1")).json()
    assert (shown["recommended"]["form"], shown["recommended"]["video"]) == ("whep", "h264")
    assert [way["form"] for way in shown["otherwise"]] == ["snapshot"]
    assert (await viewer.post(f"{CHANNEL}/live", json={"webrtc": ["mpeg"]})).status_code == 422


async def test_whep_takes_an_offer_and_gives_an_answer_and_a_location_to_end_it(
    viewer: httpx.AsyncClient, house: House
) -> None:
    answer = await viewer.post(f"{CHANNEL}/whep", content="v=0 offer", headers=SDP)

    assert (answer.status_code, answer.text) == (201, "v=0\r\n")
    assert answer.headers["content-type"] == "application/sdp"
    assert house.viewing.offers == ["v=0 offer"]
    sessions = (await viewer.get("/api/v1/sessions")).json()["items"]
    assert [session["viewers"] for session in sessions] == [1]
    assert sessions[0]["figures"]["viewers"][0]["protocol"] == "whep"

    assert (await viewer.delete(answer.headers["location"])).status_code == 204
    assert (await viewer.delete(answer.headers["location"])).status_code == 404
    assert house.viewing.viewers == {}


async def test_a_whep_answer_names_ice_servers_and_what_a_patch_is_for(
    viewer: httpx.AsyncClient,
) -> None:
    answer = await viewer.post(f"{CHANNEL}/whep", content="v=0", headers=SDP)

    assert answer.headers.get_list("link") == [
        '<stun:192.0.2.1:3478>; rel="ice-server"',
        (
            '<turn:192.0.2.1:3478>; rel="ice-server"; username="anna"; credential="pass"; '
            'credential-type="password"'
        ),
    ]
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    location, tag = answer.headers["location"], answer.headers["etag"]

    async def patched(content: str, **headers: str) -> httpx.Response:
        kind = {"content-type": "application/trickle-ice-sdpfrag"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await viewer.patch(location, content=content, headers=kind | named)

    assert (await patched("a=candidate:1", if_match=tag)).status_code == 204
    assert (await patched("a=candidate:1")).status_code == 428
    assert (await patched("a=candidate:1", if_match='"another"')).status_code == 412
    assert (await patched("a=candidate:1", if_match=tag, content_type="x/y")).status_code == 415
    restarted = await patched("a=ice-ufrag:theirs", if_match="*")
    assert (restarted.status_code, restarted.text) == (200, "a=ice-ufrag:ours\r\n")
    assert restarted.headers["etag"] == '"tag-1"'
    assert (await patched("a=candidate:1", if_match=tag)).status_code == 412
    only_html = await viewer.post(
        f"{CHANNEL}/whep", content="v=0", headers=SDP | {"Accept": "text/html"}
    )
    assert (only_html.status_code, only_html.json()["code"]) == (406, "not_acceptable")


async def test_an_operator_ends_one_viewer_and_leaves_a_row(
    viewer: httpx.AsyncClient, app: FastAPI, house: House
) -> None:
    await viewer.post(f"{CHANNEL}/whep", content="v=0", headers=SDP)
    path = "/api/v1/sessions/session-1/viewers/viewer-1"

    assert (await viewer.delete(path)).status_code == 403
    async with client_of(app, await house.sign_in(Role.OPERATOR)) as operator:
        assert (await operator.delete(path)).status_code == 204
        assert (await operator.delete(path)).status_code == 404

    assert house.viewing.viewers == {}
    rows = [row.entry for row in await house.accounts.audit(None, 1)]
    assert [(row.actor, row.action) for row in rows] == [("operator", "end viewer")]


async def test_a_player_without_credentials_opens_and_ends_by_the_tokens_alone(
    viewer: httpx.AsyncClient, stranger: httpx.AsyncClient, house: House
) -> None:
    url = await _url(viewer)

    opened = await stranger.post(url, content="v=0", headers=SDP)

    assert opened.status_code == 201
    user_id = (await viewer.get("/api/v1/auth/me")).json()["user_id"]
    assert [user for user, _ in house.viewing.viewers.values()] == [user_id]
    bare_location = opened.headers["location"].partition("?")[0]
    assert (await stranger.delete(bare_location)).status_code == 401
    assert (await stranger.delete(opened.headers["location"])).status_code == 204


async def test_of_two_who_open_a_url_at_once_one_gets_in_and_what_failed_can_be_tried_again(
    viewer: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = await _url(viewer)
    asked, release = Counter[str](), asyncio.Event()

    async def finds_it_dark(*_: object, **__: object) -> None:
        asked["webrtc"] += 1
        await release.wait()
        raise NoMediaError("it is dark")

    with monkeypatch.context() as night:
        night.setattr(house.viewing, "webrtc", finds_it_dark)
        first = asyncio.create_task(stranger.post(url, content="v=0", headers=SDP))
        await until(lambda: asked["webrtc"] == 1)
        second = asyncio.create_task(stranger.post(url, content="v=0", headers=SDP))
        await until(lambda: second.done() or asked["webrtc"] == 2)
        release.set()
        assert [(await first).status_code, (await second).status_code] == [502, 401]

    assert (await stranger.post(url, content="v=0", headers=SDP)).status_code == 201


async def test_a_viewer_is_ended_by_its_own_user_alone(
    viewer: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    opened = await viewer.post(f"{CHANNEL}/whep", content="v=0", headers=SDP)
    location = opened.headers["location"].partition("?")[0]

    assert (await admin.delete(location)).status_code == 404
    assert (await viewer.delete(location)).status_code == 204


async def test_a_media_token_is_good_for_its_channel_its_protocol_and_sixty_seconds(
    viewer: httpx.AsyncClient, stranger: httpx.AsyncClient, house: House
) -> None:
    url = await _url(viewer)
    token = _token(url)

    async def opens(target: str) -> int:
        return (await stranger.post(target, content="v=0", headers=SDP)).status_code

    assert await opens(f"{OTHER_CHANNEL}/whep?token={token}") == 401
    assert await opens(f"{CHANNEL}/whep?token={token}x") == 401
    assert await opens(f"{CHANNEL}/whep?token=") == 401
    whep = f"{CHANNEL}/whep/viewer-1?token={token}"
    assert (await stranger.delete(whep)).status_code == 401
    for path in ("/api/v1/devices", f"{CHANNEL}/snapshot", "/api/v1/auth/me"):
        refused = await stranger.get(
            f"{path}?token={token}", headers={"Authorization": f"Bearer {token}"}
        )
        assert refused.status_code == 401

    house.clock.advance(59.9)
    assert await opens(url) == 201
    house.clock.advance(0.2)
    assert await opens(url) == 401


async def test_a_media_token_ends_with_the_sign_in_it_came_from(
    viewer: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    url = await _url(viewer)
    await viewer.post("/api/v1/auth/logout")

    assert (await stranger.post(url, content="v=0", headers=SDP)).status_code == 401


async def test_a_media_token_ends_with_the_right_to_watch(
    viewer: httpx.AsyncClient, stranger: httpx.AsyncClient, house: House
) -> None:
    await house.sign_in(Role.ADMIN)
    url = await _url(viewer)
    await house.accounts.change_user("viewer", Actor("test"), role=Role.AUDITOR)

    assert (await stranger.post(url, content="v=0", headers=SDP)).status_code == 403


def test_tokens_are_unguessable_and_their_number_is_bounded() -> None:
    tokens = MediaTokens(lambda: 0.0, kept=3)

    lent = [tokens.lend("credential", "whep", ("1", "2")) for _ in range(4)]

    assert len({*lent}) == 4
    assert all(len(token) >= 43 for token in lent)
    holders = [tokens.credential_of(token, "whep", ("1", "2")) for token in lent]
    assert holders == [None, "credential", "credential", "credential"]
    assert "credential" not in repr(tokens.__dict__)


def test_who_asks_for_very_many_tokens_loses_their_own_and_nobody_elses() -> None:
    tokens = MediaTokens(lambda: 0.0, kept=6, kept_per_user=4)

    def lend(user: str) -> str:
        return tokens.lend("credential", "whep", ("1", "2"), user_id=user)

    def counts(token: str) -> bool:
        return tokens.credential_of(token, "whep", ("1", "2")) is not None

    anna = lend("anna")
    greedy = [lend("greedy") for _ in range(50)]
    assert [counts(token) for token in (anna, *greedy[-5:])] == [True, False, *[True] * 4]

    # Beyond the limit of all the same one gives way to others.
    others = [lend("berta"), lend("carla"), lend("dora")]
    assert all(map(counts, (anna, *others)))
    assert [counts(token) for token in greedy[-4:]] == [False, False, True, True]


def test_long_lived_tokens_do_not_keep_short_ones_that_are_spent() -> None:
    now = 0.0
    tokens = MediaTokens(lambda: now, kept=3)
    leave = tokens.lend("credential", "leave", ("viewer",), 86_400.0)
    tokens.lend("credential", "whep", ("1", "2"))
    tokens.lend("credential", "whep", ("1", "2"))

    now = 60.0
    tokens.lend("credential", "whep", ("1", "2"))

    assert tokens.credential_of(leave, "leave", ("viewer",)) == "credential"


def test_a_token_that_is_given_back_counts_for_the_rest_of_its_time() -> None:
    now = 0.0
    tokens = MediaTokens(lambda: now)
    token = tokens.lend("credential", "flv", ("1", "2"), user_id="anna")

    grant = tokens.take(token, "flv")
    assert grant is not None
    assert tokens.take(token, "flv") is None
    tokens.give_back(token, grant)

    assert tokens.credential_of(token, "flv", ("1", "2")) == "credential"
    now = 60.0
    assert tokens.take(token, "flv") is None


async def test_an_offer_is_sdp_text_of_bounded_size(viewer: httpx.AsyncClient) -> None:
    async def refused(content: bytes, kind: str = "application/sdp") -> int:
        answer = await viewer.post(
            f"{CHANNEL}/whep", content=content, headers={"Content-Type": kind}
        )
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code

    assert await refused(b"{}", "application/json") == 415
    assert await refused(b"v" * 65_537) == 413
    assert await refused(b"\xff\xfe") == 422


async def test_a_snapshot_is_the_picture_held_or_one_taken_now(viewer: httpx.AsyncClient) -> None:
    nothing = await viewer.get(f"{CHANNEL}/snapshot")
    taken = await viewer.post(f"{CHANNEL}/snapshot")
    held = await viewer.get(f"{CHANNEL}/snapshot")

    assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")
    assert (taken.status_code, taken.content) == (201, JPEG)
    assert (held.status_code, held.content) == (200, JPEG)
    assert held.headers["content-type"] == "image/jpeg"
    assert held.headers["cache-control"] == "no-store"


async def test_a_session_shows_its_figures_its_trace_and_can_be_ended_by_an_operator(
    viewer: httpx.AsyncClient, app: FastAPI, house: House
) -> None:
    session_id = (await viewer.post(f"{CHANNEL}/live?wait_s=1")).json()["session_id"]
    path = f"/api/v1/sessions/{session_id}"

    shown = (await viewer.get(path)).json()
    trace = (await viewer.get(f"{path}/trace")).json()

    assert (shown["width"], shown["height"], shown["kind"]) == (1280, 720, "live")
    assert (shown["figures"]["frames_per_s"], shown["figures"]["lost"]) == (25.0, 1)
    assert [stage["stage"] for stage in trace["stages"]] == ["invite_sent"]
    assert (await viewer.delete(path)).status_code == 403
    async with client_of(app, await house.sign_in(Role.OPERATOR)) as operator:
        assert (await operator.delete(path)).status_code == 204
    assert (await viewer.get(path)).status_code == 404


async def test_each_view_leaves_a_row_in_the_audit_and_none_is_given_without_one(
    viewer: httpx.AsyncClient, house: House
) -> None:
    await viewer.post(f"{CHANNEL}/live?stream=sub&transport=udp")
    await viewer.post(f"{CHANNEL}/whep", content="v=0", headers=SDP)
    await viewer.get(f"{CHANNEL}/snapshot")

    rows = [row.entry for row in await house.accounts.audit(None, 3)]

    assert [(row.actor, row.action, row.subject, row.detail) for row in rows] == [
        ("viewer", "view snapshot", f"{GATE}/{CAMERA}", {}),
        ("viewer", "watch", f"{GATE}/{CAMERA}", {"form": "whep", "stream": "main"}),
        ("viewer", "start live", f"{GATE}/{CAMERA}", {"stream": "sub", "transport": "udp"}),
    ]
