"""The SIP trace: the last messages of the endpoint, kept as bytes and read when somebody asks.

Noting costs next to nothing, for it happens with every message. Answered keepalives, of which a
city sends a thousand a second, are left out unless their device is watched, so that they do not
wash out everything else; what strangers send has a ring of its own for the same reason.
"""

import asyncio
import heapq
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from sip.message import Address, Flow
from vms.clock import Clock
from vms.diagnosis.masking import masked
from vms.errors import ExhaustedError
from vms.gb28181.manscdp.text import read_text

KEPT_BYTES = 16 * 1024 * 1024
KEPT_MESSAGES = 20_000
STRANGER_BYTES = 4 * 1024 * 1024
STRANGER_MESSAGES = 5_000
LONGEST_MESSAGE_BYTES = 256 * 1024
"""Of a longer one (catalogues over TCP) only the beginning is kept."""

WATCH_LIMIT_S = 3600.0
MAX_WATCHED = 32

MOST_REMEMBERED = KEPT_MESSAGES + STRANGER_MESSAGES
"""Call-IDs and addresses of a device that somebody follows; the ones longest unseen give way."""

_BOOKKEEPING_BYTES = 200
"""What an entry costs beside its bytes, about."""

_LONGEST_KEEPALIVE_BYTES = 4096

T = TypeVar("T")


class Wire(NamedTuple):
    """One message as it went over the wire. `at` is monotonic; `size` its whole length."""

    number: int
    at: float
    is_sent: bool
    flow: Flow
    data: bytes
    size: int


