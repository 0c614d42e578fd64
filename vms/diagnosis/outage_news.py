"""What is told of outages, how they are written in steps, and the record of our own absence."""

from collections.abc import Iterator
from datetime import UTC, datetime

from vms.diagnosis.outage_causes import instant
from vms.diagnosis.outage_state import Change
from vms.events import Event, OutageBegan, OutageChanged, OutageEnded, ServerWasAbsent
from vms.inventory.outage_records import (
    Judgement,
    Outage,
    OutageCause,
    OutageKind,
    OutageWrite,
)

MEMBERS_AT_ONCE = 2_000
"""In one transaction."""


def parts_of(write: OutageWrite) -> Iterator[OutageWrite]:
    """A city's worth of members goes in steps: registrations wait for the same database."""
    most = max(len(write.members), len(write.returned_devices), len(write.left_again), 1)
    for start in range(0, most, MEMBERS_AT_ONCE):
        some = slice(start, start + MEMBERS_AT_ONCE)
        yield OutageWrite(
            write.outage,
            write.members[some],
            write.returned_devices[some],
            write.left_again[some],
            write.merged if start == 0 else (),
        )


def absence_of(event: ServerWasAbsent, outage_id: str) -> Outage:
    """It is over when it is known, and nobody is a member of it."""
    since_s, at_s = int(event.since.timestamp()), int(event.at.timestamp())
    return Outage(
        outage_id=outage_id,
        kind=OutageKind.ABSENCE,
        cause=OutageCause.SERVER_ABSENT,
        started_s=since_s,
        ended_s=at_s,
        evidence={
            "absent_s": at_s - since_s,
            "last_life_at": instant(since_s),
            "back_at": instant(at_s),
            "devices_unknown": event.devices,
        },
        judgements=(Judgement(since_s, OutageCause.SERVER_ABSENT),),
    )


def news_of_absence(outage: Outage) -> Iterator[Event]:
    """Begun and ended at once."""
    cause = outage.cause.value
    yield OutageBegan(outage.outage_id, _moment(outage.started_s), cause, 0, 0)
    yield OutageEnded(outage.outage_id, _moment(outage.ended_s), cause)


def news_of(change: Change, at: datetime) -> Iterator[Event]:
    """What a change that is written means to people."""
    outage = change.outage
    outage_id, cause = outage.outage_id, outage.cause.value
    began_at = _moment(outage.started_s)
    for merged in change.write.merged:
        yield OutageEnded(merged, began_at, cause, merged_into=outage_id)
    if change.is_new:
        yield OutageBegan(outage_id, began_at, cause, outage.devices, outage.channels)
    if outage.ended_s is not None:
        yield OutageEnded(outage_id, _moment(outage.ended_s), cause)
    elif not change.is_new:
        yield OutageChanged(outage_id, at, cause, outage.devices, outage.channels, outage.away)


def _moment(at_s: int | None) -> datetime:
    return datetime.fromtimestamp(at_s or 0, UTC)
