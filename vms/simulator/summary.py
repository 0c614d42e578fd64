"""What a simulation saw: printed as JSON when it ends."""

import json
import math
from bisect import bisect_left
from dataclasses import asdict, dataclass, field
from itertools import accumulate

MAX_ERRORS = 100
MAX_COMMANDS = 100
"""Kinds of commands counted by name; a server may ask for anything."""

_FIRST_STEP_S = 0.0001
_STEP = 1.1
_STEPS = 160


class Latencies:
    """How long answers took, counted in steps of a tenth: from a tenth of a millisecond up."""

    __slots__ = ("_counts", "_longest_s")

    def __init__(self) -> None:
        self._counts = [0] * _STEPS
        self._longest_s = 0.0

    def note(self, seconds: float) -> None:
        """Count one answer."""
        self._longest_s = max(self._longest_s, seconds)
        step = math.ceil(math.log(max(seconds, _FIRST_STEP_S) / _FIRST_STEP_S, _STEP))
        self._counts[min(step, _STEPS - 1)] += 1

    def percentile_ms(self, share: float) -> float | None:
        """What `share` (0 to 1) of the answers were not slower than; None without any."""
        running = list(accumulate(self._counts))
        if running[-1] == 0:
            return None
        step = bisect_left(running, max(share * running[-1], 1))
        return round(1000 * min(_FIRST_STEP_S * _STEP**step, self._longest_s), 3)

    def figures(self) -> dict[str, float | None]:
        """What the summary shows, in milliseconds."""
        shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
        return {
            "count": sum(self._counts),
            **{name: self.percentile_ms(share) for name, share in shares.items()},
        }


@dataclass(slots=True)
class Summary:
    """Counts over all devices, since the start."""

    devices: int = 0
    channels: int = 0
    registered: int = 0
    """Devices that registered at least once."""
    registrations: int = 0
    """REGISTERs answered 200, refreshes included."""
    refused: int = 0
    """REGISTERs refused although they carried credentials, or could not."""
    unregistered: int = 0
    redirected: int = 0
    """REGISTERs answered 302."""
    keepalives_sent: int = 0
    keepalives_answered: int = 0
    """Those answered 200."""
    queries: int = 0
    commands_received: dict[str, int] = field(default_factory=dict[str, int])
    """Queries and controls by CmdType; controls with their sub-command."""
    commands_answered: dict[str, int] = field(default_factory=dict[str, int])
    """Those whose answer, all parts of it, was answered 200; controls without one are missing."""
    commands_unknown: int = 0
    """Not known to the devices' edition: 200, and nothing more."""
    catalog_parts: int = 0
    record_parts: int = 0
    alarms_sent: int = 0
    alarms_answered: int = 0
    """Alarms whose SIP answer was 200."""
    alarms_withheld: int = 0
    """Not raised: not reset since the last, or not armed."""
    alarm_responses: int = 0
    """Alarms the server answered with a message of its own."""
    subscriptions: int = 0
    subscriptions_refreshed: int = 0
    subscriptions_ended: int = 0
    subscriptions_refused: int = 0
    notifies_sent: int = 0
    notifies_acknowledged: int = 0
    """Those answered 200."""
    snapshots_uploaded: int = 0
    invites: int = 0
    invites_refused: int = 0
    streams: int = 0
    """Streams begun."""
    byes_received: int = 0
    byes_sent: int = 0
    key_pictures_asked: int = 0
    pictures_sent: int = 0
    packets_sent: int = 0
    packets_lost: int = 0
    """Left out by the fault `loss`."""
    bytes_sent: int = 0
    """Of RTP packets, headers included."""
    unanswered: int = 0
    """Requests of ours that got no final answer."""
    retransmissions: int = 0
    """Requests and answers of ours that went out again."""
    repeats_received: int = 0
    """Requests of the server's that came again."""
    register_latency: Latencies = field(default_factory=Latencies)
    keepalive_latency: Latencies = field(default_factory=Latencies)
    errors: list[str] = field(default_factory=list[str])
    """The first of them, in words."""

    def note_error(self, text: str) -> None:
        """Keep an error's sentence while there is room."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(text)

    def note_command(self, name: str, counted: dict[str, int]) -> None:
        """Count a command by name while there is room for names."""
        if name in counted or len(counted) < MAX_COMMANDS:
            counted[name] = counted.get(name, 0) + 1

    def as_json(self) -> str:
        """One object, indented."""
        facts = asdict(self) | {
            "register_latency": self.register_latency.figures(),
            "keepalive_latency": self.keepalive_latency.figures(),
        }
        return json.dumps(facts, ensure_ascii=False, indent=2)
