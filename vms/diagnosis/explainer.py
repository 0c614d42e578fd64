"""Gathers the facts, for whoever asks why: of devices, of plays, and off the wire."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sip.message import Address, Flow
from vms.clock import Clock
from vms.diagnosis import pcap
from vms.diagnosis.causes import (
    DeviceFacts,
    Diagnosis,
    Identity,
    MediaFacts,
    PlayFacts,
    Sender,
    diagnose_device,
    diagnose_play,
)
from vms.diagnosis.masking import masked
from vms.diagnosis.wire_log import CallFilter, DeviceFilter, ShownMessage, Wire, WireLog, shown
from vms.gb28181.ids import DeviceId
from vms.inventory.inventory import Inventory
from vms.inventory.model import Device
from vms.sessions.calling import Stage
from vms.sessions.viewing import SessionView
from vms.signalling.registration_history import Attempt

ASSUMED_INTERVAL_S = 60.0
"""The keepalive period told to whom nothing is on file."""

WIRES_A_TURN = 200
"""Messages looked at before the event loop does something else."""

BYTES_A_TURN = 64 * 1024
"""Freed of their secrets before the event loop does something else; about 20 ms at the worst."""

Keeps = Callable[[Wire], bool]
"""Whether a message is part of a trace."""


class Plays(Protocol):
    """What is asked of `vms.sessions.viewing.Viewing`."""

    async def session(self, session_id: str) -> SessionView:
        """One that runs or ended lately; raises `NotFoundError`."""
        ...

    async def last_play(self, device_id: str, channel_id: str) -> SessionView:
        """The last of a channel; raises `NotFoundError`."""
        ...

    async def last_plays(self, device_id: str) -> list[SessionView]:
        """The last of each channel that was played lately."""
        ...


class Roads(Protocol):
    """What is asked of `vms.signalling.flows.Flows`."""

    def of(self, device_id: DeviceId) -> Flow | None:
        """The road to a device."""
        ...


@dataclass(frozen=True, slots=True)
class ExplainedPlay:
    """A session, where it stopped, and what that means."""

    view: SessionView
    diagnosis: Diagnosis


class Explainer:
    """Everything that answers "why".

    `history` gives the last REGISTER of a device, `local` our address towards a host, `us` how
    devices have to be set, `others` who asked to register in vain.
    """

    def __init__(
        self,
        inventory: Inventory,
        plays: Plays,
        wire_log: WireLog,
        *,
        clock: Clock,
        history: Callable[[str], Attempt | None],
        roads: Roads,
        local: Callable[[str], Address],
        us: Callable[[], Identity],
        others: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._inventory = inventory
        self._plays = plays
        self._log = wire_log
        self._clock = clock
        self._history = history
        self._roads = roads
        self._local = local
        self._us = us
        self._others = others

    # Causes

    def device(self, device_id: str) -> Diagnosis:
        """Why a device is not there, whether it is on file or not."""
        device = self._inventory.find_device(device_id)
        waiting = [row for row in self._inventory.waiting() if row.device_id == device_id]
        return diagnose_device(
            DeviceFacts(
                device_id=device_id,
                status="" if device is None else self._inventory.status(device).value,
                attempt=self._history(device_id),
                bound=_bound(device),
                silent_s=self._silent_s(device),
                interval_s=ASSUMED_INTERVAL_S if device is None else device.keepalive_interval_s,
                clock_offset_s=None if device is None else device.clock_offset_s,
                waiting_verdict=waiting[0].verdict.value if waiting else None,
                us=self._us(),
                others=tuple(self._others()),
            )
        )

    def _silent_s(self, device: Device | None) -> float | None:
        if device is None or device.last_heard_at is None:
            return None
        return (self._clock.wall() - device.last_heard_at).total_seconds()

    async def play(self, session_id: str, shows: frozenset[str] | None = None) -> ExplainedPlay:
        """A session that runs or ended lately; `shows` are the codecs of whoever asks.

        Raises `NotFoundError`.
        """
        return self._explained(await self._plays.session(session_id), shows)

    async def last_play(
        self, device_id: str, channel_id: str, shows: frozenset[str] | None = None
    ) -> ExplainedPlay:
        """The play of a channel that began last. Raises `NotFoundError`."""
        return self._explained(await self._plays.last_play(device_id, channel_id), shows)

    async def last_plays(self, device_id: str) -> list[ExplainedPlay]:
        """The last play of each channel of a device, the latest first."""
        views = await self._plays.last_plays(device_id)
        return [self._explained(view, None) for view in views]

    def _explained(self, view: SessionView, shows: frozenset[str] | None) -> ExplainedPlay:
        return ExplainedPlay(view, diagnose_play(play_facts(view, self._us(), shows)))

    # The wire

    def watch(self, device_id: str, limit_s: float) -> datetime:
        """Keep keepalives of the device too; raises `ExhaustedError` where too many are watched."""
        return self._log.watch(device_id, limit_s)

    def watched_until(self, device_id: str) -> datetime | None:
        """Until when keepalives of the device are kept; None where they are left out."""
        return self._log.watched_until(device_id)

    def unwatch(self, device_id: str) -> None:
        """Back to what is kept of everybody."""
        self._log.unwatch(device_id)

    @property
    def last_number(self) -> int:
        """The number of the newest message."""
        return self._log.last_number

    @property
    def first_number(self) -> int:
        """From this number on nothing is missing."""
        return self._log.first_number

    def of_device(self, device_id: str) -> Keeps:
        """The messages of a device, on file or not; the filter is used once, from the start."""
        road = self._roads.of(DeviceId(device_id))

        def has_channel(channel_id: str) -> bool:
            return self._inventory.has_channel(device_id, channel_id)

        return DeviceFilter(device_id, has_channel, [road.remote] if road is not None else [])

    async def of_session(self, session_id: str) -> Keeps:
        """The messages of a session's calls. Raises `NotFoundError`."""
        return CallFilter((await self._plays.session(session_id)).call_ids)

    async def messages(
        self, keeps: Keeps, *, after: int = 0, since: datetime | None = None, limit: int
    ) -> list[ShownMessage]:
        """The first `limit` that are kept, behind that number and not before that time."""
        found: list[ShownMessage] = []
        async for wire in _in_turns(await self._own(keeps)):
            if wire.number <= after:
                continue
            at = self._log.wall(wire)
            if since is not None and at < since:
                continue
            found.append(shown(wire, at, self._local))
            if len(found) == limit:
                break
        return found

    async def follow(self, keeps: Keeps, after: int) -> AsyncGenerator[ShownMessage]:
        """Those behind that number, then each as it comes; for ever."""
        seen = 0
        while True:
            newest = self._log.last_number
            fresh = await self._own(keeps, seen)
            seen = newest
            for wire in fresh:
                if wire.number > after:
                    yield shown(wire, self._log.wall(wire), self._local)
            await self._log.wait(seen)

    async def capture(self, keeps: Keeps) -> bytes:
        """What is kept, without secrets, as a pcap."""
        packets = [self._packet(wire) async for wire in _in_turns(await self._own(keeps))]
        return pcap.write(packets)

    async def _own(self, keeps: Keeps, after: int = 0) -> list[Wire]:
        """A full ring takes most of a second to look through: others get their turn meanwhile."""
        own: list[Wire] = []
        for place, wire in enumerate(list(self._log.wires(after))):
            if keeps(wire):
                own.append(wire)
            if place % WIRES_A_TURN == WIRES_A_TURN - 1:
                await asyncio.sleep(0)
        return own

    def _packet(self, wire: Wire) -> pcap.Packet:
        flow = wire.flow
        local = self._local(flow.remote.host)
        ours, theirs = (local.host, local.port), (flow.remote.host, flow.remote.port)
        source, target = (ours, theirs) if wire.is_sent else (theirs, ours)
        return pcap.Packet(
            self._log.wall(wire).timestamp(),
            source,
            target,
            flow.transport == "TCP",
            masked(wire.data),
            flow.connection,
            wire.size - len(wire.data),
        )


