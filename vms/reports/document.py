"""A circular as a PDF to print and to post: A4, with the Chinese font it needs inside."""

import lzma
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from fpdf import FPDF
from fpdf.fonts import FontFace

from vms.figures.model import Verdict
from vms.reports.model import Circular
from vms.reports.wording import DASH, Wording, hours, percent, points

FONT = "report"
MOST_ROWS = 200
"""Of a table on paper; the workbook holds all."""

MOST_WORST = 20

_NUMBERS = frozenset(
    {
        "channels",
        "online_rate",
        "change",
        "coverage",
        "offline_h",
        "excluded_h",
        "outage_count",
        "periods_under",
    }
)

_BLUE, _RED, _GREY, _PALE = (47, 111, 222), (192, 57, 43), (120, 120, 120), (232, 238, 247)
_LEFT, _WIDTH = 15.0, 180.0
"""Of what is printed on, in mm."""


@cache
def _font() -> bytes:
    packed = files("vms.reports").joinpath("fonts/noto-sans-sc-gbk.ttf.xz").read_bytes()
    return lzma.decompress(packed)


class _Paper(FPDF):
    """Pages with what they rest on at the foot."""

    def __init__(self, words: Wording, foot: str) -> None:
        super().__init__(orientation="P", unit="mm", format="A4")
        self._words = words
        self._foot = foot
        self.set_margins(_LEFT, 15, _LEFT)
        self.set_auto_page_break(True, margin=18)
        self.alias_nb_pages("{pages}")

    def footer(self) -> None:
        """Hash and page."""
        self.set_y(-13)
        self.set_font(FONT, size=7)
        self.set_text_color(*_GREY)
        self.cell(_WIDTH * 0.75, 5, self._foot)
        page = self._words("page", page=self.page_no(), pages="{pages}")
        self.cell(_WIDTH * 0.25, 5, page, align="R")
        self.set_text_color(0, 0, 0)


