"""The page and the API's viewer: our own files alone, under a strict policy."""

from pathlib import Path

import httpx
import pytest

from api.app import create_app
from tests.api.house import House, client_of


async def test_any_path_of_the_page_gets_the_page(stranger: httpx.AsyncClient) -> None:
    for path in ("/", "/live", "/devices/34020000001110000001", "/index.html"):
        answer = await stranger.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-cache"


async def test_the_page_carries_a_fresh_nonce_that_its_policy_names(
    stranger: httpx.AsyncClient,
) -> None:
    first, second = await stranger.get("/"), await stranger.get("/")

    nonce = first.text.split('nonce="')[1].split('"')[0]
    assert f"style-src 'self' 'nonce-{nonce}'" in first.headers["content-security-policy"]
    assert first.text != second.text


async def test_files_of_the_build_are_kept_for_long(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/assets/page-abc.js")

    assert answer.text == "start()"
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/", "/api/docs", "/healthz", "/api/v1/devices", "/assets/page-abc.js", "/none.js"]
)
async def test_every_answer_carries_the_security_headers(
    stranger: httpx.AsyncClient, path: str
) -> None:
    headers = (await stranger.get(path)).headers

    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize(
    ("host", "sockets"),
    [
        ("vms.example:8080", "connect-src 'self' ws://vms.example:* wss://vms.example:*;"),
        ("[::1]:8080", "connect-src 'self' ws: wss:;"),
    ],
)
async def test_the_page_may_open_web_sockets_to_the_host_it_came_from(
    stranger: httpx.AsyncClient, host: str, sockets: str
) -> None:
    answer = await stranger.get("/", headers={"Host": host})

    policy = answer.headers["content-security-policy"]
    assert sockets in policy


async def test_a_host_that_is_no_name_writes_nothing_into_the_policy(
    stranger: httpx.AsyncClient,
) -> None:
    answer = await stranger.get("/", headers={"Host": "a;script-src *"})

    assert answer.headers["content-security-policy"].count("script-src") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/assets/..%2f..%2foutside.txt",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/..%5coutside.txt",
        "/link.txt",
        "/%00",
        "/" + "a" * 5000,
        "/assets",
        "/none.png",
    ],
)
async def test_nothing_outside_the_folder_is_served(
    stranger: httpx.AsyncClient, web: Path, path: str
) -> None:
    (web / "link.txt").symlink_to(web.parent / "outside.txt")

    answer = await stranger.get(path)

    assert "canary" not in answer.text
    assert "root:" not in answer.text


async def test_the_viewer_of_the_document_needs_no_other_site(stranger: httpx.AsyncClient) -> None:
    page = (await stranger.get("/api/docs")).text
    start = await stranger.get("/api/docs/start.js")

    assert "http" not in page
    assert "<script>" not in page
    assert '"/api/openapi.json"' in start.text
    assert start.headers["content-type"].startswith("text/javascript")
    assert (await stranger.get("/swagger/swagger-ui.css")).status_code == 200


async def test_without_a_built_page_the_server_says_so(house: House, tmp_path: Path) -> None:
    async with client_of(create_app(house, web=tmp_path / "none")) as client:
        assert "make web" in (await client.get("/")).text
