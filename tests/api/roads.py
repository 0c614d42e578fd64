"""Commands and subscriptions on a real SIP endpoint, from which no road leads to any device."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from sip.message import response_to
from sip.net.endpoint import Endpoint, IncomingRequest
from tests.support.clock import FakeClock
from vms.events import EventBus
from vms.gb28181.ids import DeviceId
from vms.inventory.inventory import Inventory
from vms.signalling.alarms import AlarmKeeper
from vms.signalling.clock_offsets import ClockOffsets
from vms.signalling.commands import DeviceCommands
from vms.signalling.device_link import DeviceLink
from vms.signalling.device_queries import DeviceQueries
from vms.signalling.flows import Flows
from vms.signalling.messenger import Identity, Messenger
from vms.signalling.pending import Pending
from vms.signalling.subscriptions import Subscriptions


class Roads:
    """What asks and orders: every device is offline to it."""

    def __init__(
        self,
        endpoint: Endpoint,
        inventory: Inventory,
        events: EventBus,
        clock: FakeClock,
        folder: Path,
    ) -> None:
        self.endpoint = endpoint
        flows, pending, offsets = Flows(), Pending(), ClockOffsets(inventory)
        identity = Identity(DeviceId("34020000002000000001"), "3402000000")
        messenger = Messenger(endpoint, inventory, flows, pending, identity)
        link = DeviceLink(endpoint, messenger, identity, _refuse)
        self.queries = DeviceQueries(
            link, pending, inventory, events, clock, secrets.token_hex, offsets
        )
        self.commands = DeviceCommands(
            messenger,
            self.queries,
            inventory,
            offsets,
            events,
            clock,
            secrets.token_hex,
            snapshot_folder=folder / "snapshots",
            token=secrets.token_urlsafe,
        )
        self.alarms = AlarmKeeper(inventory, link, clock)
        self.subscriptions = Subscriptions(
            link,
            inventory,
            flows,
            pending,
            events,
            clock,
            expires_s=3600,
            dice=lambda: 0.5,
            on_notify=lambda _device_id, incoming: _refuse(incoming),
        )


@asynccontextmanager
async def open_roads(
    inventory: Inventory, events: EventBus, clock: FakeClock, folder: Path
) -> AsyncGenerator[Roads]:
    """On a free port."""
    endpoint = await Endpoint.open(
        "127.0.0.1",
        0,
        on_request=_refuse,
        is_trusted=lambda _flow: False,
        now=clock.monotonic,
        token=lambda: secrets.token_hex(8),
        user_agent="house",
        receive_buffer_bytes=2**16,
    )
    try:
        roads = Roads(endpoint, inventory, events, clock, folder)
        try:
            yield roads
        finally:
            await roads.commands.close()
            await roads.queries.close()
    finally:
        await endpoint.close()


def _refuse(incoming: IncomingRequest) -> None:
    incoming.respond(response_to(incoming.request, 403))
