"""Who may watch, and how much of it one node takes on."""

from dataclasses import dataclass
from typing import Protocol

from vms.errors import ExhaustedError
from vms.sessions.session import Session

UNMEASURED_BPS = 4_000_000
"""What a stream is taken for whose bit rate nobody knows yet."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A user who may watch: `name` is that of the audit."""

    user_id: str
    name: str


class Credentials(Protocol):
    """Judges who watches: `vms.accounts.watchers.Watchers`."""

    async def watcher(self, credential: str) -> Watcher | None:
        """Whose credential it is; None where it does not count, or gives no right to watch."""
        ...

    async def record_watch(
        self, watcher: Watcher, source: str, subject: str, form: str, stream: str
    ) -> None:
        """A row in the audit, before the picture is shown; `subject` is device/channel."""
        ...


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """How much this node takes on; None: as much as comes."""

    viewers: int | None = None
    streams: int | None = None
    outgoing_bps: int | None = None
    transcodes: int | None = None
    """Streams whose pictures are made into others."""


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """How much this node has taken on."""

    viewers: int
    streams: int
    outgoing_bps: int


def check_stream(limits: NodeLimits, load: NodeLoad) -> None:
    """Whether one more camera may be asked for its picture; raises `ExhaustedError`."""
    if limits.streams is not None and load.streams >= limits.streams:
        raise ExhaustedError(
            f"this node shows {load.streams} streams, and {limits.streams} is its limit: "
            "end one, or raise media.stream_limit",
            what="streams",
            used=load.streams,
            limit=limits.streams,
        )


def check_viewer(limits: NodeLimits, load: NodeLoad, session: Session) -> None:
    """Whether one more may watch that session; raises `ExhaustedError`."""
    if limits.viewers is not None and load.viewers >= limits.viewers:
        raise ExhaustedError(
            f"{load.viewers} viewers watch on this node, and {limits.viewers} is its limit: "
            "close a tile, or raise media.viewer_limit",
            what="viewers",
            used=load.viewers,
            limit=limits.viewers,
        )
    if limits.outgoing_bps is None:
        return
    wanted = load.outgoing_bps + (session.bitrate_bps or UNMEASURED_BPS)
    if wanted > limits.outgoing_bps:
        raise ExhaustedError(
            f"this node sends {_mbit(load.outgoing_bps)} Mbit/s and one more viewer would pass its "
            f"limit of {_mbit(limits.outgoing_bps)}: watch sub-streams, close a tile, or raise "
            "media.outgoing_limit_mbps",
            what="outgoing_bandwidth",
            used=load.outgoing_bps,
            limit=limits.outgoing_bps,
        )


def _mbit(bps: int) -> str:
    return f"{bps / 1_000_000:.1f}"