class _Ring:
    """The last messages within a number and a size."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: deque[Wire] = deque()
        self.lost_to = 0
        """The number of the newest message that gave way."""

    def add(self, wire: Wire) -> None:
        kept = self._kept
        kept.append(wire)
        self._bytes += len(wire.data) + _BOOKKEEPING_BYTES
        while len(kept) > self._max_messages or self._bytes > self._max_bytes:
            gone = kept.popleft()
            self._bytes -= len(gone.data) + _BOOKKEEPING_BYTES
            self.lost_to = gone.number

    def after(self, number: int) -> Iterable[Wire]:
        if not number:
            return self._kept
        newer: list[Wire] = []
        for wire in reversed(self._kept):
            if wire.number <= number:
                break
            newer.append(wire)
        newer.reverse()
        return newer


class WireLog:
    """Keeps what `sip.net.endpoint.Endpoint` shows; `note` is its `on_wire`.

    `is_known` tells whether a registered device is at the other end of a flow.
    """

    def __init__(self, clock: Clock, is_known: Callable[[Flow], bool]) -> None:
        self._clock = clock
        self._now = clock.monotonic
        self._is_known = is_known
        self._devices = _Ring(KEPT_MESSAGES, KEPT_BYTES)
        self._strangers = _Ring(STRANGER_MESSAGES, STRANGER_BYTES)
        self._number = 0
        self._keepalive: tuple[float, Flow, bytes] | None = None
        self._watched: dict[str, float] = {}
        self._news: asyncio.Event | None = None
        self.keepalives_left_out = 0

    # Writing

    def note(self, data: bytes, flow: Flow, is_sent: bool) -> None:
        """A message went over the wire. A keepalive is held until its answer tells what it was."""
        keepalive = self._keepalive
        if keepalive is not None:
            self._keepalive = None
            is_answer = is_sent and keepalive[1] == flow and data.startswith(b"SIP/2.0 200 ")
            if is_answer and not (self._watched and self._is_watched(keepalive[2])):
                self.keepalives_left_out += 1
                return
            self._keep(keepalive[0], False, keepalive[1], keepalive[2])
        if (
            not is_sent
            and data.startswith(b"MESSAGE ")
            and len(data) <= _LONGEST_KEEPALIVE_BYTES
            and b">Keepalive<" in data
        ):
            self._keepalive = (self._now(), flow, data)
            return
        self._keep(self._now(), is_sent, flow, data)

    def _keep(self, at: float, is_sent: bool, flow: Flow, data: bytes) -> None:
        self._number += 1
        ring = self._devices if self._is_known(flow) else self._strangers
        size = len(data)
        if size > LONGEST_MESSAGE_BYTES:
            data = data[:LONGEST_MESSAGE_BYTES]
        ring.add(Wire(self._number, at, is_sent, flow, data, size))
        if self._news is not None:
            self._news.set()

    # Watching

    def watch(self, device_id: str, limit_s: float) -> datetime:
        """Keep this device's keepalives too, for `limit_s` at most; returns until when.

        Raises `ExhaustedError` when `MAX_WATCHED` others are watched.
        """
        self._forget_unwatched()
        if device_id not in self._watched and len(self._watched) >= MAX_WATCHED:
            raise ExhaustedError(f"{MAX_WATCHED} devices are watched already", what="watches")
        limit_s = min(limit_s, WATCH_LIMIT_S)
        self._watched[device_id] = self._now() + limit_s
        return self._clock.wall() + timedelta(seconds=limit_s)

    def watched_until(self, device_id: str) -> datetime | None:
        """Until when this device's keepalives are kept; None where they are left out."""
        until, now = self._watched.get(device_id, 0.0), self._now()
        return None if until <= now else self._clock.wall() + timedelta(seconds=until - now)

    def unwatch(self, device_id: str) -> None:
        """No longer; a second call changes nothing."""
        self._watched.pop(device_id, None)

    def _is_watched(self, keepalive: bytes) -> bool:
        self._forget_unwatched()
        return any(device_id.encode() in keepalive for device_id in self._watched)

    def _forget_unwatched(self) -> None:
        now = self._now()
        for device_id in [known for known, until in self._watched.items() if until <= now]:
            del self._watched[device_id]

    # Reading

    @property
    def last_number(self) -> int:
        """The number of the newest message, 0 before the first."""
        return self._number

    @property
    def first_number(self) -> int:
        """From this number on nothing is missing."""
        return max(self._devices.lost_to, self._strangers.lost_to) + 1

    def wires(self, after: int = 0) -> Iterator[Wire]:
        """What is kept, behind that number, in order."""
        return heapq.merge(self._devices.after(after), self._strangers.after(after))

    async def wait(self, after: int) -> None:
        """Until there is a message behind that number."""
        while self._number <= after:
            news = self._news = self._news or asyncio.Event()
            await news.wait()
            self._news = None

    def wall(self, wire: Wire) -> datetime:
        """When that was, by the clock as it stands now."""
        return self._clock.wall() - timedelta(seconds=self._now() - wire.at)


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message of a trace as people see it: without secrets, as text."""

    number: int
    at: datetime
    direction: str
    transport: str
    from_address: str
    to_address: str
    summary: str
    call_id: str
    raw: str


class DeviceFilter:
    """Which messages are one device's; asked in the order in which they were noted.

    Its own ID in From, To or the Request-URI says so, and for its channels, whose IDs another
    device may have as well, the road: only what goes to where the device was seen is its own.
    """

    def __init__(
        self, device_id: str, channel_ids: Callable[[str], bool], remotes: Collection[Address]
    ) -> None:
        self._device_id = device_id
        self._needle = device_id.encode()
        self._has_channel = channel_ids
        self._remotes = dict.fromkeys(remotes)
        self._call_ids: dict[str, None] = {}

    def __call__(self, wire: Wire) -> bool:
        remote = wire.flow.remote
        is_named = self._needle in wire.data
        if not is_named and remote not in self._remotes:
            return False
        head = head_of(wire.data)
        if is_named and self._device_id in head.users:
            _remember(self._remotes, remote)
        elif remote not in self._remotes or not (
            head.call_id in self._call_ids or any(map(self._has_channel, head.users))
        ):
            return False
        _remember(self._call_ids, head.call_id)
        return True


def _remember(known: dict[T, None], one: T) -> None:
    known.pop(one, None)
    known[one] = None
    if len(known) > MOST_REMEMBERED:
        del known[next(iter(known))]


class CallFilter:
    """Which messages belong to one of these calls, by Call-ID."""

    def __init__(self, call_ids: Collection[str]) -> None:
        self._call_ids = {call_id: call_id.encode() for call_id in call_ids}

    def __call__(self, wire: Wire) -> bool:
        return any(
            needle in wire.data and head_of(wire.data).call_id == call_id
            for call_id, needle in self._call_ids.items()
        )


class Head(NamedTuple):
    """What a trace needs of a message, broken or not; "" and () for what is not there."""

    start: str
    call_id: str
    method: str
    users: tuple[str, ...]


_BODY = re.compile(rb"\r?\n\r?\n")
_CALL_ID = re.compile(r"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_CSEQ = re.compile(r"^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)", re.IGNORECASE | re.MULTILINE)
_PEERS = re.compile(
    r"^(?:from|f|to|t)[ \t]*:[^\r\n]*?\bsips?:([0-9A-Za-z]{1,64})@", re.IGNORECASE | re.MULTILINE
)
_TARGET = re.compile(r"\S+[ \t]+sips?:([0-9A-Za-z]{1,64})@", re.IGNORECASE)
_COMMAND = re.compile(r"<CmdType>\s*(\w{1,40})\s*</CmdType>", re.IGNORECASE)


def head_of(data: bytes) -> Head:
    """Read as generously as the parser does, and never refused."""
    blank = _BODY.search(data)
    text = (data if blank is None else data[: blank.start()]).decode("utf-8", "replace")
    start = text.lstrip("\r\n\0").partition("\n")[0].strip()
    call_id, cseq, target = _CALL_ID.search(text), _CSEQ.search(text), _TARGET.match(start)
    users = tuple(_PEERS.findall(text)) + ((target[1],) if target else ())
    return Head(start, call_id[1].strip() if call_id else "", cseq[1] if cseq else "", users)


def shown(wire: Wire, at: datetime, local: Callable[[str], Address]) -> ShownMessage:
    """As people see it. `local` is our own address towards a host."""
    clean = masked(wire.data)
    head = head_of(clean)
    text = read_text(clean, set())
    command = _COMMAND.search(text)
    summary = "".join(c if c.isprintable() else "\ufffd" for c in head.start[:120])
    if summary.startswith("SIP/") and head.method:
        summary += f" ({head.method[:20]})"
    elif command is not None:
        summary = f"{head.method or head.start.partition(' ')[0]} {command[1]}"
    ours, theirs = str(local(wire.flow.remote.host)), str(wire.flow.remote)
    return ShownMessage(
        number=wire.number,
        at=at,
        direction="out" if wire.is_sent else "in",
        transport=wire.flow.transport,
        from_address=ours if wire.is_sent else theirs,
        to_address=theirs if wire.is_sent else ours,
        summary=summary,
        call_id=head.call_id[:256],
        raw=text,
    )
