"""What the ledger has to hold, second by second, from what was seen outside the server.

The sources are the fleet's log (when each request went out, when its 200 came) and the moments at
which we ended and started the server; no table and no clock of the server. What is known only as
"between here and there" leaves more than one state possible for the seconds in between; for all
other seconds there is exactly one.

The granularity is the ledger's own: whole seconds, in which the last change counts; a life mark
every 2 s, so that what a kill makes unknown begins up to 2 s (and the time a commit takes) earlier.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.adversity.processes import Line, Run

ONLINE, OFFLINE, UNKNOWN, ABSENT = "online_signalled", "offline", "unknown", "not_commissioned"
LIFE_MARK_S = 2.0
COMMIT_S = 0.5
"""A life mark may be late by this and by what the slowest answer after a commit took."""

CLOCK_S = 0.05
"""The server labels by its monotonic clock: it may be off by this against our wall clock."""

OF_COMMITS = frozenset({"alarm", "register", "unregister"})


@dataclass(frozen=True)
class Happening:
    """Something that changed the state between `after` and `by`; perhaps, where not `certain`."""

    after: float
    by: float
    kind: str
    certain: bool = True

    def applied_to(self, state: str) -> str:
        """The state after it."""
        match self.kind:
            case "register":
                return ONLINE
            case "unregister":
                return OFFLINE
            case "end":
                return UNKNOWN if state in {ONLINE, OFFLINE} else state
            case _:
                return ONLINE if state == UNKNOWN else state


def happenings(lines: Iterable[Line], runs: Sequence[Run]) -> dict[str, list[Happening]]:
    """By device, in the order in which they were over."""
    copies: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    answers: dict[tuple[str, str, str], Line] = {}
    for line in lines:
        transaction = (line.device, line.kind, line.key)
        if line.what == "copy":
            copies[transaction].append(line.at)
        elif line.what == "answer":
            answers[transaction] = line
    found: defaultdict[str, list[Happening]] = defaultdict(list)
    for transaction, sent in copies.items():
        device, kind, _ = transaction
        if not kind.endswith("-asked"):
            found[device] += _of_transaction(kind, sent, answers.get(transaction), runs)
    ends = _ends(copies, answers, runs)
    return {
        device: sorted([*_telling(own, runs), *ends], key=lambda each: each.by)
        for device, own in found.items()
    }


def _of_transaction(
    kind: str, sent: Sequence[float], answer: Line | None, runs: Sequence[Run]
) -> Iterable[Happening]:
    """What it did in each life of the server that it reached."""
    for run, following in pairwise([*runs, Run(float("inf"))]):
        reached = [at for at in sent if run.began_at <= at < run.ends_by]
        if not reached:
            continue
        is_answered_here = answer is not None and run.began_at <= answer.at < following.began_at
        if answer is not None and is_answered_here:
            by = min(answer.at, run.ends_by)
            # An alarm that could not be stored was heard all the same.
            is_heard = answer.status == 200 or (kind, answer.status) == ("alarm", 503)
            yield Happening(min(reached), by, kind, certain=is_heard)
        else:
            yield Happening(min(reached), run.ends_by, kind, certain=False)


def _telling(own: Sequence[Happening], runs: Sequence[Run]) -> Iterable[Happening]:
    """Without the signs of life that came when the device was known to be there already."""
    for run in runs:
        inside = [each for each in own if run.began_at <= each.after < run.ends_by]
        sure = [each.by for each in inside if each.certain and each.kind != "unregister"]
        first_s = min(sure, default=float("inf"))
        for each in inside:
            if each.kind in {"register", "unregister"} or each.after <= first_s:
                yield each


def _ends(
    copies: Mapping[tuple[str, str, str], Sequence[float]],
    answers: Mapping[tuple[str, str, str], Line],
    runs: Sequence[Run],
) -> list[Happening]:
    ends: list[Happening] = []
    for run in runs:
        if run.ends_from == float("inf"):
            continue
        after = run.ends_from
        if run.was_killed:
            slowest_s = max(
                (
                    answer.at - max(at for at in copies[transaction] if at <= answer.at)
                    for transaction, answer in answers.items()
                    if transaction[1] in OF_COMMITS and run.began_at <= answer.at <= run.ends_by
                ),
                default=0.0,
            )
            after -= LIFE_MARK_S + COMMIT_S + slowest_s
        ends.append(Happening(after, run.ends_by, "end"))
    return ends


def possible_states(events: Sequence[Happening], second: int) -> frozenset[str]:
    """What the ledger may say of that second; `events` of one device, in order of `by`."""
    moment = second + 1
    state = ABSENT
    pending: list[Happening] = []
    for event in events:
        if event.by + CLOCK_S <= moment:
            if event.certain:
                state = event.applied_to(state)
        elif event.after - CLOCK_S < moment:
            pending.append(event)
    possible = {state}
    for event in sorted(pending, key=lambda each: each.after):
        possible |= {event.applied_to(each) for each in possible}
    return frozenset(possible)


@dataclass(frozen=True)
class Spread:
    """Seconds by state: how many there are at least and at most."""

    least: Mapping[str, int]
    most: Mapping[str, int]


def spread(expected: Collection[frozenset[str]]) -> Spread:
    """The bounds that follow from what is possible in each second."""
    states = (ONLINE, OFFLINE, UNKNOWN)
    return Spread(
        {state: sum(each == frozenset({state}) for each in expected) for state in states},
        {state: sum(state in each for each in expected) for state in states},
    )
