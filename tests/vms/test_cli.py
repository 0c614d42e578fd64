"""The commands, each in a process of its own."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

LIMIT_S = 60
PORTS = ("http.port=0", "sip.port=0", "webrtc.port=0", "media.http_port=0", "rtsp.port=0")
FREE = (*PORTS, "sip.host=127.0.0.1", "media.workers=0")
WEEK = {"from": "2026-01-01T00:00:00+08:00", "to": "2026-01-08T00:00:00+08:00"}


def vms(
    folder: Path, *arguments: str, stdin: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vms", *arguments],
        cwd=folder,
        input=stdin,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@contextmanager
def running(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vms", *arguments],
        cwd=folder,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """The first group of the first line that matches."""
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.search(pattern, line):
            return match[1]
    raise AssertionError(f"the command ended before it printed {pattern}")


def test_the_effective_settings_tell_where_each_came_from(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("[sip]\nport = 5070\n")

    printed = vms(
        tmp_path,
        *("config", "print", "--config", "my.toml", "--set", "http.port=8081"),
        environment={"VMS_MEDIA__IDLE_S": "12"},
    ).stdout

    assert "sip.port = 5070    # file my.toml:2" in printed
    assert "http.port = 8081    # command line --set http.port" in printed
    assert "media.idle_s = 12.0    # environment VMS_MEDIA__IDLE_S" in printed
    assert "sip.domain = 3402000000    # default" in printed


def test_a_wrong_setting_stops_the_start_with_file_line_and_key(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("[sip]\n\nport = 70000\n")

    ended = vms(tmp_path, "serve", "--config", "my.toml")

    assert ended.returncode == 1
    assert "my.toml:3" in ended.stderr
    assert "sip.port" in ended.stderr


def test_users_are_added_listed_and_kept(tmp_path: Path) -> None:
    added = vms(tmp_path, "user", "add", "kim", "--role", "viewer", stdin="a long good password\n")
    again = vms(tmp_path, "user", "add", "kim", stdin="a long good password\n")

    assert added.returncode == 0, added.stderr
    assert again.returncode == 1
    assert vms(tmp_path, "user", "list").stdout.split() == ["kim", "viewer"]
    assert "gbk_" in vms(tmp_path, "key", "add", "script", "--owner", "kim").stdout


def test_the_schema_tells_its_revision(tmp_path: Path) -> None:
    assert "no schema yet" in vms(tmp_path, "db", "current").stdout
    assert vms(tmp_path, "db", "upgrade").returncode == 0
    assert "no schema yet" not in vms(tmp_path, "db", "current").stdout


def test_the_doctor_names_a_port_that_is_taken_and_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        media = ("media.workers=2", f"media.http_port={port - 1}")
        options = [part for each in (f"http.port={port}", *media) for part in ("--set", each)]
        found = vms(tmp_path, "doctor", *options)

    assert found.returncode == 1
    assert f"FAIL  http.port: 127.0.0.1:{port}" in found.stdout
    assert f"FAIL  media.http_port (media worker 1): 127.0.0.1:{port}" in found.stdout
    assert "webrtc.port (media worker 1): 127.0.0.1:8190" in found.stdout
    assert "->" in found.stdout
    assert "ok    database" in found.stdout


def test_a_server_without_users_prints_a_set_up_code_that_works_once(tmp_path: Path) -> None:
    options = [part for setting in FREE for part in ("--set", setting)]

    with running(tmp_path, "serve", *options) as process:
        url = read_until(process, r"answers at (\S+)")
        code = read_until(process, r"set-up code: (\S+)")
        body = {"code": code, "username": "chief", "password": "a long good password"}
        first = httpx.post(f"{url}/api/v1/auth/setup", json=body)
        second = httpx.post(f"{url}/api/v1/auth/setup", json=body | {"username": "other"})

    assert first.is_success, first.text
    assert second.is_client_error


def test_a_self_signed_server_is_trusted_by_its_own_authority(tmp_path: Path) -> None:
    settings = (*FREE, "http.tls=self-signed", "admin.password=a long good password")
    options = [part for setting in settings for part in ("--set", setting)]

    with running(tmp_path, "serve", *options) as process:
        url = read_until(process, r"answers at (https\S+)")
        authority = tmp_path / "var" / "tls" / "authority.pem"
        answer = httpx.get(f"{url}/healthz", verify=_trusting(authority))
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")

    assert answer.is_success
    assert (tmp_path / "var" / "tls" / "authority.key").stat().st_mode & 0o077 == 0


def _trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


def test_the_demonstration_plays_and_leaves_nothing_behind(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    demo = ("demo", "--cameras", "4", "--http-port", "0")
    with running(tmp_path, *demo, environment={"TMPDIR": str(scratch)}) as process:
        url = read_until(process, r"Open\s+(\S+)")
        password = read_until(process, r"admin / (\S+)")
        with httpx.Client(base_url=f"{url}/api/v1", timeout=LIMIT_S) as client:
            body = {"username": "admin", "password": password}
            token = client.post("/auth/login", json=body).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            channels = client.get("/channels").json()["items"]
            assert len(channels) == 3
            assert client.get("/metrics/online-rate", params=WEEK).is_success
            assert list(scratch.iterdir()) != []

    assert list(scratch.iterdir()) == []
