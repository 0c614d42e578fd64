"""What each role may do: one table, one question."""

from collections.abc import Mapping
from enum import StrEnum

from vms.accounts.model import Role


class Action(StrEnum):
    """What rights are asked about."""

    READ = "read"
    """Devices, channels, figures, alarms, events; no picture."""
    WATCH = "watch"
    """Live pictures and snapshots."""
    CONTROL = "control"
    """Ask devices, move cameras, end sessions."""
    CONFIGURE = "configure"
    """Put devices on and off file, the waiting room, names and divisions."""
    ADMINISTER = "administer"
    """Users and API keys."""
    AUDIT = "audit"
    """Read who did what."""
    REPORT = "report"
    """Make and freeze reports."""


RIGHTS: Mapping[Role, frozenset[Action]] = {
    Role.ADMIN: frozenset(Action),
    Role.OPERATOR: frozenset(
        {Action.READ, Action.WATCH, Action.CONTROL, Action.CONFIGURE, Action.REPORT}
    ),
    Role.VIEWER: frozenset({Action.READ, Action.WATCH}),
    # Who reports figures or checks others needs no right to watch.
    Role.AUDITOR: frozenset({Action.READ, Action.AUDIT, Action.REPORT}),
}


def may(role: Role, action: Action) -> bool:
    """Whether the role allows the action."""
    return action in RIGHTS[role]


def covers(role: Role, other: Role) -> bool:
    """Whether `role` may do all that `other` may: nobody lends more than they have."""
    return RIGHTS[role] >= RIGHTS[other]
