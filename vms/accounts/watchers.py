"""Who may watch live pictures, as sessions ask it."""

from vms.accounts.model import Actor
from vms.accounts.rights import Action, may
from vms.accounts.service import Accounts
from vms.sessions.admission import Watcher


class Watchers:
    """The `Credentials` of sessions, over accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def watcher(self, credential: str) -> Watcher | None:
        """Whose credential it is; None where it does not count, or gives no right to watch."""
        principal = await self._accounts.authenticate(credential)
        if principal is None or not may(principal.role, Action.WATCH):
            return None
        return Watcher(principal.user_id, principal.name)

    async def record_watch(
        self, watcher: Watcher, source: str, subject: str, form: str, stream: str
    ) -> None:
        """A row in the audit, before the picture is shown; `subject` is device/channel."""
        await self._accounts.record(
            Actor(watcher.name, source),
            "watch",
            subject,
            detail={"form": form, "stream": stream},
        )
