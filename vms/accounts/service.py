"""Sign-in, users, API keys, and who did what."""

import hashlib
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from vms.accounts.errors import TooManyAttemptsError, WrongCredentialsError
from vms.accounts.model import (
    Actor,
    ApiKey,
    AuditEntry,
    AuditRow,
    CredentialKind,
    NewApiKey,
    Principal,
    Role,
    SignedIn,
    Token,
    User,
)
from vms.accounts.passwords import Passwords, check_new
from vms.accounts.rights import covers
from vms.accounts.store import AccountStore, UserOnFile
from vms.accounts.throttle import Throttle
from vms.clock import Clock
from vms.errors import ConflictError, InvalidError, NotFoundError

TOKEN_LIFE = timedelta(hours=24)
"""A sign-in ends after this, whatever happens."""

TOKEN_IDLE_LIMIT = timedelta(hours=2)
"""A sign-in that is not used for so long has ended."""

TOUCH_INTERVAL = timedelta(minutes=1)
"""How exactly the last use is kept."""

FIRST_ADMIN = "admin"
LONGEST_USERNAME = 64
KEY_PREFIX = "gbk"

# No 0 O 1 I L: it is read from a terminal and typed.
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_GROUPS, _CODE_GROUP_LENGTH = 4, 4
_SETUP_ACCOUNT = "\0set-up"


