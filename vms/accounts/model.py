"""Who may sign in, and with what. Everything is frozen; passwords and tokens are never in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here; `vms.accounts.rights` tells what each may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class User:
    """A person with a password. Users are disabled, never deleted: the audit names them."""

    user_id: str
    username: str
    role: Role
    disabled: bool
    created_at: datetime


class CredentialKind(StrEnum):
    """What a request was authenticated with."""

    TOKEN = "token"  # noqa: S105  the kind, not one
    API_KEY = "api_key"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, by a token of a sign-in or by an API key, whose role then counts."""

    user_id: str
    username: str
    role: Role
    kind: CredentialKind
    credential_id: str

    @property
    def name(self) -> str:
        """As the audit names them."""
        if self.kind is CredentialKind.API_KEY:
            return f"{self.username} (key {self.credential_id})"
        return self.username


@dataclass(frozen=True, slots=True)
class Token:
    """A sign-in on file; its text is not, only the text's SHA-256."""

    token_id: str
    user_id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in gives: the text of the token is shown this once."""

    user: User
    access_token: str = field(repr=False)
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key for a program, on file; its secret is not, only the secret's SHA-256."""

    key_id: str
    name: str
    user_id: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made: its text is shown this once."""

    key: ApiKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from which address, for the audit; empty for the command line."""

    name: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, and how it ended."""

    at: datetime
    actor: str
    source: str
    action: str
    subject: str = ""
    outcome: str = "done"
    detail: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry as stored; later rows have higher keys."""

    audit_key: int
    entry: AuditEntry
