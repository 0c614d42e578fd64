"""What each role may do, written out."""

import pytest

from vms.accounts.model import Role
from vms.accounts.rights import Action, covers, may

ALLOWED = {
    Role.ADMIN: "read watch control configure administer audit report",
    Role.OPERATOR: "read watch control configure report",
    Role.VIEWER: "read watch",
    Role.AUDITOR: "read audit report",
}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_is_written_here_and_nothing_else(role: Role) -> None:
    assert {action.value for action in Action if may(role, action)} == set(ALLOWED[role].split())


def test_only_a_role_with_all_rights_of_another_covers_it() -> None:
    assert covers(Role.ADMIN, Role.AUDITOR)
    assert covers(Role.OPERATOR, Role.VIEWER)
    assert not covers(Role.OPERATOR, Role.AUDITOR)
    assert not covers(Role.VIEWER, Role.OPERATOR)