def play_facts(view: SessionView, us: Identity, shows: frozenset[str] | None) -> PlayFacts:
    """A session as facts."""
    order = {stage.value: place for place, stage in enumerate(Stage)}
    last = [entry for entry in view.trace if entry.attempt == view.attempt]
    last.sort(key=lambda entry: order.get(entry.stage, 0))
    return PlayFacts(
        device_id=view.device_id,
        channel_id=view.channel_id,
        state=view.state,
        ended_by=view.ended_by,
        reason=view.reason,
        error=view.error,
        transport=view.transport,
        told=view.told_address,
        ssrc=view.ssrc,
        sip_status=view.sip_status,
        fallback=view.fallback,
        stages={entry.stage: entry.detail for entry in last},
        media=_media(view),
        us=us,
        shows=shows,
    )


def _media(view: SessionView) -> MediaFacts:
    figures = view.figures
    if figures is None:
        return MediaFacts()
    return MediaFacts(
        packets=figures.packets,
        bytes=figures.bytes,
        lost=figures.lost,
        malformed=figures.malformed,
        connections=figures.connections,
        container=figures.container,
        video_codec=figures.video_codec,
        transcoding=figures.transcoding,
        unsupported=figures.unsupported,
        senders=tuple(
            Sender(
                source.remote_address,
                source.ssrc,
                source.payload_type,
                source.packets,
                source.bytes,
                source.is_taken,
            )
            for source in figures.sources
        ),
        tolerated=dict(figures.tolerated),
    )


def _bound(device: Device | None) -> str | None:
    binding = None if device is None else device.binding
    return None if binding is None else str(Address(binding.host, binding.port))


async def _in_turns(wires: Iterable[Wire]) -> AsyncGenerator[Wire]:
    """All of them; whoever reads long messages lets others have their turn in between."""
    taken_bytes = 0
    for wire in wires:
        yield wire
        taken_bytes += len(wire.data)
        if taken_bytes >= BYTES_A_TURN:
            taken_bytes = 0
            await asyncio.sleep(0)
