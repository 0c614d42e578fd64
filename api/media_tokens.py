"""The `?token=` of media URLs: opaque, short-lived, bound to user, channel and protocol.

A token stands for the credential it was made with, which is judged again when the token is used:
whoever signed out or lost a role loses its tokens with it.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

OPEN_LIMIT_S = 60.0
"""How long a media URL can be opened."""

LEAVE_LIMIT_S = 86_400.0
"""How long the location of a viewer can be ended without signing in again."""

TOKENS_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: `protocol` (`whep`, or `leave` for a viewer) on `resource`."""

    credential: str = field(repr=False)
    protocol: str
    resource: tuple[str, ...]
    until: float


class MediaTokens:
    """Lends tokens. Bounded: when full, the oldest gives way."""

    def __init__(self, now: Callable[[], float], kept: int = TOKENS_KEPT) -> None:
        self._now = now
        self._kept = kept
        self._grants: OrderedDict[str, Grant] = OrderedDict()

    def lend(
        self,
        credential: str,
        protocol: str,
        resource: tuple[str, ...],
        life_s: float = OPEN_LIMIT_S,
    ) -> str:
        """A token for one protocol on one resource."""
        while self._grants and self._is_spent(next(iter(self._grants.values()))):
            self._grants.popitem(last=False)
        if len(self._grants) >= self._kept:
            self._grants.popitem(last=False)
        token = secrets.token_urlsafe(32)
        self._grants[token] = Grant(credential, protocol, resource, self._now() + life_s)
        return token

    def credential_of(self, token: str, protocol: str, resource: tuple[str, ...]) -> str | None:
        """Whose token it is, None where it is unknown, too old, or for something else."""
        grant = self._grants.get(token)
        if grant is None or self._is_spent(grant):
            return None
        if (grant.protocol, grant.resource) != (protocol, resource):
            return None
        return grant.credential

    def _is_spent(self, grant: Grant) -> bool:
        return grant.until <= self._now()
