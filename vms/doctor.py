"""`vms doctor`: what would keep this server from working here, each with its remedy."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import av

from config.settings import Settings
from sip.net.udp import ask_for_receive_buffer
from vms.errors import VmsError
from vms.media_plane import worker_plans
from vms.persistence.database import Database
from vms.site import addresses_of

WANTED_BUFFER_BYTES = 32 * 2**20
LEAST_FREE_BYTES = 2 * 2**30
BUILT_AFTER = datetime(2026, 1, 1, tzinfo=UTC)
CODECS = (("h264", "r"), ("hevc", "r"), ("libx264", "w"), ("libopus", "w"), ("mjpeg", "w"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, and what to do where it is not well."""

    check: str
    is_well: bool
    text: str
    remedy: str = ""


async def findings(settings: Settings) -> list[Finding]:
    """All checks, in order of how often they are the reason."""
    found = [*_ports(settings), _addresses(settings), _buffer(settings)]
    found += [_clock(), _disk(settings), *_codecs()]
    return found + [finding async for finding in _database(settings)]


def _ports(settings: Settings) -> Iterator[Finding]:
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    wanted = [
        ("http.port", settings.http.host, settings.http.port, tcp),
        ("sip.port (TCP)", settings.sip.host, settings.sip.port, tcp),
        ("sip.port (UDP)", settings.sip.host, settings.sip.port, udp),
    ]
    try:
        plans = worker_plans(settings)
    except ValueError as too_few:
        yield Finding("media.workers", False, str(too_few), "set fewer workers, or other ports")
        plans = []
    for plan in plans:
        whose = f" (media worker {plan.worker})" if len(plans) > 1 else ""
        webrtc, http, rtsp = plan.webrtc, plan.http, plan.rtsp
        wanted.append((f"webrtc.port{whose}", webrtc.host, webrtc.port, udp))
        if http is not None and rtsp is not None:
            wanted.append((f"media.http_port{whose}", http.host, http.port, tcp))
            wanted.append((f"rtsp.port{whose}", rtsp.host, rtsp.port, tcp))
        wanted.append((f"media.rtp_port_range{whose}", settings.media_host, plan.rtp_ports[0], udp))
    for name, host, port, kind in wanted:
        error = _bind_error(host, port, kind)
        yield Finding(
            name,
            not error,
            f"{host}:{port} {error or 'is free'}",
            "stop what holds it, or set another port; a running server of ours holds it too",
        )


def _bind_error(host: str, port: int, kind: socket.SocketKind) -> str:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _addresses(settings: Settings) -> Finding:
    addresses = addresses_of(settings.sip.host, settings.sip.advertised_addresses.values())
    return Finding(
        "addresses",
        bool(addresses),
        f"cameras are told {', '.join(addresses)}",
        "set sip.advertised_addresses, a network and our address in it for each segment",
    )


def _buffer(settings: Settings) -> Finding:
    family = socket.AF_INET6 if ":" in settings.sip.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        granted = ask_for_receive_buffer(probe, WANTED_BUFFER_BYTES)
    return Finding(
        "SIP receive buffer",
        granted >= WANTED_BUFFER_BYTES,
        f"{granted} of {WANTED_BUFFER_BYTES} bytes granted",
        f"sysctl -w net.core.rmem_max={WANTED_BUFFER_BYTES}",
    )


def _clock() -> Finding:
    now = datetime.now(UTC)
    return Finding(
        "clock",
        now > BUILT_AFTER,
        now.isoformat(timespec="seconds"),
        "set the clock by NTP: cameras take their time from this server",
    )


def _disk(settings: Settings) -> Finding:
    folder = Path(settings.storage.root).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk",
        free >= LEAST_FREE_BYTES,
        f"{free // 2**20} MiB free at {folder}",
        "make room or set storage.root to a larger volume",
    )


def _codecs() -> Iterator[Finding]:
    for name, mode in CODECS:
        try:
            av.Codec(name, "r" if mode == "r" else "w")
        except ValueError:
            missing = True
        else:
            missing = False
        verb = "decode" if mode == "r" else "encode"
        yield Finding(
            f"codec {name}",
            not missing,
            f"can{'not' if missing else ''} {verb}",
            "install PyAV from its wheel: it carries this codec",
        )


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    text, is_well = "opens and its schema is current", True
    try:
        async with asyncio.timeout(15), Database.open(settings.database.url):
            pass
    except (VmsError, OSError, TimeoutError) as error:
        text, is_well = f"cannot be opened: {error}", False
    yield Finding("database", is_well, text, "check database.url and whether the server runs")
