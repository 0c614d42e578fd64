"""Which messages of strangers are read, and which are answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sip.allowance import Allowance, StrangersAllowance
from sip.bans import BEYOND_ALLOWANCE, Ban, Bans
from sip.message import Flow
from sip.net.stats import EndpointStats

STRANGER_ANSWERS_PER_S: Final = 10
STRANGER_BYTES_PER_S: Final = 8 * 1024
STRANGER_RESPONSES_PER_S: Final = 100
"""Responses that strangers may send: those to our own requests, before a device is registered."""

STRANGER_REQUESTS_PER_S: Final = 10
"""Unread ones of one port that do not speak against its host: no device sends as many, but
thousands behind one address may begin at the same moment."""

REFLECTION_LIMIT: Final = 1.6
"""How much longer than its datagram an answer to a stranger may be: the source may be forged."""

_RESPONSE_BYTES_PER_S: Final = 1024 * 1024


def _nobody(_: str) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """What is asked of peers.

    `registered_at` tells how many devices are registered at a host: such hosts are never banned,
    and their strangers get more. After `ban_after_failures` in a minute, 0 for never, a source is
    not read for `ban_s`. `silence_limit_s` is how long a connection may leave a message
    unfinished, and how long a stranger may be silent on one.
    """

    registered_at: Callable[[str], int] = _nobody
    ban_after_failures: int = 60
    ban_s: float = 300.0
    silence_limit_s: float = 30.0


DEFAULT_POLICY: Final = PeerPolicy()


class Gate:
    """Asked about strangers only: what a registered device sends never gets here.

    Bans of datagrams and of connections are kept apart, because the source of a datagram may be
    forged: nobody is kept from connecting by what others send in his name.
    """

    def __init__(
        self,
        stats: EndpointStats,
        *,
        now: Callable[[], float],
        policy: PeerPolicy,
    ) -> None:
        self._stats = stats
        self._now = now
        self._registered_at = policy.registered_at
        self._allowance = StrangersAllowance(STRANGER_ANSWERS_PER_S, STRANGER_BYTES_PER_S)
        self._responses = StrangersAllowance(STRANGER_RESPONSES_PER_S, _RESPONSE_BYTES_PER_S)
        self._unread = Allowance(STRANGER_REQUESTS_PER_S, _RESPONSE_BYTES_PER_S)
        self._bans = {
            transport: Bans(policy.ban_after_failures, policy.ban_s) for transport in ("UDP", "TCP")
        }

    def admits(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a stranger's message is read."""
        stats = self._stats
        remote = flow.remote
        registered = self._registered_at(remote.host)
        bans = self._bans[flow.transport]
        if not registered and bans.holds(remote.host, now):
            stats.banned_dropped += 1
            stats.banned_dropped_bytes += len(data)
            return False
        if data[:4] == b"SIP/":
            admitted = self._responses.spend(remote, len(data), now, registered=registered)
        else:
            admitted = self._allowance.has_room(remote, now, registered=registered)
        if not admitted:
            stats.strangers_ignored += 1
            stats.strangers_ignored_bytes += len(data)
            if not registered and not self._unread.spend(remote, len(data), now):
                bans.note_failure(remote.host, "flood", now, BEYOND_ALLOWANCE)
        return admitted

    def answers(self, data: bytes, flow: Flow, request_bytes: int) -> bool:
        """Whether a stranger gets this answer to a request of that size."""
        stats = self._stats
        is_reflector = flow.transport == "UDP" and 0 < REFLECTION_LIMIT * request_bytes < len(data)
        registered = self._registered_at(flow.remote.host)
        if not is_reflector and self._allowance.spend(
            flow.remote, len(data), self._now(), registered=registered
        ):
            stats.strangers_answered += 1
            stats.strangers_answered_bytes += len(data)
            return True
        stats.strangers_unanswered += 1
        stats.strangers_unanswered_bytes += len(data)
        return False

    def bars(self, flow: Flow) -> bool:
        """Whether this peer is banned; for connections, before they cost anything."""
        host = flow.remote.host
        return not self._registered_at(host) and self._bans[flow.transport].holds(host, self._now())

    def note_failure(self, flow: Flow, why: str, weight: float = 1.0) -> None:
        """Nothing where a device is registered."""
        host = flow.remote.host
        if not self._registered_at(host):
            self._bans[flow.transport].note_failure(host, why, self._now(), weight)

    def note_success(self, flow: Flow) -> None:
        """That host proved to be a device's."""
        for bans in self._bans.values():
            bans.note_success(flow.remote.host, self._now())

    def bans(self) -> Sequence[Ban]:
        """Those in force, of datagrams and of connections."""
        now = self._now()
        return [ban for bans in self._bans.values() for ban in bans.listed(now)]

    def lift(self, host: str) -> bool:
        """End its bans; False where there is none."""
        lifted = [bans.lift(host) for bans in self._bans.values()]
        return any(lifted)

    def count(self) -> None:
        """Bring the counts of bans up to date."""
        self._stats.bans = len(self.bans())
        self._stats.bans_imposed = sum(bans.imposed for bans in self._bans.values())
