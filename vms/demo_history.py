"""A week of past for the demonstration: ledgers with outages, drawn from a seed."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from vms.gb28181.ids import DeviceId
from vms.gb28181.version import Edition
from vms.inventory.model import (
    Binding,
    Cause,
    Channel,
    ChannelKey,
    Device,
    DeviceKey,
    ReportedChannel,
    State,
    Subject,
    SubjectKind,
    Transition,
)
from vms.inventory.store import DeviceStore
from vms.simulator.plan import DevicePlan

PAST = timedelta(days=7)
SEED = 28181
UNRELIABLE_EVERY = 5
"""Every fifth camera has a bad week."""

DISTRICTS = ("340202", "340207", "340221")


async def write_history(store: DeviceStore, plans: Sequence[DevicePlan]) -> None:
    """Put the devices on file as if they had been there for a week; the last moment is now."""
    dice = random.Random(SEED)  # noqa: S311  repeatable, no secret
    now_s = int(datetime.now(UTC).timestamp())
    began = datetime.fromtimestamp(now_s, UTC) - PAST
    channel_key = 1
    for number, plan in enumerate(plans, 1):
        device = known_since(DeviceKey(number), plan.device_id, began)
        channels = [
            _channel(ChannelKey(channel_key + offset), device, plan, offset, number)
            for offset in range(len(plan.channel_ids))
        ]
        channel_key += len(channels)
        steps = list(_week(dice, int(began.timestamp()), now_s, number % UNRELIABLE_EVERY == 0))
        of_device = transitions_of(Subject(SubjectKind.DEVICE, device.key), steps)
        await store.save_device(device, of_device)
        of_channels = [
            transition
            for channel in channels
            for transition in transitions_of(Subject(SubjectKind.CHANNEL, channel.key), steps)
        ]
        await store.save_channels(channels, (), of_channels)
    await store.life_mark(now_s)


Step = tuple[int, State, Cause]
"""From this second on, in this state, for this cause."""


def _week(dice: random.Random, began_s: int, now_s: int, is_unreliable: bool) -> Iterator[Step]:
    """Registered at the beginning, outages in between, online at the end."""
    yield began_s, State.ONLINE_SIGNALLED, Cause.REGISTERED
    at_s = began_s
    for _ in range(dice.randint(8, 20) if is_unreliable else dice.randint(0, 3)):
        at_s += dice.randint(1800, 40_000)
        back_s = at_s + dice.randint(240, 14_400 if is_unreliable else 3600)
        if back_s >= now_s - 600:
            return
        yield at_s, State.OFFLINE, Cause.SILENT
        yield back_s, State.ONLINE_SIGNALLED, Cause.KEEPALIVE
        at_s = back_s


def transitions_of(subject: Subject, steps: Sequence[Step]) -> list[Transition]:
    """The steps as the ledger takes them, the last one open."""
    closes: list[int | None] = [None, *(at_s for at_s, _, _ in steps)]
    return [
        Transition(subject, at_s, closed, state, cause)
        for (at_s, state, cause), closed in zip(steps, closes, strict=False)
    ]


def known_since(key: DeviceKey, device_id: DeviceId, began: datetime) -> Device:
    """A device that registered then, at an address where nobody answers."""
    return Device(
        key=key,
        device_id=device_id,
        edition=Edition.E2016,
        binding=Binding(
            transport="UDP",
            host="127.0.0.1",
            port=9,
            contact="",
            local_host="127.0.0.1",
            call_id="",
            registered_at=began,
            expires_at=began + PAST,
        ),
        state=State.ONLINE_SIGNALLED,
        state_since=began,
        created_at=began,
    )


def _channel(
    key: ChannelKey, device: Device, plan: DevicePlan, offset: int, number: int
) -> Channel:
    return Channel(
        key=key,
        device_key=device.key,
        device_id=device.device_id,
        reported=ReportedChannel(
            channel_id=plan.channel_ids[offset],
            name=f"Camera {number:02d}",
            civil_code=DISTRICTS[number % len(DISTRICTS)],
        ),
        division_override=DISTRICTS[number % len(DISTRICTS)],
        state=State.ONLINE_SIGNALLED,
        state_since=device.state_since,
    )
