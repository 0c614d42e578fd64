"""The `?token=` of media URLs: opaque, short-lived, bound to user, channel, stream and form.

A token stands for the credential it was made with, which is judged again when the token is used:
whoever signed out or lost a role loses its tokens with it.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from media.seal import Seal

OPEN_LIMIT_S = 60.0
"""How long a media URL can be opened."""

LEAVE_LIMIT_S = 86_400.0
"""How long the location of a viewer can be ended without signing in again."""

TOKENS_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: `protocol` (a form of output, or `leave` for a viewer) on `resource`.

    `source` is the address of whoever it was lent to.
    """

    credential: str = field(repr=False)
    protocol: str
    resource: tuple[str, ...]
    until: float
    source: str = ""


class MediaTokens:
    """Lends tokens. Bounded: when full, the oldest gives way."""

    def __init__(self, now: Callable[[], float], kept: int = TOKENS_KEPT) -> None:
        self._now = now
        self._kept = kept
        self._seal = Seal()
        self._grants: OrderedDict[str, Grant] = OrderedDict()

    @property
    def seal(self) -> str:
        """The key by which workers know our tokens from forged ones."""
        return self._seal.key

    def lend(
        self,
        credential: str,
        protocol: str,
        resource: tuple[str, ...],
        life_s: float = OPEN_LIMIT_S,
        source: str = "",
    ) -> str:
        """A token for one protocol on one resource."""
        while self._grants and self._is_spent(next(iter(self._grants.values()))):
            self._grants.popitem(last=False)
        if len(self._grants) >= self._kept:
            self._grants.popitem(last=False)
        token = self._seal.token()
        self._grants[token] = Grant(credential, protocol, resource, self._now() + life_s, source)
        return token

    def credential_of(self, token: str, protocol: str, resource: tuple[str, ...]) -> str | None:
        """Whose token it is, None where it is unknown, too old, or for something else."""
        grant = self._grants.get(token)
        if grant is None or self._is_spent(grant):
            return None
        if (grant.protocol, grant.resource) != (protocol, resource):
            return None
        return grant.credential

    def take(self, token: str, protocol: str) -> Grant | None:
        """What it allows, and it is used up; None where it is unknown, too old, or for another."""
        grant = self._grants.get(token)
        if grant is None or grant.protocol != protocol or self._is_spent(grant):
            return None
        del self._grants[token]
        return grant

    def give_back(self, token: str, grant: Grant) -> None:
        """Nothing came of it: it can be used again for the rest of its time."""
        self._grants[token] = grant
        self._grants.move_to_end(token, last=False)

    def _is_spent(self, grant: Grant) -> bool:
        return grant.until <= self._now()
