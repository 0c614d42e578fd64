"""The outages that are under way: which loss belongs to which, and when one is over.

Pure: losses and returns go in with `now`, changed outages come out. A loss waits until no more
come, then it is grouped with whatever else was lost lately; that is done anew when a member begins
to flap. Outages are merged where a later loss shows that they are one, never split. One is over
when all its members have been back for a while: whatever goes again before that goes on being the
same outage.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from vms.diagnosis.outage_causes import Parent, channel_count, judged
from vms.diagnosis.outage_grouping import Family, Group, Loss, grouped
from vms.diagnosis.outage_state import Change, Identity, Member, OpenOutage, OutagePolicy, as_member
from vms.inventory.outage_records import (
    Judgement,
    Outage,
    OutageCause,
    OutageKind,
    OutageMember,
    OutageWrite,
)

JUDGEMENTS_KEPT = 20


class OutageTracker:
    """`parent_of(device_id, parent_id)` tells what hangs in a recorder, `new_id` names an
    outage."""

    def __init__(
        self,
        policy: OutagePolicy,
        *,
        new_id: Callable[[], str],
        parent_of: Callable[[str, str], Parent],
    ) -> None:
        self._policy = policy
        self._new_id = new_id
        self._parent_of = parent_of
        self._open: dict[str, OpenOutage] = {}
        self._where: dict[Identity, str] = {}
        self._channels: defaultdict[str, set[Identity]] = defaultdict(set)
        """Channels that are lost themselves, by device."""
        self._pending: dict[Identity, Loss] = {}
        self._flickered: dict[Identity, float] = {}
        """Of those that wait and flap: when they came back."""
        self._pending_since: float | None = None
        self._pending_last: float = 0.0
        self._began_to_flap = False
        """A member did, since the last grouping: its outage may be one with another now."""
        self._falls: dict[Identity, deque[float]] = {}
        self.begun: Counter[OutageCause] = Counter()
        self.dropped = 0

    # What happens

    def lost(self, loss: Loss, now: float) -> None:
        """Something was lost, or more is known of why."""
        identity = loss.identity
        member = self._member(identity)
        waiting = self._pending.get(identity)
        if waiting is not None and identity not in self._flickered:
            self._pending[identity] = _refined(waiting, loss)
            return
        if member is not None and member.until_s is None:
            self._refine(member, identity, loss)
            return
        if member is None and len(self._where) + len(self._pending) >= self._policy.most_losses:
            self.dropped += 1
            return
        loss = self._counted(loss)
        self._flickered.pop(identity, None)
        if loss.channel_id:
            self._channels[loss.device_id].add(identity)
        if member is None:
            self._pending[identity] = loss
            self._group_soon(now)
            return
        if loss.is_flapping and not member.loss.is_flapping:
            self._began_to_flap = True
            self._group_soon(now)
        outage = self._open[self._where[identity]]
        member.loss = replace(loss, falls=member.loss.falls + 1)
        member.until_s = None
        member.is_changed = member.has_turned = True
        outage.away += 1
        outage.returned_at = None
        outage.joined_at = now
        outage.is_changed, outage.is_judged = True, False

    def back(self, identity: Identity, at_s: float, now: float) -> None:
        """It is as it should be again; nothing happens where it was not lost."""
        waiting = self._pending.get(identity)
        if waiting is not None:
            self._back_soon(waiting, at_s)
            return
        member = self._member(identity)
        if member is None or member.until_s is not None:
            return
        outage = self._open[self._where[identity]]
        member.until_s = max(at_s, member.since_s)
        member.is_changed = member.has_turned = True
        outage.away -= 1
        outage.is_changed = True
        if not outage.away:
            outage.returned_at = now

    def is_lost(self, identity: Identity) -> bool:
        """It is pending, or away."""
        member = self._member(identity)
        if identity in self._pending:
            return identity not in self._flickered
        return member is not None and member.until_s is None

    def lost_of(self, kind: OutageKind) -> list[Identity]:
        """All that are lost in that way."""
        found = [identity for identity in self._pending if identity[0] is kind]
        for outage in self._open.values():
            if outage.kind is kind:
                found += [key for key, each in outage.members.items() if each.until_s is None]
        return found

    def lost_channels(self, device_id: str) -> list[Identity]:
        """Channels of a device that are lost themselves."""
        return [each for each in self._channels.get(device_id, ()) if self.is_lost(each)]

    # Time

    def due_in_s(self, now: float) -> float | None:
        """Until `settle` has something to do; None while nothing waits."""
        if self._pending_since is None:
            return None
        quiet_s = self._pending_last + self._policy.quiet_s - now
        return max(0.0, min(quiet_s, self._pending_since + self._policy.longest_s - now))

    def candidates(self, now: float) -> list[Loss]:
        """What `settle` is going to group."""
        return [*self._pending.values(), *(each.loss for each in self._young(now))]

    def settle(self, now: float, alive: Mapping[str, int]) -> None:
        """Group what waits with what was lost lately; `alive` as `grouped` wants it."""
        groups = grouped(self.candidates(now), alive)
        pending, self._pending = self._pending, {}
        self._pending_since, self._began_to_flap = None, False
        for group in groups:
            self._place(group, pending, now, alive)
        flickered, self._flickered = self._flickered, {}
        for identity, at_s in flickered.items():
            self.back(identity, at_s, now)

    def tick(self, now: float) -> None:
        """Let time pass: what has been whole for long enough is over."""
        for outage in list(self._open.values()):
            if outage.returned_at is None or not outage.is_known:
                continue
            is_flapping = outage.cause is OutageCause.FLAPPING
            hold_s = self._policy.calm_s if is_flapping else self._policy.hold_s
            if now - outage.returned_at >= hold_s:
                outage.is_changed = True

    def forget_falls(self, at_s: float) -> None:
        """Of what went long ago nobody needs to know how often."""
        oldest_s = at_s - self._policy.flap_memory_s
        for identity in [key for key, falls in self._falls.items() if falls[-1] < oldest_s]:
            del self._falls[identity]

    # What changed

    def changed(self, now: float) -> list[str]:
        """Outages that have to be written."""
        return [
            outage.outage_id
            for outage in self._open.values()
            if outage.is_changed and self._may_write(outage, now)
        ]

    def members_of(self, outage_id: str) -> tuple[OutageKind, int]:
        """Of which kind the members are, and how many."""
        outage = self._open[outage_id]
        return outage.kind, len(outage.members)

    def change(self, outage_id: str, now: float) -> Change:
        """An outage as it has to be written; `written` says that it was."""
        outage = self._open[outage_id]
        before, outage.written_at = outage.cause, now
        self._judge(outage)
        changed = [each for each in outage.members.values() if each.is_changed]
        lost = [each for each in changed if not each.loss.channel_id]
        turned = [each for each in lost if each.has_turned and not each.is_new]
        write = OutageWrite(
            outage=self._as_record(outage, now),
            members=[as_member(each) for each in changed],
            returned_devices=[
                (each.loss.device_id, int(each.until_s))
                for each in turned
                if each.until_s is not None
            ],
            left_again=[each.loss.device_id for each in turned if each.until_s is None],
            merged=tuple(outage.merged),
        )
        fresh = tuple(each.loss.device_id for each in lost if each.is_new and each.loss.channels)
        return Change(write, fresh, not outage.is_known, before is not outage.cause)

    def written(self, change: Change) -> None:
        """The outage stands in the database as it was told by `change`."""
        outage = self._open[change.outage.outage_id]
        outage.is_known, outage.is_changed = True, False
        outage.merged.clear()
        for member in outage.members.values():
            member.is_changed = member.is_new = member.has_turned = False
        if change.is_new:
            self.begun[change.outage.cause] += 1
        if change.outage.ended_s is not None:
            for identity in outage.members:
                self._where.pop(identity, None)
                self._forget_channel(identity)
            del self._open[outage.outage_id]

    def restore(
        self, outage: Outage, members: Sequence[tuple[Loss, OutageMember]], now: float
    ) -> None:
        """One that lasted when this server went."""
        opened = OpenOutage(
            outage.outage_id,
            outage.kind,
            outage.scope,
            outage.started_s,
            joined_at=now,
            judgements=outage.judgements,
            evidence=outage.evidence,
            is_known=True,
            is_changed=False,
        )
        alive = outage.evidence.get("alive")
        opened.alive = alive if isinstance(alive, int) else None
        for loss, member in members:
            kept = replace(loss, is_flapping=member.falls >= self._policy.flaps)
            opened.members[loss.identity] = Member(
                kept, member.since_s, member.until_s, is_changed=False, is_new=False
            )
            opened.away += member.until_s is None
            self._where[loss.identity] = outage.outage_id
            if loss.channel_id:
                self._channels[loss.device_id].add(loss.identity)
        opened.returned_at = None if opened.away else now
        self._open[outage.outage_id] = opened

    @property
    def is_idle(self) -> bool:
        """Nothing is lost, and nothing that was is held open."""
        return not self._open and not self._pending

    @property
    def remembered(self) -> int:
        """Of so many it is known how often they went."""
        return len(self._falls)

    def open_by_cause(self) -> Mapping[OutageCause, int]:
        """Outages of which somebody is away now."""
        return Counter(
            outage.cause
            for outage in self._open.values()
            if outage.away and outage.cause is not None
        )

    # Inside

    def _member(self, identity: Identity) -> Member | None:
        outage_id = self._where.get(identity)
        return None if outage_id is None else self._open[outage_id].members[identity]

    def _group_soon(self, now: float) -> None:
        self._pending_since = now if self._pending_since is None else self._pending_since
        self._pending_last = now

    def _counted(self, loss: Loss) -> Loss:
        """With how often it went lately."""
        policy = self._policy
        falls = self._falls.setdefault(loss.identity, deque(maxlen=policy.flaps))
        falls.append(loss.at_s)
        recent = [at_s for at_s in falls if loss.at_s - at_s <= policy.flap_memory_s]
        is_flapping = loss.is_flapping or len(recent) >= policy.flaps
        return replace(loss, falls=len(recent), is_flapping=is_flapping)

    def _refine(self, member: Member, identity: Identity, loss: Loss) -> None:
        known, refined = member.loss, _refined(member.loss, loss)
        if refined != known:
            member.loss = refined
            member.is_changed = True
            outage = self._open[self._where[identity]]
            outage.is_changed, outage.is_judged = True, False

    def _back_soon(self, waiting: Loss, at_s: float) -> None:
        """Back before it was an outage: it is none, unless it does that again and again."""
        if waiting.is_flapping:
            self._flickered[waiting.identity] = at_s
            return
        del self._pending[waiting.identity]
        self._forget_channel(waiting.identity)
        if not self._pending and not self._began_to_flap:
            self._pending_since = None

    def _forget_channel(self, identity: Identity) -> None:
        own = self._channels.get(identity[1])
        if own is not None:
            own.discard(identity)
            if not own:
                del self._channels[identity[1]]

    def _young(self, now: float) -> Iterable[Member]:
        """Members of outages that still take in what is lost."""
        for outage in self._open.values():
            is_flapping = outage.cause is OutageCause.FLAPPING
            join_s = max(self._policy.join_s, outage.limit_s)
            if is_flapping or now - outage.joined_at <= join_s:
                yield from outage.members.values()

    def _place(
        self, group: Group, pending: Mapping[Identity, Loss], now: float, alive: Mapping[str, int]
    ) -> None:
        """Into the oldest outage that lies in this group for the most part, or into a new one."""
        inside = Counter(
            self._where[loss.identity] for loss in group.losses if loss.identity in self._where
        )
        own = [
            self._open[outage_id]
            for outage_id, count in inside.items()
            if 2 * count > len(self._open[outage_id].members)
        ]
        newcomers = [loss for loss in group.losses if loss.identity in pending]
        if len(own) + len(newcomers) == 0 or (len(own) == 1 and not newcomers):
            return
        target = min(own, key=lambda outage: outage.started_s) if own else None
        if target is None:
            started_s = min(loss.at_s for loss in newcomers)
            outage_id = self._new_id()
            target = OpenOutage(outage_id, newcomers[0].kind, group.scope, started_s, now)
            self._open[outage_id] = target
        for other in own:
            if other is not target:
                self._merge(other, target)
        for loss in newcomers:
            target.members[loss.identity] = Member(loss, loss.at_s)
            self._where[loss.identity] = target.outage_id
            target.away += 1
            target.started_s = min(target.started_s, loss.at_s)
            target.joined_at = now
            target.limit_s = max(target.limit_s, loss.limit_s)
        if target.away:
            target.returned_at = None
        if group.family is not Family.FLAPPING or len(group.losses) > 1:
            target.scope = group.scope
        places = [group.scope[name] for name in ("segment", "division") if name in group.scope]
        target.alive = next((alive[place] for place in places if place in alive), target.alive)
        target.is_changed, target.is_judged = True, False

    def _merge(self, other: OpenOutage, target: OpenOutage) -> None:
        for identity, member in other.members.items():
            member.is_changed = True
            target.members[identity] = member
            self._where[identity] = target.outage_id
        target.away += other.away
        target.started_s = min(target.started_s, other.started_s)
        target.joined_at = max(target.joined_at, other.joined_at)
        if target.returned_at is not None and other.returned_at is not None:
            target.returned_at = max(target.returned_at, other.returned_at)
        target.limit_s = max(target.limit_s, other.limit_s)
        target.merged += other.merged
        if other.is_known:
            target.merged.append(other.outage_id)
        del self._open[other.outage_id]

    def _may_write(self, outage: OpenOutage, now: float) -> bool:
        """A city that comes back would otherwise be written anew with each of its cameras."""
        if outage.written_at is None:
            return True
        return now - outage.written_at >= len(outage.members) / self._policy.members_a_second

    def _judge(self, outage: OpenOutage) -> None:
        """By all that belong to it; who comes back changes nothing."""
        if outage.is_judged:
            return
        outage.is_judged = True
        losses = [each.loss for each in outage.members.values()]
        parent = None
        if outage.kind is OutageKind.OFF:
            parent = self._parent_of(outage.scope["device_id"], outage.scope["parent_id"])
        verdict = judged(losses, outage.scope, parent)
        alive = {} if outage.alive is None else {"alive": outage.alive}
        outage.evidence = {**verdict.evidence, **alive}
        if verdict.cause is not outage.cause:
            at_s = max(loss.at_s for loss in losses)
            judgement = Judgement(int(at_s), verdict.cause)
            outage.judgements = (*outage.judgements, judgement)[-JUDGEMENTS_KEPT:]

    def _as_record(self, outage: OpenOutage, now: float) -> Outage:
        losses = [each.loss for each in outage.members.values()]
        is_flapping = outage.cause is OutageCause.FLAPPING
        hold_s = self._policy.calm_s if is_flapping else self._policy.hold_s
        is_over = outage.returned_at is not None and now - outage.returned_at >= hold_s
        ended_s = max(each.until_s or 0.0 for each in outage.members.values()) if is_over else None
        if outage.cause is None:
            raise RuntimeError(f"outage {outage.outage_id} was not judged")
        return Outage(
            outage_id=outage.outage_id,
            kind=outage.kind,
            cause=outage.cause,
            started_s=int(outage.started_s),
            ended_s=None if ended_s is None else max(int(ended_s), int(outage.started_s)),
            scope=outage.scope,
            evidence=outage.evidence,
            devices=len({loss.device_id for loss in losses}),
            channels=channel_count(losses),
            away=outage.away,
            falls=sum(loss.falls for loss in losses),
            judgements=outage.judgements,
        )


def _refined(known: Loss, loss: Loss) -> Loss:
    """The same loss with what is known of it now; it happened when it happened."""
    return replace(
        loss,
        way=known.way or loss.way,
        at_s=known.at_s,
        heard_s=known.heard_s if loss.heard_s is None else loss.heard_s,
        falls=known.falls,
        is_flapping=known.is_flapping or loss.is_flapping,
        facts={**known.facts, **loss.facts},
    )
