"""The `?token=` of media URLs: opaque, short-lived, bound to user, channel, stream and form.

A token stands for the credential it was made with, which is judged again when the token is used:
whoever signed out or lost a role loses its tokens with it.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from media.seal import Seal

OPEN_LIMIT_S = 60.0
"""How long a media URL can be opened."""

LEAVE_LIMIT_S = 86_400.0
"""How long the location of a viewer can be ended without signing in again."""

TOKENS_KEPT = 100_000
TOKENS_PER_USER = 10_000
"""A wall of a hundred tiles takes seven each time it is opened."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: `protocol` (a form of output, or `leave` for a viewer) on `resource`.

    `source` is the address of whoever it was lent to, `user_id` says whose share it takes.
    """

    credential: str = field(repr=False)
    protocol: str
    resource: tuple[str, ...]
    until: float
    source: str = ""
    user_id: str = ""


class MediaTokens:
    """Lends tokens. Bounded, for each user and in all.

    Who has too many loses their own oldest. When all are too many, whoever has most does: nobody
    can take the place of others by asking often.
    """

    def __init__(
        self,
        now: Callable[[], float],
        kept: int = TOKENS_KEPT,
        kept_per_user: int = TOKENS_PER_USER,
    ) -> None:
        self._now = now
        self._kept = kept
        self._kept_per_user = kept_per_user
        self._seal = Seal()
        self._grants: dict[str, Grant] = {}
        self._of_life: defaultdict[float, OrderedDict[str, None]] = defaultdict(OrderedDict)
        self._of_user: defaultdict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)

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
        user_id: str = "",
    ) -> str:
        """A token for one protocol on one resource."""
        self._drop_spent()
        if len(self._of_user[user_id]) >= self._kept_per_user:
            self._drop_oldest_of(user_id)
        elif len(self._grants) >= self._kept:
            self._drop_oldest_of(max(self._of_user, key=lambda user: len(self._of_user[user])))
        token = self._seal.token()
        until = self._now() + life_s
        self._keep(token, Grant(credential, protocol, resource, until, source, user_id), life_s)
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
        self._drop(token)
        return grant

    def give_back(self, token: str, grant: Grant) -> None:
        """Nothing came of it: it can be used again for the rest of its time."""
        self._keep(token, grant, OPEN_LIMIT_S)
        for tokens in (self._of_life[OPEN_LIMIT_S], self._of_user[grant.user_id]):
            tokens.move_to_end(token, last=False)

    def _keep(self, token: str, grant: Grant, life_s: float) -> None:
        self._grants[token] = grant
        # Of one length of life the oldest ends first.
        self._of_life[life_s][token] = self._of_user[grant.user_id][token] = None

    def _drop(self, token: str) -> None:
        grant = self._grants.pop(token)
        for tokens in self._of_life.values():
            tokens.pop(token, None)
        own = self._of_user[grant.user_id]
        del own[token]
        if not own:
            del self._of_user[grant.user_id]

    def _drop_spent(self) -> None:
        for tokens in self._of_life.values():
            while tokens and self._is_spent(self._grants[oldest := next(iter(tokens))]):
                self._drop(oldest)

    def _drop_oldest_of(self, user_id: str) -> None:
        self._drop(next(iter(self._of_user[user_id])))

    def _is_spent(self, grant: Grant) -> bool:
        return grant.until <= self._now()
