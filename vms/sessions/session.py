"""One session as its owner keeps it and others read it."""

import asyncio
import contextlib
import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from media.door import Form, StreamFigures, ViewerId
from vms.gb28181.ids import ChannelId, DeviceId
from vms.sessions.machine import State

if TYPE_CHECKING:
    from media.door import StreamAddress, Transport
    from vms.errors import VmsError
    from vms.gb28181.ssrc import Ssrc
    from vms.sessions.calling import Call


DISCONNECTED_KEPT = 200


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One stage of a play trace: its name, when, and a few words.

    `since_s` is since the click, `attempt` counts INVITEs from 1.
    """

    stage: str
    at: datetime
    detail: str
    since_s: float = 0.0
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """What the first key picture said."""

    codec: str
    width: int
    height: int


@dataclass(slots=True)
class Viewer:
    """One who watches, or was let in to. `credential` is judged again while they do.

    `since` is when they were let in, `joined` whether pictures have begun to flow.
    """

    viewer_id: ViewerId
    user_id: str
    form: Form
    since: datetime
    since_s: float
    user: str = ""
    source: str = ""
    credential: str = field(default="", repr=False)
    joined: bool = False
    ice_tag: str = ""


class Session:
    """One live stream of one channel. Only its `SessionBroker` changes it; others read.

    `worker` is the process of the media plane it was placed in. `bitrate_bps` and `outgoing_bps`
    are those last measured, of the stream and of all its viewers; so is `is_transcoded`.

    `disconnected` are the last viewers that somebody else ended: what plays for them asks why.

    `attempt` counts INVITEs, `call_ids` are theirs, the last of them; `recoveries` how often a
    picture that was lost came back, `restored_s` when it last did, `relapses` how often in a row it
    was lost again within a minute of that. `told` is the address in the last INVITE, `sip_status`
    the refusal of the last one. `fallback` says why another transport was needed, `ended_by` is the
    input that ended it. `figures` are the last ones of a stream that is closed.
    """

    def __init__(
        self, session_id: str, device_id: DeviceId, channel_id: ChannelId, stream: str
    ) -> None:
        self.session_id = session_id
        self.device_id = device_id
        self.channel_id = channel_id
        self.stream = stream
        self.state = State.INVITING
        self.transport: Transport | None = None
        self.ssrc: Ssrc | None = None
        self.address: StreamAddress | None = None
        self.picture: Picture | None = None
        self.trace: list[TraceEntry] = []
        self.viewers: dict[ViewerId, Viewer] = {}
        self.disconnected: deque[ViewerId] = deque(maxlen=DISCONNECTED_KEPT)
        self.worker = 0
        self.bitrate_bps = 0
        self.outgoing_bps = 0
        self.is_transcoded = False
        self.attempt = 0
        self.call_ids: list[str] = []
        self.told: StreamAddress | None = None
        self.sip_status: int | None = None
        self.fallback = ""
        self.ended_by = ""
        self.figures: StreamFigures | None = None
        self.started_at: datetime | None = None
        self.clicked_s = 0.0
        self.error: VmsError | None = None
        self.reason = ""
        self.idle_since: float | None = None
        self.call: Call | None = None
        self.heard = asyncio.Event()
        self.changed = asyncio.Condition()
        self.stopping = asyncio.Event()
        self.interrupted = asyncio.Event()
        self.recoveries = 0
        self.relapses = 0
        self.restored_s = -math.inf

    @property
    def is_over(self) -> bool:
        """No new viewer can join any more."""
        return self.state in {State.CLOSING, State.CLOSED}

    def has_reached(self, stage: str) -> bool:
        """Whether the last INVITE led there."""
        return any(
            entry.stage == stage and entry.attempt == self.attempt for entry in reversed(self.trace)
        )

    async def wait_past(self, states: frozenset[State], limit_s: float) -> None:
        """Until it is in none of `states`, or the limit passes."""

        # asyncio.wait_for may swallow a cancellation that meets its result (Python 3.11).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s), self.changed:
                await self.changed.wait_for(lambda: self.state not in states)

    def measure(self, figures: StreamFigures) -> None:
        """What the stream and its viewers take now."""
        self.bitrate_bps = figures.bitrate_bps
        self.outgoing_bps = sum(viewer.bitrate_bps for viewer in figures.viewers)
        self.is_transcoded = any(viewer.delivery == "transcoded" for viewer in figures.viewers)
