"""What the figures say of the month, in the words of `expected`."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.scenarios.month.desk import moment
from tests.scenarios.month.expected import MONTH_S, MONTH_STARTS_S, Sum
from vms.figures.dimensions import Dimension
from vms.figures.model import Every, Method, RateQuery, RateRow
from vms.figures.service import Figures

STARTS, ENDS = moment(0), moment(MONTH_S)
DAY_S = 86_400


def query(
    *group_by: Dimension,
    every: Every = Every.WHOLE,
    method: Method = Method.INTEGRAL,
    filters: Mapping[Dimension, str] | None = None,
) -> RateQuery:
    """Of the whole month."""
    return RateQuery(STARTS, ENDS, filters or {}, group_by, every, method)


def sum_of(row: RateRow, by: int = 1) -> Sum:
    """Its seconds, divided."""
    seconds = row.seconds
    numbers = (
        seconds.proven_s,
        seconds.signalled_s,
        seconds.offline_s,
        seconds.unknown_s,
        seconds.excluded_s,
        seconds.not_commissioned_s,
    )
    assert all(number % by == 0 for number in numbers), row
    return Sum(*(number // by for number in numbers))


async def sums(figures: Figures, *group_by: Dimension) -> dict[tuple[str, ...], Sum]:
    """Rows of the whole month by their keys."""
    rows = await figures.online_rate(query(*group_by))
    return {keys_of(row): sum_of(row) for row in rows}


def keys_of(row: RateRow) -> tuple[str, ...]:
    """One or two."""
    return (row.key,) if row.key2 is None else (row.key, row.key2)


@dataclass(frozen=True)
class Fleet:
    """Which group of `expected` a camera belongs to, by device and channel ID."""

    fates: Mapping[tuple[str, str], str]

    def group_of(self, device_id: str) -> str:
        """Of a device whose cameras share one."""
        [group] = {group for (own, _), group in self.fates.items() if own == device_id}
        return group

    def camera_of(self, group: str) -> tuple[str, str]:
        """Any of it: device and channel ID."""
        return next(camera for camera, own in self.fates.items() if own == group)

    async def rows(
        self, figures: Figures, second: Dimension, every: Every, method: Method
    ) -> list[tuple[str, RateRow]]:
        """Rows of one device each, or of one camera where its device's cameras differ, with their
        group."""
        group_of_device: dict[str, str] = {}
        mixed: set[str] = set()
        for (device_id, _), group in self.fates.items():
            if group_of_device.setdefault(device_id, group) != group:
                mixed.add(device_id)
        asked = query(Dimension.DEVICE, second, every=every, method=method)
        found = [
            (group_of_device[row.key], row)
            for row in await figures.online_rate(asked)
            if row.key not in mixed
        ]
        for device_id in mixed:
            asked = query(
                Dimension.CHANNEL,
                second,
                every=every,
                method=method,
                filters={Dimension.DEVICE: device_id},
            )
            for row in await figures.online_rate(asked):
                one, _, camera = row.key.partition("/")
                found.append((self.fates[one, camera], row))
        return found

    async def by_day(
        self, figures: Figures, method: Method = Method.INTEGRAL
    ) -> dict[tuple[str, str], dict[int, Sum]]:
        """One camera's days, by group and division; all cameras of a group have the same.

        By samples their number, else seconds.
        """
        unit_s = 3_600 if method is Method.SAMPLED else 1
        found: dict[tuple[str, str], dict[int, Sum]] = {}
        for group, row in await self.rows(figures, Dimension.DIVISION, Every.DAY, method):
            day = 1 + (row.window.start_s - MONTH_STARTS_S) // DAY_S
            own = sum_of(row, row.channels * unit_s)
            known = found.setdefault((group, row.key2 or ""), {}).setdefault(day, own)
            assert known == own, (group, day)
        return found

    async def outages(self, figures: Figures) -> dict[str, tuple[int, int]]:
        """Of one camera, by group: how many, and the seconds of the longest."""
        found: dict[str, tuple[int, int]] = {}
        for group, row in await self.rows(figures, Dimension.ALL, Every.WHOLE, Method.INTEGRAL):
            outages = row.outage_figures
            assert outages is not None
            assert outages.outages % row.channels == 0, row
            own = outages.outages // row.channels, outages.longest_s
            assert found.setdefault(group, own) == own, group
        return found
