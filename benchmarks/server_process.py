"""The whole server as a child of a benchmark: `python -m benchmarks.server_process FOLDER`."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.support import Answer, obey, run_child
from config.settings import Settings, load
from vms.clock import next_beat
from vms.events import DeviceWentOffline
from vms.inventory.model import State
from vms.server import Server
from vms.signalling.jobs import JobState

EVENTS_KEPT = 200_000
LOOK_S = 0.25
"""With the looks of the server itself: more awakenings would be in its figures."""
PASSWORD = "a-password-for-benchmarks"  # noqa: S105  known to the load generator


def settings_for(folder: Path) -> Settings:
    """Free ports on loopback, SQLite in `folder`, everybody with the password is let in."""
    return load(
        None,
        {},
        {
            "http.host": "127.0.0.1",
            "sip.host": "127.0.0.1",
            "sip.port": "0",
            "sip.shared_password": PASSWORD,
            "sip.admission": "open",
            "webrtc.port": "0",
            "media.workers": "0",
            "media.http_port": "0",
            "rtsp.port": "0",
            "database.url": f"sqlite+aiosqlite:///{folder / 'vms.db'}",
            "storage.root": str(folder / "media"),
            "admin.password": "correct horse battery staple",
        },
    ).settings


class Watch:
    """What the server does not count itself: who went offline, and how late the event loop was."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.went_offline = 0
        self.longest_stall_s = 0.0

    async def events(self) -> None:
        """Until cancelled."""
        with self._server.events.subscribe(EVENTS_KEPT, kinds=[DeviceWentOffline]) as news:
            while True:
                await news.next()
                self.went_offline += 1

    async def loop(self) -> None:
        """Until cancelled."""
        while True:
            late_s = await next_beat(LOOK_S)
            # Whoever asked meanwhile began anew.
            self.longest_stall_s = max(self.longest_stall_s, late_s)


async def serve(folder: Path) -> None:
    """Run until told to end."""
    async with Server.open(settings_for(folder)) as server, asyncio.TaskGroup() as group:
        watch = Watch(server)
        watching = [group.create_task(watch.events()), group.create_task(watch.loop())]

        async def figures(_: Answer) -> Mapping[str, object]:
            stats, summary = server.endpoint.stats, server.inventory.summary()
            stall_s, watch.longest_stall_s = watch.longest_stall_s, 0.0
            return {
                "online": sum(
                    summary.devices[each] for each in (State.ONLINE_SIGNALLED, State.ONLINE_PROVEN)
                ),
                "went_offline": watch.went_offline,
                "longest_stall_s": stall_s,
                "transactions": stats.transactions,
                # Not by listing: that is a walk of its own over all of them, and a stall.
                "devices": sum(summary.devices.values()),
                "channels": sum(summary.channels.values()),
                "keepalives": server.inventory.figures.keepalives,
                # One that comes again within five seconds is answered from memory.
                "accepted": sum(
                    server.registrar.results.get(each, 0) for each in ("accepted", "repeated")
                ),
                "refused": sum(server.inbound.refused.values()),
                "socket_drops": stats.socket_drops,
                "repeats": stats.repeats_absorbed,
                "strangers_ignored": stats.strangers_ignored + stats.strangers_unanswered,
            }

        async def ask_catalog(asked: Answer) -> Mapping[str, object]:
            return {"job_id": (await server.link.query_catalog(asked.text("device_id"))).job_id}

        async def catalog(asked: Answer) -> Mapping[str, object]:
            job = server.link.catalog_job(asked.text("job_id"))
            is_complete = job.state is JobState.COMPLETE
            return {
                "finished": job.finished,
                "received": job.received if is_complete else -1,
                "error": job.error,
            }

        sip = server.settings.sip
        await obey(
            {
                "port": server.endpoint.address.port,
                "server_id": sip.server_id,
                "domain": sip.domain,
            },
            {"figures": figures, "ask_catalog": ask_catalog, "catalog": catalog},
        )
        for task in watching:
            task.cancel()


if __name__ == "__main__":
    run_child(serve(Path(sys.argv[1])))