class Accounts:
    """Users with passwords, tokens of sign-ins, API keys. Every change leaves an audit row."""

    def __init__(
        self, store: AccountStore, clock: Clock, passwords: Passwords | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._throttle = Throttle()
        self._setup_code: str | None = None

    async def start(self, admin_password: str | None) -> str | None:
        """Where there is no user yet: make `admin` with the password, else give a set-up code.

        The code counts until the first user is made or the server ends. Raises `InvalidError` for
        a password that everybody knows.
        """
        if await self._store.has_users():
            return None
        if admin_password is None:
            self._setup_code = _new_code()
            return self._setup_code
        await self._add_user(
            FIRST_ADMIN, admin_password, Role.ADMIN, Actor("settings"), as_first=True
        )
        return None

    async def set_up(self, code: str, username: str, password: str, source: str) -> User:
        """Make the first administrator with the one-time code.

        Raises `WrongCredentialsError` (also when there is none to be made), `TooManyAttemptsError`,
        `InvalidError`.
        """
        self._begin_attempt(_SETUP_ACCOUNT, source)
        expected = self._setup_code
        if expected is None or not secrets.compare_digest(_plain(code), _plain(expected)):
            raise WrongCredentialsError("this set-up code does not count")
        actor = Actor(username, source)
        try:
            user = await self._add_user(username, password, Role.ADMIN, actor, as_first=True)
        except ConflictError as error:
            raise WrongCredentialsError("this set-up code does not count") from error
        finally:
            self._throttle.succeeded(_SETUP_ACCOUNT, source)
        self._setup_code = None
        return user

    async def login(self, username: str, password: str, source: str) -> SignedIn:
        """A token for a name and its password.

        Raises `WrongCredentialsError` and `TooManyAttemptsError`, which tell nothing about whether
        there is such a user, neither by what they say nor by the time they take.
        """
        folded = fold(username)
        self._begin_attempt(folded, source)
        on_file = await self._store.user_named(folded) if folded.isprintable() else None
        stored_hash = on_file.password_hash if on_file is not None else None
        is_right = await self._passwords.is_right(stored_hash, password)
        if on_file is None or not is_right or on_file.user.disabled:
            refused = self._entry(Actor(_legible(username), source), "login", outcome="refused")
            await self._store.add_audit(refused)
            raise WrongCredentialsError("the name or the password is wrong")
        self._throttle.succeeded(folded, source)
        if self._passwords.is_outdated(on_file.password_hash):
            new_hash = await self._passwords.hash(password)
            await self._store.replace_hash(on_file.user.user_id, new_hash)
        return await self._sign_in(on_file.user, source)

    async def logout(self, principal: Principal, source: str) -> None:
        """End the sign-in; an API key is not ended by this."""
        if principal.kind is CredentialKind.TOKEN:
            await self._store.delete_token(
                principal.credential_id, self._entry(Actor(principal.name, source), "logout")
            )

    async def authenticate(self, credential: str) -> Principal | None:
        """Whose access token or API key it is; None when it does not count, or no longer."""
        if credential.startswith(f"{KEY_PREFIX}_"):
            return await self._key_holder(credential)
        on_file = await self._store.token(_sha256(credential))
        now = self._clock.wall()
        if on_file is None or on_file.user.disabled:
            return None
        token, user = on_file.token, on_file.user
        if now >= min(token.expires_at, token.last_used_at + TOKEN_IDLE_LIMIT):
            return None
        if now - token.last_used_at >= TOUCH_INTERVAL:
            await self._store.touch_token(token.token_id, now)
        return Principal(
            user.user_id, user.username, user.role, CredentialKind.TOKEN, token.token_id
        )

    async def users(self) -> Sequence[User]:
        """All, by name."""
        return await self._store.users()

    async def user(self, username: str) -> User:
        """By name; raises `NotFoundError`."""
        on_file = await self._store.user_named(fold(username))
        if on_file is None:
            raise NotFoundError(f"there is no user {username}")
        return on_file.user

    async def add_user(self, username: str, password: str, role: Role, by: Actor) -> User:
        """Raises `ConflictError` for a name that is taken, `InvalidError` for a bad password."""
        return await self._add_user(username, password, role, by, as_first=False)

    async def set_password(self, username: str, password: str, by: Actor) -> None:
        """Also ends every sign-in of the user. Raises `NotFoundError`, `InvalidError`."""
        user = await self.user(username)
        check_new(password, user.username)
        await self._store.set_password(
            user.user_id,
            await self._passwords.hash(password),
            self._entry(by, "set password", user.username),
        )

    async def change_user(
        self, username: str, by: Actor, *, role: Role | None = None, disabled: bool | None = None
    ) -> User:
        """Another role, on or off; counts at once, in running sign-ins too.

        Raises `NotFoundError`, and `ConflictError` when no administrator would be left.
        """
        user = await self.user(username)
        changed = replace(
            user,
            role=user.role if role is None else role,
            disabled=user.disabled if disabled is None else disabled,
        )
        detail = {"role": changed.role.value, "disabled": str(changed.disabled).lower()}
        await self._store.set_role(
            user.user_id,
            changed.role,
            disabled=changed.disabled,
            audit=self._entry(by, "change user", user.username, detail=detail),
        )
        return changed

    async def keys(self) -> Sequence[ApiKey]:
        """All, revoked ones included, oldest first."""
        return await self._store.keys()

    async def add_key(
        self,
        name: str,
        owner: User,
        role: Role,
        by: Actor,
        expires_at: datetime | None = None,
    ) -> NewApiKey:
        """A key in the name of `owner`: it counts while the owner may do all that `role` may.

        Raises `InvalidError` for a role beyond the owner's, or a past expiry.
        """
        now = self._clock.wall()
        if not covers(owner.role, role):
            raise InvalidError(f"{owner.username} is {owner.role} and cannot lend {role}")
        if expires_at is not None and expires_at <= now:
            raise InvalidError(f"the key would have expired at {expires_at.isoformat()}")
        secret = secrets.token_urlsafe(32)
        key = ApiKey(secrets.token_hex(8), name, owner.user_id, role, now, expires_at)
        await self._store.add_key(
            key,
            _sha256(secret),
            self._entry(by, "add key", key.key_id, detail={"name": name, "role": role.value}),
        )
        return NewApiKey(key, f"{KEY_PREFIX}_{key.key_id}_{secret}")

    async def revoke_key(self, key_id: str, by: Actor) -> None:
        """For good; raises `NotFoundError`."""
        await self._store.revoke_key(
            key_id, self._clock.wall(), self._entry(by, "revoke key", key_id)
        )

    async def record(
        self,
        by: Actor,
        action: str,
        subject: str = "",
        *,
        outcome: str = "done",
        detail: Mapping[str, str] | None = None,
    ) -> None:
        """An audit row for what is done elsewhere: write it before the deed, and fail with it."""
        await self._store.add_audit(self._entry(by, action, subject, outcome, detail))

    async def audit(self, before_key: int | None, limit: int) -> Sequence[AuditRow]:
        """Newest first."""
        return await self._store.audit(before_key, limit)

    async def _add_user(
        self, username: str, password: str, role: Role, by: Actor, *, as_first: bool
    ) -> User:
        username = _checked_username(username)
        check_new(password, username)
        user = User(secrets.token_hex(8), username, role, disabled=False, created_at=self._now())
        entry = self._entry(by, "add user", username, detail={"role": role.value})
        on_file = UserOnFile(user, await self._passwords.hash(password))
        await self._store.add_user(on_file, fold(username), entry, as_first=as_first)
        return user

    async def _sign_in(self, user: User, source: str) -> SignedIn:
        now = self._now()
        text = secrets.token_urlsafe(32)
        token = Token(secrets.token_hex(8), user.user_id, now, now, now + TOKEN_LIFE)
        entry = self._entry(Actor(user.username, source), "login")
        await self._store.add_token(token, _sha256(text), entry)
        return SignedIn(user, text, int(TOKEN_LIFE.total_seconds()))

    async def _key_holder(self, credential: str) -> Principal | None:
        _, _, rest = credential.partition("_")
        key_id, _, secret = rest.partition("_")
        on_file = await self._store.key(key_id) if key_id.isalnum() else None
        if on_file is None or not secrets.compare_digest(_sha256(secret), on_file.sha256):
            return None
        key, owner, now = on_file.key, on_file.user, self._now()
        is_over = key.revoked_at is not None or (
            key.expires_at is not None and now >= key.expires_at
        )
        if is_over or owner.disabled or not covers(owner.role, key.role):
            return None
        if key.last_used_at is None or now - key.last_used_at >= TOUCH_INTERVAL:
            await self._store.touch_key(key_id, now)
        return Principal(owner.user_id, owner.username, key.role, CredentialKind.API_KEY, key_id)

    def _begin_attempt(self, account: str, source: str) -> None:
        wait_s = self._throttle.begin(account, source, self._clock.monotonic())
        if wait_s > 0:
            raise TooManyAttemptsError(wait_s)

    def _entry(
        self,
        by: Actor,
        action: str,
        subject: str = "",
        outcome: str = "done",
        detail: Mapping[str, str] | None = None,
    ) -> AuditEntry:
        return AuditEntry(self._now(), by.name, by.source, action, subject, outcome, detail or {})

    def _now(self) -> datetime:
        return self._clock.wall()


def fold(username: str) -> str:
    """What names are compared by: width, case and spaces around do not count."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def _checked_username(username: str) -> str:
    username = username.strip()
    if not 1 <= len(username) <= LONGEST_USERNAME or not username.isprintable():
        raise InvalidError(f"a user name has 1 to {LONGEST_USERNAME} printable characters")
    return username


def _legible(text: str) -> str:
    """What somebody typed, fit for a row of text."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:LONGEST_USERNAME])


def _sha256(text: str) -> bytes:
    """Fast is enough: what is hashed has 256 random bits."""
    return hashlib.sha256(text.encode(errors="replace")).digest()


def _new_code() -> str:
    groups = (
        "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_GROUP_LENGTH))
        for _ in range(_CODE_GROUPS)
    )
    return "-".join(groups)


def _plain(code: str) -> bytes:
    return code.replace("-", "").replace(" ", "").upper().encode(errors="replace")
