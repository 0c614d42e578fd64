"""Where people ask for planned absences, of the server that lives just now."""

from datetime import UTC, datetime

from tests.scenarios.month.expected import MONTH_STARTS_S
from tests.scenarios.month.life import Life
from vms.figures.exclusion_model import Exclusion, Reason, Scope
from vms.figures.exclusions import Asked
from vms.figures.model import Window

CLERK, CHIEF = "clerk", "chief"


class Desk:
    """One asks, another decides."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def ask(self, device_id: str, reason: Reason, start_s: int, end_s: int) -> Exclusion:
        """For a device and all its channels, in seconds of the month."""
        window = Window(MONTH_STARTS_S + start_s, MONTH_STARTS_S + end_s)
        asked = Asked(reason, "2026-117", "", window, Scope(device_ids=(device_id,)))
        return await self._life.server.exclusions.request(asked, CLERK)

    async def approve(self, asked: Exclusion) -> None:
        """From now on it counts."""
        exclusions = self._life.server.exclusions
        await exclusions.approve(asked.exclusion_id, CHIEF, "", is_only_admin=False)

    async def refuse(self, asked: Exclusion) -> None:
        """It never will."""
        exclusions = self._life.server.exclusions
        await exclusions.refuse(asked.exclusion_id, CHIEF, "", is_only_admin=False)

    async def withdraw(self, asked: Exclusion) -> None:
        """It counts no more."""
        exclusions = self._life.server.exclusions
        await exclusions.withdraw(asked.exclusion_id, CHIEF, "", may_decide=True)


def moment(at_s: int) -> datetime:
    """A second of the month as a time."""
    return datetime.fromtimestamp(MONTH_STARTS_S + at_s, UTC)
