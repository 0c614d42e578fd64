"""A circular as an Excel workbook: IDs as text, rates as numbers, charts that Excel draws."""

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import xlsxwriter

from vms.reports.model import CameraLine, Circular, Day, Figure, Region
from vms.reports.wording import DASH, Wording

if TYPE_CHECKING:
    from xlsxwriter import Format, Worksheet

MOST_WORST = 20

_FIGURE_COLUMNS = (
    "channels",
    "online_rate",
    "coverage",
    "verdict",
    "online_h",
    "proven_h",
    "offline_h",
    "unknown_h",
    "excluded_h",
    "not_commissioned_h",
    "outage_count",
    "mttr_h",
    "mtbf_h",
    "longest_h",
)

_WIDTHS = {
    "name": 30,
    "device_id": 24,
    "channel_id": 24,
    "division": 24,
    "department": 20,
    "from": 18,
    "to": 18,
    "order_number": 24,
    "reason": 14,
}

Cell = str | int | float | None


class Workbook:
    """Writes the sheets one after the other; `bytes_of` is the way in."""

    def __init__(self, circular: Circular, words: Wording, target: io.BytesIO) -> None:
        self._circular = circular
        self._words = words
        # Names come from cameras: never a formula, never a link.
        self._book = xlsxwriter.Workbook(
            target,
            {
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "nan_inf_to_errors": False,
                "constant_memory": True,
            },
        )
        # The same figures give the same file.
        frozen_at = datetime.fromtimestamp(circular.end_s, UTC).replace(tzinfo=None)
        self._book.set_properties(
            {"title": words("title"), "author": circular.issuer, "created": frozen_at}
        )
        self._head = self._format(bold=True, bg_color="#E8EEF7", border=1, text_wrap=True)
        self._text = self._format(num_format="@")
        self._percent = self._format(num_format="0.00%")
        self._points = self._format(num_format="+0.00;-0.00;0.00")
        self._hours = self._format(num_format="#,##0.0")
        self._count = self._format(num_format="#,##0")
        self._title = self._format(bold=True, font_size=16)
        self._by_column: dict[str, Format] = {
            "online_rate": self._percent,
            "previous_rate": self._percent,
            "target": self._percent,
            "coverage": self._percent,
            "change": self._points,
            **dict.fromkeys(
                ("channels", "outage_count", "devices", "rank", "periods_under"), self._count
            ),
        }

    def write(self) -> None:
        """All of it."""
        self._summary()
        self._ranking()
        self._daily()
        self._under()
        self._outages()
        self._exclusions()
        self._worst()
        self._cameras()
        self._notes()
        self._book.close()

    def _format(self, **properties: str | int) -> "Format":
        return self._book.add_format(properties)

    def _summary(self) -> None:
        circular, words = self._circular, self._words
        sheet = self._book.add_worksheet(words("summary"))
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 72)
        sheet.write_string(0, 0, words("title"), self._title)
        total, previous = circular.total, circular.previous
        verdict = circular.verdict(total)
        rows: list[tuple[str, Cell, Format]] = [
            (words("issuer"), circular.issuer, self._text),
            (words("period"), words.period(circular), self._text),
            (words("channels"), total.channels, self._count),
            (words("online_rate"), total.online_rate, self._percent),
            (words("target"), circular.targets.online_rate, self._percent),
            (words("verdict"), words.verdict(verdict), self._text),
            (words("coverage"), total.seconds.coverage, self._percent),
            (
                words("previous_rate"),
                None if previous is None else previous.online_rate,
                self._percent,
            ),
            (words("online_h"), total.seconds.online_s / 3600, self._hours),
            (words("proven_h"), total.seconds.proven_s / 3600, self._hours),
            (words("offline_h"), total.seconds.offline_s / 3600, self._hours),
            (words("unknown_h"), total.seconds.unknown_s / 3600, self._hours),
            (words("excluded_h"), total.seconds.excluded_s / 3600, self._hours),
            (words("not_commissioned_h"), total.seconds.not_commissioned_s / 3600, self._hours),
            (words("own_absence"), circular.own_absence_s / 3600, self._hours),
            (words("outage_count"), total.outages.outages, self._count),
            (words("self_check"), words.self_check(circular), self._text),
            (words("inputs"), circular.proof.inputs_sha256, self._text),
        ]
        for index, (label, value, style) in enumerate(rows, start=2):
            sheet.write_string(index, 0, label, self._head)
            _write(sheet, index, 1, value, style)
        if circular.truncated:
            named = ", ".join(words(name) for name in circular.truncated)
            sheet.write_string(len(rows) + 3, 0, words("truncated") + named)

    def _ranking(self) -> None:
        words, circular = self._words, self._circular
        columns = ("rank", "name", "code", "target", "previous_rate", "change", *_FIGURE_COLUMNS)
        name = words("ranking")
        sheet = self._table(
            name,
            columns,
            (
                [
                    rank if circular.is_ranked(region) else None,
                    region.figure.name,
                    region.figure.key,
                    circular.targets.online_rate,
                    None if region.previous is None else region.previous.online_rate,
                    None if region.change is None else region.change * 100,
                    *self._figure(region.figure),
                ]
                for rank, region in enumerate(circular.ranked, start=1)
            ),
        )
        self._chart(
            sheet,
            name,
            "bar",
            rows=len(circular.regions),
            labels=columns.index("name"),
            values=columns.index("online_rate"),
            target=columns.index("target"),
            at=(len(circular.regions) + 2, 1),
        )

    def _daily(self) -> None:
        words, circular = self._words, self._circular
        columns = ("date", "target", *_FIGURE_COLUMNS)
        name = words("daily")

        def row(day: Day) -> list[Cell]:
            target = circular.targets.online_rate
            return [words.day(day.start_s), target, *self._figure(day.figure)]

        sheet = self._table(name, columns, map(row, circular.days))
        self._chart(
            sheet,
            name,
            "line",
            rows=len(circular.days),
            labels=columns.index("date"),
            values=columns.index("online_rate"),
            target=columns.index("target"),
            at=(len(circular.days) + 2, 1),
        )

    def _under(self) -> None:
        circular = self._circular

        def row(region: Region) -> list[Cell]:
            figure = region.figure
            return [figure.name, figure.key, region.periods_under, *self._figure(figure)]

        columns = ("name", "code", "periods_under", *_FIGURE_COLUMNS)
        self._table(self._words("under"), columns, map(row, circular.under_the_line))

    def _outages(self) -> None:
        words = self._words
        self._table(
            words("outages"),
            ("from", "to", "cause", "scope", "devices", "channels"),
            (
                [
                    words.moment(outage.started_s),
                    words("lasts") if outage.ended_s is None else words.moment(outage.ended_s),
                    outage.sentence_zh if words.language == "zh" else outage.sentence_en,
                    outage.scope,
                    outage.devices,
                    outage.channels,
                ]
                for outage in self._circular.outages
            ),
            widths={"cause": 60, "scope": 28},
        )

    def _exclusions(self) -> None:
        words = self._words
        self._table(
            words("exclusions"),
            (
                "order_number",
                "reason",
                "from",
                "to",
                "channels",
                "excluded_h",
                "requested_by",
                "approved_by",
            ),
            (
                [
                    each.order_number,
                    words.reason(each.reason),
                    words.moment(each.start_s),
                    words.moment(each.end_s),
                    each.channels,
                    each.excluded_s / 3600,
                    each.requested_by,
                    each.approved_by,
                ]
                for each in self._circular.exclusions
            ),
        )

    def _worst(self) -> None:
        self._camera_table("worst", self._circular.worst(MOST_WORST))

    def _cameras(self) -> None:
        self._camera_table("cameras", self._circular.cameras)

    def _camera_table(self, name: str, cameras: Sequence[CameraLine]) -> None:
        def row(camera: CameraLine) -> list[Cell]:
            ids = [camera.device_id, camera.channel_id, camera.figure.name]
            return [*ids, camera.division, camera.department, *self._figure(camera.figure)]

        columns = ("device_id", "channel_id", "name", "division", "department", *_FIGURE_COLUMNS)
        self._table(self._words(name), columns, map(row, cameras))

    def _notes(self) -> None:
        sheet = self._book.add_worksheet(self._words("notes"))
        sheet.set_column(0, 0, 110)
        for index, note in enumerate(self._words.notes(self._circular)):
            sheet.write_string(index, 0, note)

    def _figure(self, figure: Figure) -> list[Cell]:
        """In the order of `_FIGURE_COLUMNS`."""
        return [
            figure.channels,
            figure.online_rate,
            figure.seconds.coverage,
            self._words.verdict(self._circular.verdict(figure)),
            figure.seconds.online_s / 3600,
            figure.seconds.proven_s / 3600,
            figure.seconds.offline_s / 3600,
            figure.seconds.unknown_s / 3600,
            figure.seconds.excluded_s / 3600,
            figure.seconds.not_commissioned_s / 3600,
            figure.outages.outages,
            None if figure.mttr_s is None else figure.mttr_s / 3600,
            None if figure.mtbf_s is None else figure.mtbf_s / 3600,
            figure.outages.longest_s / 3600,
        ]

    def _table(
        self,
        name: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        widths: Mapping[str, int] | None = None,
    ) -> "Worksheet":
        """A sheet with a frozen head and filters; where there are no rows it says so."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for index, column in enumerate(columns):
            sheet.set_column(index, index, {**_WIDTHS, **(widths or {})}.get(column, 13))
            sheet.write_string(0, index, self._words(column), self._head)
        styles = [self._by_column.get(column, self._hours) for column in columns]
        count = 0
        for count, row in enumerate(rows, start=1):
            for index, value in enumerate(row):
                _write(sheet, count, index, value, styles[index], self._text)
        if count:
            sheet.autofilter(0, 0, count, len(columns) - 1)
        else:
            sheet.write_string(1, 0, self._words("nothing"))
        return sheet

    def _chart(
        self,
        sheet: "Worksheet",
        name: str,
        kind: str,
        *,
        rows: int,
        labels: int,
        values: int,
        target: int,
        at: tuple[int, int],
    ) -> None:
        """The rates in column `values` beside the line that they are held against."""
        if not rows:
            return
        chart = self._book.add_chart({"type": kind})
        for column, colour in ((values, "#2F6FDE"), (target, "#C0392B")):
            chart.add_series(
                {
                    "name": [name, 0, column],
                    "categories": [name, 1, labels, rows, labels],
                    "values": [name, 1, column, rows, column],
                    "line": {"color": colour},
                    "fill": {"color": colour},
                }
            )
        rate_axis: dict[str, str | int] = {"num_format": "0%", "max": 1}
        chart.set_title({"name": self._words("online_rate")})
        if kind == "bar":
            chart.set_x_axis(rate_axis)
            chart.set_y_axis({"reverse": True})
        else:
            chart.set_y_axis(rate_axis)
        chart.set_size(
            {"width": 960, "height": 320 if kind == "line" else 200 + 24 * min(rows, 60)}
        )
        sheet.insert_chart(*at, chart)


def _write(
    sheet: "Worksheet",
    row: int,
    column: int,
    value: Cell,
    style: "Format",
    text_style: "Format | None" = None,
) -> None:
    if value is None:
        sheet.write_string(row, column, DASH)
    elif isinstance(value, str):
        sheet.write_string(row, column, value, text_style or style)
    else:
        sheet.write_number(row, column, value, style)


def bytes_of(circular: Circular, words: Wording) -> bytes:
    """The whole file. Takes seconds for tens of thousands of cameras: call it in a thread."""
    target = io.BytesIO()
    Workbook(circular, words, target).write()
    return target.getvalue()
