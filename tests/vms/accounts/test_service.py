"""Sign-in, users and keys, as whoever uses them sees it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import pytest
from argon2 import PasswordHasher

from tests.support.clock import FakeClock
from vms.accounts.errors import TooManyAttemptsError, WrongCredentialsError
from vms.accounts.model import Actor, CredentialKind, Role, SignedIn, User
from vms.accounts.passwords import Passwords
from vms.accounts.service import TOKEN_IDLE_LIMIT, TOKEN_LIFE, Accounts
from vms.errors import ConflictError, ExhaustedError, InvalidError, NotFoundError
from vms.persistence.account_store import SqlAccountStore
from vms.persistence.database import Database

RIGHT = "correct horse battery"
OTHER = "staple of the stable"
HERE = "127.0.0.1"
BY = Actor("admin", HERE)


async def started(accounts: Accounts) -> Accounts:
    """With `admin` on file."""
    await accounts.start(RIGHT)
    return accounts


async def actions(accounts: Accounts) -> Sequence[tuple[str, str, str]]:
    """The audit from the oldest: (actor, action, outcome)."""
    rows = await accounts.audit(None, 100)
    return [(row.entry.actor, row.entry.action, row.entry.outcome) for row in reversed(rows)]


async def test_the_first_administrator_comes_from_the_settings(accounts: Accounts) -> None:
    assert await accounts.start(RIGHT) is None

    signed_in = await accounts.login("admin", RIGHT, HERE)

    assert (signed_in.user.username, signed_in.user.role) == ("admin", Role.ADMIN)
    assert signed_in.expires_in_s == TOKEN_LIFE.total_seconds()


async def test_the_password_in_the_settings_counts_only_for_a_fresh_database(
    accounts: Accounts,
) -> None:
    await accounts.start(RIGHT)

    assert await accounts.start(OTHER) is None

    with pytest.raises(WrongCredentialsError):
        await accounts.login("admin", OTHER, HERE)


@pytest.mark.parametrize("known", ["admin123", "12345678", "Admin", "short", "x" * 129])
async def test_a_start_with_a_password_that_everybody_knows_is_refused(
    accounts: Accounts, known: str
) -> None:
    with pytest.raises(InvalidError):
        await accounts.start(known)


async def test_without_a_password_in_the_settings_a_code_makes_the_first_user_once(
    accounts: Accounts,
) -> None:
    code = await accounts.start(None)
    assert code is not None

    user = await accounts.set_up(code.lower().replace("-", " "), "李雷", RIGHT, HERE)

    assert user.role is Role.ADMIN
    assert (await accounts.login("李雷", RIGHT, HERE)).user == user
    with pytest.raises(WrongCredentialsError):
        await accounts.set_up(code, "second", RIGHT, HERE)


async def test_a_set_up_code_survives_a_password_that_is_refused(accounts: Accounts) -> None:
    code = await accounts.start(None)
    assert code is not None
    with pytest.raises(InvalidError):
        await accounts.set_up(code, "ann", "short", HERE)

    user = await accounts.set_up(code, "ann", RIGHT, HERE)

    assert user.username == "ann"


async def test_two_who_use_the_set_up_code_at_once_do_not_both_get_in(accounts: Accounts) -> None:
    code = await accounts.start(None)
    assert code is not None

    results = await asyncio.gather(
        accounts.set_up(code, "ann", RIGHT, "127.0.0.1"),
        accounts.set_up(code, "bob", RIGHT, "127.0.0.2"),
        return_exceptions=True,
    )

    assert sorted(type(result).__name__ for result in results) == ["User", "WrongCredentialsError"]
    assert len(await accounts.users()) == 1


async def test_guessing_the_set_up_code_is_slowed_down(accounts: Accounts) -> None:
    await accounts.start(None)
    for _ in range(5):
        with pytest.raises(WrongCredentialsError):
            await accounts.set_up("AAAA-AAAA-AAAA-AAAA", "ann", RIGHT, HERE)

    with pytest.raises(TooManyAttemptsError):
        await accounts.set_up("AAAA-AAAA-AAAA-AAAA", "ann", RIGHT, HERE)


async def test_names_are_compared_without_case_and_width(accounts: Accounts) -> None:
    await started(accounts)

    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in "ADmin")
    signed_in = await accounts.login(f" {full_width} ", RIGHT, HERE)

    assert signed_in.user.username == "admin"
    with pytest.raises(ConflictError):
        await accounts.add_user("ADMIN", OTHER, Role.VIEWER, BY)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("admin", "wrong"),
        ("nobody", RIGHT),
        ("admin", ""),
        ("admin", "x" * 5000),
        ("admin", "\ud800"),
        ("\ud800\0", RIGHT),
    ],
)
async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(
    accounts: Accounts, username: str, password: str
) -> None:
    await started(accounts)

    with pytest.raises(WrongCredentialsError) as refusal:
        await accounts.login(username, password, HERE)

    assert refusal.value.message == "the name or the password is wrong"
    assert (await actions(accounts))[-1][1:] == ("login", "refused")


class CountingHasher(PasswordHasher):
    """Counts what an attacker would measure."""

    verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  its name
        self.verified += 1
        return super().verify(hash, password)


async def test_an_unknown_name_costs_as_much_as_a_known_one(
    database: Database, clock: FakeClock
) -> None:
    hasher = CountingHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = await started(Accounts(SqlAccountStore(database), clock, Passwords(hasher)))

    for username in ("admin", "nobody"):
        with pytest.raises(WrongCredentialsError):
            await accounts.login(username, "wrong", HERE)

    assert hasher.verified == 2


@pytest.mark.parametrize("username", ["admin", "nobody"])
async def test_after_five_failures_even_the_right_password_has_to_wait(
    accounts: Accounts, clock: FakeClock, username: str
) -> None:
    await started(accounts)
    for _ in range(5):
        with pytest.raises(WrongCredentialsError):
            await accounts.login(username, "wrong", HERE)

    with pytest.raises(TooManyAttemptsError) as refusal:
        await accounts.login(username, RIGHT, HERE)

    assert refusal.value.retry_after_s == 30
    assert (await accounts.login("admin", RIGHT, "127.0.0.2")).user.username == "admin"
    clock.advance(30)
    if username == "admin":
        assert (await accounts.login("admin", RIGHT, HERE)).user.username == "admin"


async def test_too_many_sign_ins_at_once_are_refused_rather_than_queued(
    accounts: Accounts,
) -> None:
    await started(accounts)

    results = await asyncio.gather(
        *(accounts.login("admin", RIGHT, f"127.0.1.{n}") for n in range(100)),
        return_exceptions=True,
    )

    kinds = {type(result) for result in results}
    assert kinds <= {SignedIn, ExhaustedError}
    assert SignedIn in kinds


async def test_a_token_tells_who_asks_until_signing_out(accounts: Accounts) -> None:
    await started(accounts)
    signed_in = await accounts.login("admin", RIGHT, HERE)

    principal = await accounts.authenticate(signed_in.access_token)

    assert principal is not None
    assert (principal.username, principal.role) == ("admin", Role.ADMIN)
    assert principal.kind is CredentialKind.TOKEN
    await accounts.logout(principal, HERE)
    assert await accounts.authenticate(signed_in.access_token) is None


@pytest.mark.parametrize(
    "nonsense", ["", "x", "gbk_", "gbk_a_b", "gbk_\0_x", "\ud800", "gbk_\ud800_"]
)
async def test_what_is_no_credential_is_nobody(accounts: Accounts, nonsense: str) -> None:
    await started(accounts)

    assert await accounts.authenticate(nonsense) is None


async def test_a_token_in_use_lasts_a_day_and_no_longer(
    accounts: Accounts, clock: FakeClock
) -> None:
    await started(accounts)
    token = (await accounts.login("admin", RIGHT, HERE)).access_token

    lasted = timedelta()
    while await accounts.authenticate(token) is not None:
        clock.advance(3600)
        lasted += timedelta(hours=1)

    assert lasted == TOKEN_LIFE


async def test_a_token_that_nobody_uses_ends(accounts: Accounts, clock: FakeClock) -> None:
    await started(accounts)
    token = (await accounts.login("admin", RIGHT, HERE)).access_token

    clock.advance(TOKEN_IDLE_LIMIT.total_seconds())

    assert await accounts.authenticate(token) is None


async def test_a_new_password_ends_every_sign_in(accounts: Accounts) -> None:
    await started(accounts)
    token = (await accounts.login("admin", RIGHT, HERE)).access_token

    await accounts.set_password("admin", OTHER, BY)

    assert await accounts.authenticate(token) is None
    with pytest.raises(WrongCredentialsError):
        await accounts.login("admin", RIGHT, HERE)
    assert (await accounts.login("admin", OTHER, HERE)).user.username == "admin"


async def test_a_new_role_counts_in_running_sign_ins(accounts: Accounts) -> None:
    await started(accounts)
    await accounts.add_user("ann", OTHER, Role.OPERATOR, BY)
    token = (await accounts.login("ann", OTHER, HERE)).access_token

    await accounts.change_user("ann", BY, role=Role.VIEWER)

    principal = await accounts.authenticate(token)
    assert principal is not None
    assert principal.role is Role.VIEWER


async def test_a_disabled_user_is_out_at_once(accounts: Accounts) -> None:
    await started(accounts)
    await accounts.add_user("ann", OTHER, Role.VIEWER, BY)
    token = (await accounts.login("ann", OTHER, HERE)).access_token

    await accounts.change_user("ann", BY, disabled=True)

    assert await accounts.authenticate(token) is None
    with pytest.raises(WrongCredentialsError):
        await accounts.login("ann", OTHER, HERE)


async def test_the_last_administrator_stays(accounts: Accounts) -> None:
    await started(accounts)

    with pytest.raises(ConflictError):
        await accounts.change_user("admin", BY, role=Role.VIEWER)
    with pytest.raises(ConflictError):
        await accounts.change_user("admin", BY, disabled=True)

    assert (await accounts.user("admin")).role is Role.ADMIN


async def test_what_is_done_to_nobody_is_not_found(accounts: Accounts) -> None:
    await started(accounts)

    with pytest.raises(NotFoundError):
        await accounts.set_password("nobody", OTHER, BY)
    with pytest.raises(NotFoundError):
        await accounts.change_user("nobody", BY, disabled=True)
    with pytest.raises(NotFoundError):
        await accounts.revoke_key("nothing", BY)


@pytest.mark.parametrize("username", ["", "   ", "x" * 65, "line\nbreak"])
async def test_a_name_that_is_none_is_refused(accounts: Accounts, username: str) -> None:
    with pytest.raises(InvalidError):
        await accounts.add_user(username, OTHER, Role.VIEWER, BY)


async def admin(accounts: Accounts) -> User:
    """On file, and asked for."""
    await started(accounts)
    return await accounts.user("admin")


async def test_an_api_key_asks_in_the_name_of_its_owner_with_its_own_role(
    accounts: Accounts,
) -> None:
    new = await accounts.add_key("reports", await admin(accounts), Role.AUDITOR, BY)

    principal = await accounts.authenticate(new.text)

    assert new.text.startswith(f"gbk_{new.key.key_id}_")
    assert principal is not None
    assert (principal.username, principal.role) == ("admin", Role.AUDITOR)
    assert principal.name == f"admin (key {new.key.key_id})"


async def test_a_key_with_another_secret_does_not_count(accounts: Accounts) -> None:
    new = await accounts.add_key("reports", await admin(accounts), Role.AUDITOR, BY)

    assert await accounts.authenticate(new.text[:-1] + "!") is None


async def test_a_revoked_key_does_not_count(accounts: Accounts, clock: FakeClock) -> None:
    new = await accounts.add_key("reports", await admin(accounts), Role.AUDITOR, BY)

    await accounts.revoke_key(new.key.key_id, BY)
    at = clock.wall()
    clock.advance(5)
    await accounts.revoke_key(new.key.key_id, BY)

    assert await accounts.authenticate(new.text) is None
    assert [key.revoked_at for key in await accounts.keys()] == [at]


async def test_a_key_ends_when_it_expires(accounts: Accounts, clock: FakeClock) -> None:
    owner = await admin(accounts)
    until = clock.wall() + timedelta(hours=1)
    new = await accounts.add_key("reports", owner, Role.AUDITOR, BY, until)
    assert await accounts.authenticate(new.text) is not None

    clock.advance(3600)

    assert await accounts.authenticate(new.text) is None
    with pytest.raises(InvalidError):
        await accounts.add_key("late", owner, Role.AUDITOR, BY, until)


async def test_a_key_ends_with_the_rights_of_its_owner(accounts: Accounts) -> None:
    await started(accounts)
    ann = await accounts.add_user("ann", OTHER, Role.OPERATOR, BY)
    new = await accounts.add_key("wall", ann, Role.OPERATOR, BY)

    await accounts.change_user("ann", BY, role=Role.VIEWER)

    assert await accounts.authenticate(new.text) is None


async def test_nobody_lends_rights_they_do_not_have(accounts: Accounts) -> None:
    ann = await accounts.add_user("ann", OTHER, Role.VIEWER, BY)

    with pytest.raises(InvalidError):
        await accounts.add_key("wall", ann, Role.ADMIN, BY)


async def test_a_key_remembers_its_last_use(accounts: Accounts, clock: FakeClock) -> None:
    new = await accounts.add_key("reports", await admin(accounts), Role.AUDITOR, BY)

    await accounts.authenticate(new.text)

    assert [key.last_used_at for key in await accounts.keys()] == [clock.wall()]


async def test_old_password_hashes_are_renewed_at_the_next_sign_in(
    database: Database, clock: FakeClock, accounts: Accounts
) -> None:
    await started(accounts)
    store = SqlAccountStore(database)
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    upgraded = Accounts(store, clock, Passwords(stronger))

    await upgraded.login("admin", RIGHT, HERE)

    on_file = await store.user_named("admin")
    assert on_file is not None
    assert on_file.password_hash.startswith("$argon2id$v=19$m=16,t=2,p=1$")
    assert (await upgraded.login("admin", RIGHT, HERE)).user.username == "admin"


async def test_everything_that_was_done_is_in_the_audit(accounts: Accounts) -> None:
    await started(accounts)
    ann = await accounts.add_user("ann", OTHER, Role.VIEWER, BY)
    await accounts.change_user("ann", BY, role=Role.AUDITOR)
    await accounts.set_password("ann", RIGHT, BY)
    signed_in = await accounts.login("ann", RIGHT, HERE)
    new = await accounts.add_key("k", ann, Role.VIEWER, BY)
    await accounts.revoke_key(new.key.key_id, BY)
    principal = await accounts.authenticate(signed_in.access_token)
    assert principal is not None
    await accounts.record(BY, "watch", "3402/1", detail={"session": "1"})
    await accounts.logout(principal, HERE)

    assert await actions(accounts) == [
        ("settings", "add user", "done"),
        ("admin", "add user", "done"),
        ("admin", "change user", "done"),
        ("admin", "set password", "done"),
        ("ann", "login", "done"),
        ("admin", "add key", "done"),
        ("admin", "revoke key", "done"),
        ("admin", "watch", "done"),
        ("ann", "logout", "done"),
    ]
    [newest, *_] = older = await accounts.audit(None, 2)
    assert newest.entry.source == HERE
    [next_page, *_] = await accounts.audit(older[-1].audit_key, 1)
    assert next_page.entry.action == "revoke key"


async def test_what_fails_leaves_no_audit_row_behind(accounts: Accounts) -> None:
    await started(accounts)
    before = await actions(accounts)

    with pytest.raises(ConflictError):
        await accounts.add_user("admin", OTHER, Role.VIEWER, BY)

    assert await actions(accounts) == before


async def test_no_text_of_a_password_or_token_is_stored_or_shown(
    accounts: Accounts, database: Database
) -> None:
    await started(accounts)
    signed_in = await accounts.login("admin", RIGHT, HERE)
    new = await accounts.add_key("k", await accounts.user("admin"), Role.VIEWER, BY)
    on_file = await SqlAccountStore(database).user_named("admin")

    shown = f"{signed_in!r} {new!r} {on_file!r}"

    assert RIGHT not in shown
    assert "$argon2id$" not in shown
    assert signed_in.access_token not in shown
    assert new.text not in shown
