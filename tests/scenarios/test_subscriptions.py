"""The whole server and simulated devices that are subscribed, each with its habits."""

from pathlib import Path
from typing import Literal

import pytest

from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, PATIENCE_S, Town, town
from tests.support.waiting import until
from vms.gb28181.manscdp.messages import CatalogEvent
from vms.gb28181.version import Edition
from vms.inventory.model import State
from vms.inventory.subscriptions import SubscriptionKind, SubscriptionState
from vms.signalling import subscriptions
from vms.signalling.subscription_entry import SubscriptionView


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are subscribed as soon as they come."""
    monkeypatch.setattr(subscriptions, "AFTER_GREETING_S", 0.0)


def views(place: Town) -> dict[SubscriptionKind, SubscriptionView]:
    held = place.server.notifications.subscriptions.of(FIRST_DEVICE)
    return {view.kind: view for view in held}


def is_held(place: Town, *kinds: SubscriptionKind) -> bool:
    shown = views(place)
    return all(shown[kind].state is SubscriptionState.ACTIVE for kind in kinds)


async def until_held(place: Town, *kinds: SubscriptionKind) -> None:
    wanted = kinds or (SubscriptionKind.CATALOG, SubscriptionKind.ALARM)
    await place.until_ready()
    await until(lambda: is_held(place, *wanted), PATIENCE_S)


def state_of(place: Town) -> State:
    return place.server.inventory.channel(FIRST_DEVICE, FIRST_CHANNEL).state


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("edition", [Edition.E2016, Edition.E2022])
async def test_what_happens_to_a_channel_is_known_at_once(
    tmp_path: Path, transport: Literal["UDP", "TCP"], edition: Edition
) -> None:
    async with (
        town(tmp_path) as place,
        place.cameras(transport=transport, edition=edition) as cameras,
    ):
        await until_held(place)
        camera = cameras.cameras[0]

        assert await camera.change(CatalogEvent.OFF, FIRST_CHANNEL)
        await until(lambda: state_of(place) is State.OFFLINE)
        assert await camera.change(CatalogEvent.ON, FIRST_CHANNEL)
        await until(lambda: state_of(place) is State.ONLINE_SIGNALLED)
        assert views(place)[SubscriptionKind.CATALOG].notifies >= 2


async def test_an_alarm_comes_by_its_subscription(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras() as cameras:
        await until_held(place)

        assert await cameras.cameras[0].raise_alarm(description="gate")

        [alarm] = await place.server.inventory.alarms(FIRST_DEVICE)
        assert alarm.description == "gate"
        assert views(place)[SubscriptionKind.ALARM].notifies == 1


async def test_positions_come_when_they_are_switched_on_and_stop_when_they_are_off(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as place, place.cameras():
        await until_held(place)
        inventory = place.server.inventory
        await inventory.patch_device(FIRST_DEVICE, {"profile_fields": {"subscribe_position": True}})
        await until_held(place, SubscriptionKind.POSITION)
        await until(
            lambda: views(place)[SubscriptionKind.POSITION].notifies > 0, limit_s=PATIENCE_S
        )

        await inventory.patch_device(
            FIRST_DEVICE, {"profile_fields": {"subscribe_position": False}}
        )

        await until(
            lambda: views(place)[SubscriptionKind.POSITION].state is SubscriptionState.IDLE,
            PATIENCE_S,
        )


@pytest.mark.parametrize(
    "habit", ["no-expires-in-subscribe", "notify-out-of-dialog", "subscribe-refresh-481"]
)
async def test_the_habits_of_devices_cost_no_subscription(tmp_path: Path, habit: str) -> None:
    async with town(tmp_path) as place, place.cameras(faults=(habit,)) as cameras:
        await until_held(place)
        held = views(place)[SubscriptionKind.CATALOG].since

        place.server.notifications.subscriptions.refresh_now(FIRST_DEVICE)
        await until(lambda: views(place)[SubscriptionKind.CATALOG].since != held)
        await until_held(place)

        assert await cameras.cameras[0].change(CatalogEvent.OFF, FIRST_CHANNEL)
        await until(lambda: state_of(place) is State.OFFLINE)