class Document:
    """Writes the parts one after the other; `bytes_of` is the way in."""

    def __init__(self, circular: Circular, words: Wording) -> None:
        self._circular = circular
        self._words = words
        self._paper = _Paper(words, f"SHA-256 {circular.proof.inputs_sha256}")

    def write(self) -> bytes:
        """All of it."""
        paper, circular, words = self._paper, self._circular, self._words
        with TemporaryDirectory() as folder:
            path = Path(folder) / "font.ttf"
            path.write_bytes(_font())
            paper.add_font(FONT, fname=path)
            # The same figures give the same file.
            paper.set_creation_date(datetime.fromtimestamp(circular.end_s, UTC))
            paper.set_title(words("title"))
            paper.set_author(circular.issuer)
            paper.set_lang("zh-CN" if words.language == "zh" else "en")
            paper.add_page()
            self._head()
            self._summary()
            self._daily()
            self._ranking()
            self._under()
            self._outages()
            self._exclusions()
            self._worst()
            self._notes()
            return bytes(paper.output())

    def _head(self) -> None:
        paper, words = self._paper, self._words
        paper.set_font(FONT, size=20)
        paper.set_text_color(*_RED)
        paper.cell(_WIDTH, 12, words("title"), align="C", new_x="LMARGIN", new_y="NEXT")
        paper.set_text_color(0, 0, 0)
        paper.set_font(FONT, size=10)
        line = f"{words('period')}  {words.period(self._circular)}"
        if self._circular.issuer:
            line = f"{self._circular.issuer}    {line}"
        paper.cell(_WIDTH, 7, line, align="C", new_x="LMARGIN", new_y="NEXT")
        paper.set_draw_color(*_RED)
        paper.set_line_width(0.6)
        paper.line(_LEFT, paper.get_y() + 1, _LEFT + _WIDTH, paper.get_y() + 1)
        paper.set_line_width(0.2)
        paper.ln(4)

    def _summary(self) -> None:
        circular, words = self._circular, self._words
        total = circular.total
        before = None if circular.previous is None else circular.previous.online_rate
        pairs = [
            ("channels", f"{total.channels:,}"),
            ("online_rate", percent(total.online_rate)),
            ("target", percent(circular.targets.online_rate)),
            ("verdict", words.verdict(circular.verdict(total))),
            ("coverage", percent(total.seconds.coverage)),
            ("previous_rate", percent(before)),
            ("offline_h", hours(total.seconds.offline_s)),
            ("unknown_h", hours(total.seconds.unknown_s)),
            ("excluded_h", hours(total.seconds.excluded_s)),
            ("not_commissioned_h", hours(total.seconds.not_commissioned_s)),
            ("own_absence", hours(circular.own_absence_s)),
            ("outage_count", f"{total.outages.outages:,}"),
            ("self_check", words.self_check(circular)),
        ]
        self._section("summary")
        self._table((70, 110), (), [(words(name), value) for name, value in pairs])

    def _daily(self) -> None:
        """A line for the rate of each day, and one for the target."""
        circular, paper = self._circular, self._paper
        rates = [day.figure.online_rate for day in circular.days]
        known = [rate for rate in rates if rate is not None]
        if len(known) < 2:
            return
        self._section("daily")
        height = 42.0
        if paper.will_page_break(height + 10):
            paper.add_page()
        top, target = paper.get_y() + 2, circular.targets.online_rate
        lowest = max(0.0, min(*known, target) - 0.02)

        def y_of(rate: float) -> float:
            return top + height * (1 - (rate - lowest) / (1 - lowest))

        paper.set_font(FONT, size=7)
        paper.set_draw_color(*_GREY)
        paper.rect(_LEFT + 14, top, _WIDTH - 14, height)
        for rate in (1.0, target, lowest):
            paper.text(_LEFT, y_of(rate) + 1, percent(rate))
        paper.set_draw_color(*_RED)
        paper.line(_LEFT + 14, y_of(target), _LEFT + _WIDTH, y_of(target))
        paper.set_draw_color(*_BLUE)
        paper.set_line_width(0.5)
        step = (_WIDTH - 14) / max(1, len(rates) - 1)
        for index, (one, other) in enumerate(pairwise(rates)):
            if one is not None and other is not None:
                x = _LEFT + 14 + index * step
                paper.line(x, y_of(one), x + step, y_of(other))
        paper.set_line_width(0.2)
        paper.set_y(top + height + 1)
        first, last = circular.days[0], circular.days[-1]
        paper.set_x(_LEFT + 14)
        half = (_WIDTH - 14) / 2
        paper.cell(half, 4, self._words.day(first.start_s))
        paper.cell(half, 4, self._words.day(last.start_s), align="R", new_x="LMARGIN", new_y="NEXT")

    def _ranking(self) -> None:
        circular = self._circular
        self._section("ranking")
        self._table(
            (12, 48, 20, 22, 22, 20, 20, 16),
            (
                "rank",
                "name",
                "channels",
                "online_rate",
                "change",
                "coverage",
                "offline_h",
                "verdict",
            ),
            [
                (
                    str(rank) if circular.is_ranked(region) else DASH,
                    region.figure.name,
                    f"{region.figure.channels:,}",
                    percent(region.figure.online_rate),
                    points(region.change),
                    percent(region.figure.seconds.coverage),
                    hours(region.figure.seconds.offline_s),
                    self._words.verdict(circular.verdict(region.figure)),
                )
                for rank, region in enumerate(circular.ranked, start=1)
            ],
            marked={
                index
                for index, region in enumerate(circular.ranked)
                if circular.verdict(region.figure) is Verdict.MISSED
            },
        )

    def _under(self) -> None:
        self._section("under")
        self._table(
            (60, 30, 30, 30, 30),
            ("name", "code", "online_rate", "periods_under", "offline_h"),
            [
                (
                    region.figure.name,
                    region.figure.key,
                    percent(region.figure.online_rate),
                    str(region.periods_under),
                    hours(region.figure.seconds.offline_s),
                )
                for region in self._circular.under_the_line
            ],
        )

    def _outages(self) -> None:
        words = self._words
        self._section("outages")
        self._table(
            (29, 29, 66, 16, 40),
            ("from", "to", "cause", "channels", "scope"),
            [
                (
                    words.moment(outage.started_s),
                    words("lasts") if outage.ended_s is None else words.moment(outage.ended_s),
                    outage.sentence_zh if words.language == "zh" else outage.sentence_en,
                    f"{outage.channels:,}",
                    outage.scope,
                )
                for outage in self._circular.outages
            ],
        )

    def _exclusions(self) -> None:
        words = self._words
        self._section("exclusions")
        self._table(
            (36, 20, 29, 29, 16, 24, 26),
            ("order_number", "reason", "from", "to", "channels", "excluded_h", "approved_by"),
            [
                (
                    each.order_number,
                    words.reason(each.reason),
                    words.moment(each.start_s),
                    words.moment(each.end_s),
                    f"{each.channels:,}",
                    hours(each.excluded_s),
                    each.approved_by,
                )
                for each in self._circular.exclusions
            ],
        )

    def _worst(self) -> None:
        self._section("worst")
        self._table(
            (50, 46, 24, 20, 20, 20),
            ("name", "channel_id", "division", "online_rate", "offline_h", "outage_count"),
            [
                (
                    camera.figure.name,
                    camera.channel_id,
                    camera.division,
                    percent(camera.figure.online_rate),
                    hours(camera.figure.seconds.offline_s),
                    f"{camera.figure.outages.outages:,}",
                )
                for camera in self._circular.worst(MOST_WORST)
            ],
        )

    def _notes(self) -> None:
        self._section("notes")
        self._paper.set_font(FONT, size=8)
        for note in self._words.notes(self._circular):
            self._paper.multi_cell(_WIDTH, 4.5, note, new_x="LMARGIN", new_y="NEXT")

    def _section(self, name: str) -> None:
        paper = self._paper
        if paper.will_page_break(24):
            paper.add_page()
        paper.ln(3)
        paper.set_font(FONT, size=12)
        paper.cell(_WIDTH, 8, self._words(name), new_x="LMARGIN", new_y="NEXT")

    def _table(
        self,
        widths_mm: Sequence[float],
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        marked: Iterable[int] = (),
    ) -> None:
        """Rows under their head, which is repeated on each page; `marked` ones in red."""
        paper, red = self._paper, set(marked)
        paper.set_font(FONT, size=8)
        paper.set_draw_color(*_GREY)
        if not rows:
            paper.cell(_WIDTH, 5, self._words("nothing"), new_x="LMARGIN", new_y="NEXT")
            return
        aligned: list[Literal["LEFT", "RIGHT"]] = [
            "RIGHT" if column in _NUMBERS else "LEFT" for column in columns
        ]
        with paper.table(
            col_widths=tuple(widths_mm),
            text_align=tuple(aligned) or "LEFT",
            headings_style=FontFace(fill_color=_PALE),
            first_row_as_headings=bool(columns),
            line_height=4.6,
            borders_layout="HORIZONTAL_LINES",
            width=_WIDTH,
        ) as table:
            if columns:
                table.row([self._words(column) for column in columns])
            for index, row in enumerate(rows[:MOST_ROWS]):
                table.row(row, style=FontFace(color=_RED) if index in red else None)
        if len(rows) > MOST_ROWS:
            paper.cell(_WIDTH, 5, f"… {len(rows)}", new_x="LMARGIN", new_y="NEXT")


def bytes_of(circular: Circular, words: Wording) -> bytes:
    """The whole file. Takes a second or more: call it in a thread."""
    return Document(circular, words).write()
