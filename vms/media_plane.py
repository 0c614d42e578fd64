"""The media plane as this server runs it: worker processes, or one relay inside this process."""

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from config.settings import Settings
from media.door import OnMediaEvent, RelayDoor
from media.errors import PortTakenError
from media.farm import AdmitIn, Farm, WorkerStatus
from media.plan import Place, RelayLimits, RelayPlan, plans_of_workers
from media.relay import Relay
from vms.site import addresses_of

TRANSCODES_PER_SPARE_CORE = 2

SETTINGS = {"webrtc": "webrtc.port", "http": "media.http_port", "rtsp": "rtsp.port"}
"""By what a relay binds, where its port is set."""


class MediaPlane:
    """`start` it before use, `stop` it after; `door` is what sessions use.

    `tls`: files of the certificate and its key, where the API is served by HTTPS. `seal`: the key
    by which the tokens of media URLs are made. `now` gives monotonic seconds.
    """

    def __init__(
        self,
        settings: Settings,
        tls: tuple[Path, Path] | None,
        *,
        seal: str = "",
        now: Callable[[], float],
        on_event: OnMediaEvent,
        admit: AdmitIn,
    ) -> None:
        workers = settings.media_workers
        self._farm: Farm | None = None
        self._relay: Relay | None = None
        self.door: RelayDoor
        plan = replace(plan_of(settings, tls), seal=seal)
        if workers:
            self.door = self._farm = Farm(
                plan, workers, now=now, token=_token, on_event=on_event, admit=admit
            )
        else:
            self.door = self._relay = Relay(
                plan,
                now=now,
                token=_token,
                on_event=on_event,
                admit=lambda token, form: admit(token, form, 0),
            )

    async def start(self) -> None:
        """Viewers' ports are bound; `OSError`, which names the setting, when one is taken."""
        try:
            if self._farm is not None:
                await self._farm.start()
            if self._relay is not None:
                await self._relay.start()
        except PortTakenError as error:
            setting = SETTINGS.get(error.what, error.what)
            text = f"{setting}: port {error.port}: {error.reason}"
            raise OSError(error.errno, text) from error

    async def stop(self) -> None:
        """Every stream is closed and every process gone. Idempotent."""
        if self._farm is not None:
            await self._farm.stop()
        if self._relay is not None:
            await self._relay.stop()

    def workers(self) -> Sequence[WorkerStatus]:
        """How each stands; inside this process there is one, without figures of its own."""
        if self._farm is not None:
            return self._farm.workers()
        relay = self._relay
        if relay is None:
            return ()
        streams, viewers = relay.stream_count, relay.viewer_count
        return (WorkerStatus(0, True, os.getpid(), 0, streams, viewers, None),)

    @property
    def failure(self) -> str:
        """Why nobody can watch anything; empty where somebody can."""
        return "" if any(each.is_up for each in self.workers()) else "no media worker is there"

    @property
    def missing(self) -> str:
        """Which workers are gone, for the administrator; empty where all are there."""
        gone = [str(each.worker) for each in self.workers() if not each.is_up]
        return f"media workers that are gone: {', '.join(gone)}" if gone else ""


def plan_of(settings: Settings, tls: tuple[Path, Path] | None) -> RelayPlan:
    """The settings as one relay needs them; a farm shares it out."""
    files = tuple(str(file.resolve()) for file in tls or ())
    ports, workers = settings.media.rtp_port_range, max(1, settings.media_workers)
    spare_cores = max(0, (os.cpu_count() or 1) - 1)
    transcodes = spare_cores * TRANSCODES_PER_SPARE_CORE // workers
    return RelayPlan(
        rtp_ports=(ports.first, ports.last),
        webrtc=Place(settings.webrtc_host, settings.webrtc.port),
        advertised_hosts=tuple(
            addresses_of(settings.webrtc_host, settings.sip.advertised_addresses.values())
        ),
        media_host=settings.media_host,
        http=Place(settings.http.host, settings.media.http_port, *files),
        rtsp=Place(settings.http.host, settings.rtsp.port, *(files if settings.rtsp.tls else ())),
        public_url=settings.media.public_url or "",
        trusted_proxies=settings.http.trusted_proxies,
        limits=RelayLimits(transcodes=max(1, transcodes)),
    )


def worker_plans(settings: Settings) -> list[RelayPlan]:
    """What each worker will serve; `ValueError` when there are too few ports for so many."""
    return plans_of_workers(plan_of(settings, None), max(1, settings.media_workers))


def _token() -> str:
    return secrets.token_hex(16)
