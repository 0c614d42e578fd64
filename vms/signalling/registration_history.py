"""What became of each device's last REGISTER: in memory, bounded, for whoever explains it."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from sys import intern

from sip.message import Flow
from vms.frozen import quickly_made
from vms.gb28181.ids import DeviceId

KNOWN_KEPT = 100_000
"""Devices on file: a full node twice over."""

STRANGERS_KEPT = 2_000
"""Whoever tries identifiers fills this one and pushes no device out of the other."""

NAMELESS_KEPT = 100
"""Whoever names itself otherwise than by a device ID."""

OTHERS_TOLD = 3
"""Of each kind of those that asked in vain."""

LOOP = 3
"""So many of the same in a row is no step of the dialogue any more."""


class Cause(StrEnum):
    """What a REGISTER came to."""

    ACCEPTED = "accepted"
    UNREGISTERED = "unregistered"
    CHALLENGED = "challenged"
    """401, and the device has not come back with credentials yet."""
    CHALLENGE_UNANSWERED = "challenge_unanswered"
    """It asks again and again and never brings credentials: no password is set, or the 401 does
    not reach it."""
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of a cause, no password
    USERNAME = "username"
    """The digest's user name is not the one on file."""
    FROM_TO = "from_to"
    """From and To name different devices."""
    REALM = "realm"
    """The credentials are for another domain than the one we challenge with."""
    STALE = "stale"
    """Its nonce was used up or not ours; it was given a new one."""
    STALE_LOOP = "stale_loop"
    """It does not take the new nonce, again and again."""
    NOT_ALLOWED = "not_allowed"
    """Not on file, and only devices on file are let in."""
    REFUSED = "refused"
    """An operator refused it."""
    WAITS = "waits"
    """It stands in the waiting room."""
    OTHER_ADDRESS = "other_address"
    """A device with this ID is alive at another address."""
    EXPIRY = "expiry"
    """It asks for less than a minute."""
    REDIRECTED = "redirected"
    UNAVAILABLE = "unavailable"
    """The database could not serve; the device was told to come back."""


FAILURES = frozenset(Cause) - {
    Cause.ACCEPTED,
    Cause.UNREGISTERED,
    Cause.CHALLENGED,
    Cause.STALE,
    Cause.REDIRECTED,
}
"""Causes that keep a device out until somebody does something."""

_LOOPS = {Cause.CHALLENGED: Cause.CHALLENGE_UNANSWERED, Cause.STALE: Cause.STALE_LOOP}
_BEFORE_LOOPS = {loop: step for step, loop in _LOOPS.items()}


@quickly_made
@dataclass(frozen=True, slots=True)
class Attempt:
    """The last REGISTER of a device. `count` of the same cause came in a row since `since`.

    `flow` is the road it came along, `asked_for` the server it named (the Request-URI),
    `names_us` whether that is our ID. `accepted_at` is the last success of this run of ours.
    """

    device_id: DeviceId
    cause: Cause
    flow: Flow
    at: datetime
    since: datetime
    count: int
    asked_for: str
    names_us: bool
    accepted_at: datetime | None

    @property
    def source(self) -> str:
        """`host:port` and the transport."""
        return _source(self.flow)


class RegistrationHistory:
    """The last attempt by device ID; the registrar writes, diagnosis reads."""

    def __init__(self) -> None:
        self._known: OrderedDict[DeviceId, Attempt] = OrderedDict()
        self._strangers: OrderedDict[DeviceId, Attempt] = OrderedDict()
        self._nameless: OrderedDict[tuple[str, str], str] = OrderedDict()

    def of(self, device_id: str) -> Attempt | None:
        """What became of the last REGISTER under this ID; None where none came in this run."""
        key = DeviceId(device_id)
        return self._known.get(key) or self._strangers.get(key)

    def strangers(self) -> list[Attempt]:
        """IDs that are not on file, the latest first."""
        return list(reversed(self._strangers.values()))

    def others(self) -> list[str]:
        """Who asked last under an ID that is not on file, or under none: one of them may be the
        device that somebody waits for, set up wrongly."""
        strangers = islice(reversed(self._strangers.values()), OTHERS_TOLD)
        return [
            *islice(reversed(self._nameless.values()), OTHERS_TOLD),
            *(f"{_heading(one.at, one.source)} is for {one.device_id}" for one in strangers),
        ]

    def note_nameless(self, name: str, flow: Flow, at: datetime) -> None:
        """A REGISTER whose From is no device ID; `name` as people may see it."""
        nameless, key = self._nameless, (name, flow.remote.host)
        nameless[key] = f"{_heading(at, _source(flow))} is for {name!r}, which is no device ID"
        nameless.move_to_end(key)
        if len(nameless) > NAMELESS_KEPT:
            nameless.popitem(last=False)

    def note(
        self,
        device_id: DeviceId,
        cause: Cause,
        *,
        is_on_file: bool,
        flow: Flow,
        at: datetime,
        asked_for: str,
        names_us: bool,
    ) -> Attempt:
        """One more attempt; gives it with the cause that its repetition makes of it."""
        kept = self._known if is_on_file else self._strangers
        last = kept.pop(device_id, None)
        if last is None and is_on_file:
            last = self._strangers.pop(device_id, None)
        repeats = last is not None and cause in {last.cause, _before_loop(last.cause)}
        count = last.count + 1 if last is not None and repeats else 1
        accepted_at = None if last is None else last.accepted_at
        attempt = Attempt(
            device_id=device_id,
            cause=_LOOPS.get(cause, cause) if count >= LOOP else cause,
            flow=flow,
            at=at,
            since=last.since if last is not None and repeats else at,
            count=count,
            asked_for=intern(asked_for),  # all of a city ask for the same one
            names_us=names_us,
            accepted_at=at if cause is Cause.ACCEPTED else accepted_at,
        )
        kept[device_id] = attempt
        if len(kept) > (KNOWN_KEPT if is_on_file else STRANGERS_KEPT):
            kept.popitem(last=False)
        return attempt


def _source(flow: Flow) -> str:
    return f"{flow.remote} {flow.transport}"


def _heading(at: datetime, source: str) -> str:
    return f"a REGISTER {at.isoformat()} from {source}"


def _before_loop(cause: Cause) -> Cause:
    """What a repetition is called before it is one."""
    return _BEFORE_LOOPS.get(cause, cause)
