"""Every arrow of docs/flows/*.md is seen in a traced run of that flow, on real sockets."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.tools import ROOT
from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, PATIENCE_S, Town, town
from tests.support.tracing import Trace, tracing
from tests.support.waiting import until
from tests.support.webrtc_peer import WebRtcPeer
from vms.diagnosis.causes import Cause
from vms.gb28181.manscdp.messages import CatalogEvent
from vms.gb28181.ptz import Move, Tilt
from vms.inventory.subscriptions import SubscriptionState
from vms.sessions.admission import Watcher
from vms.signalling.motion import Holder
from vms.simulator.simulation import Simulation

FLOWS = ROOT / "docs" / "flows"
ARROW = re.compile(r"(?P<tail>[\w.]+) (?P<kind>->|~>) (?P<head>[\w.]+)")


class Arrow(NamedTuple):
    """`tail -> head` is called from within, `tail ~> head` follows."""

    tail: str
    kind: str
    head: str

    def is_seen(self, trace: Trace) -> bool:
        if self.kind == "->":
            return (self.tail, self.head) in trace.calls
        return trace.follows(self.tail, self.head)


def arrows_of(document: Path) -> list[Arrow]:
    block = re.search(r"```flow\n(.*?)```", document.read_text(), re.DOTALL)
    assert block is not None, f"{document.name} has no flow block"
    lines = block[1].strip().splitlines()
    matches = [ARROW.fullmatch(line) for line in lines]
    assert all(matches), f"{document.name}: {[line for line in lines if not ARROW.fullmatch(line)]}"
    return [Arrow(match["tail"], match["kind"], match["head"]) for match in matches if match]


async def registers(place: Town, _cameras: Simulation) -> None:
    await place.until_ready()


async def keeps_alive(place: Town, cameras: Simulation) -> None:
    await until(lambda: cameras.summary.keepalives_answered >= 2)
    figures = place.server.inventory.figures
    await until(lambda: figures.keepalives >= 2)
    marks = place.server.inventory.device(FIRST_DEVICE).last_keepalive_at
    assert marks is not None
    # what else has changed about the device is written first, so that the next one is only heard
    await place.server.inventory.stop()
    heard = figures.keepalives
    await until(lambda: figures.keepalives > heard)
    await place.server.inventory.stop()


async def tells_its_catalogue(place: Town, _cameras: Simulation) -> None:
    await place.until_ready()
    await fetches(place)  # this may join the query that greets the device
    await fetches(place)


async def fetches(place: Town) -> None:
    job = await place.server.link.query_catalog(FIRST_DEVICE)
    await until(lambda: place.server.link.catalog_job(job.job_id).finished)


PICTURES_HELD = 60
"""The simulator sends 25 a second, and a key picture every two seconds."""


async def is_watched(place: Town, _cameras: Simulation) -> None:
    await place.until_ready()
    viewing, peer = place.server.viewing, WebRtcPeer()
    viewer = ""

    async def answer(offer: str) -> str:
        nonlocal viewer
        answered = await viewing.webrtc(FIRST_DEVICE, FIRST_CHANNEL, offer, Watcher("user", "anna"))
        viewer = answered.viewer_id
        return answered.sdp

    await peer.connect(answer)
    # More pictures than the group that is held for newcomers: some were sent as they came.
    await until(lambda: sum(packet[1] >> 7 for packet in peer.rtp) > PICTURES_HELD, PATIENCE_S)
    await viewing.leave(viewer, "user")
    await until(lambda: not place.server.broker.sessions())
    await peer.close()


async def asks_why(place: Town, _cameras: Simulation) -> None:
    await place.until_ready()
    explainer = place.server.explainer
    view = await place.server.viewing.live(FIRST_DEVICE, FIRST_CHANNEL, wait_s=PATIENCE_S)
    assert explainer.device(FIRST_DEVICE).cause is Cause.NONE
    assert (await explainer.play(view.session_id)).diagnosis.cause is Cause.NONE
    assert await explainer.messages(explainer.of_device(FIRST_DEVICE), limit=10)


async def raises_an_alarm(place: Town, cameras: Simulation) -> None:
    await place.until_ready()
    # whoever subscribed gets it by NOTIFY, and there is nothing to confirm
    await place.server.inventory.patch_device(
        FIRST_DEVICE, {"profile_fields": {"subscribe_alarm": False}}
    )
    assert await cameras.cameras[0].raise_alarm()
    await until(lambda: place.server.inbound.is_idle)


async def is_subscribed(place: Town, _cameras: Simulation) -> None:
    await until_subscribed(place)
    place.server.notifications.subscriptions.refresh_now(FIRST_DEVICE)
    await until_subscribed(place)


async def tells_a_change(place: Town, cameras: Simulation) -> None:
    await place.until_ready()
    await until_subscribed(place)
    assert await cameras.cameras[0].change(CatalogEvent.OFF, FIRST_CHANNEL)
    await until(lambda: place.server.inbound.is_idle)


async def until_subscribed(place: Town) -> None:
    def is_active() -> bool:
        views = place.server.notifications.subscriptions.of(FIRST_DEVICE)
        return any(view.state is SubscriptionState.ACTIVE for view in views)

    await place.until_ready()
    await until(is_active, PATIENCE_S)


async def is_commanded(place: Town, _cameras: Simulation) -> None:
    await place.until_ready()
    commands, holder = place.server.commands, Holder("sign-in", "somebody")
    await commands.controls.guard(FIRST_DEVICE, is_set=True)
    up = Move(tilt=Tilt.UP, tilt_speed=128)
    await commands.steering.move(FIRST_DEVICE, FIRST_CHANNEL, up, holder)
    await commands.steering.stop(FIRST_DEVICE, FIRST_CHANNEL, holder)


RUNS: dict[str, Callable[[Town, Simulation], Awaitable[None]]] = {
    "register": registers,
    "keepalive": keeps_alive,
    "catalog": tells_its_catalogue,
    "command": is_commanded,
    "diagnosis": asks_why,
    "live": is_watched,
    "alarm": raises_an_alarm,
    "subscribe": is_subscribed,
    "notify": tells_a_change,
}


def test_every_flow_has_a_run() -> None:
    assert {path.stem for path in FLOWS.glob("*.md")} - {"README"} == set(RUNS)


@pytest.mark.parametrize("flow", RUNS)
async def test_each_arrow_is_seen_in_a_traced_run(tmp_path: Path, flow: str) -> None:
    arrows = arrows_of(FLOWS / f"{flow}.md")
    names = {name for arrow in arrows for name in (arrow.tail, arrow.head)}
    with tracing(names) as trace:
        async with (
            town(tmp_path, media__idle_s="0") as place,
            place.cameras(keepalive_s=1) as cameras,
        ):
            await RUNS[flow](place, cameras)

    assert [" ".join(arrow) for arrow in arrows if not arrow.is_seen(trace)] == []


def test_an_arrow_that_is_wrong_is_not_seen() -> None:
    trace = Trace({("a", "b")}, {"a": [1], "b": [2]})

    assert Arrow("a", "->", "b").is_seen(trace)
    assert Arrow("a", "~>", "b").is_seen(trace)
    assert not Arrow("b", "->", "a").is_seen(trace)
    assert not Arrow("b", "~>", "a").is_seen(trace)
