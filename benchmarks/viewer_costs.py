"""More and more viewers of one stream: what one costs, measured the same way for every output."""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from benchmarks.support import Child, Table, check_equal, measured, resident_bytes

VIEWERS = (1, 20, 50, 100)
JOIN_S = 2.5
"""Late viewers have caught up by then."""

SETTLE_S = 0.5
KIB = 2**10


@dataclass(frozen=True, slots=True)
class Crowd:
    """`join` brings viewer number so-and-so; milliseconds until it has `first`.

    `aim_ms_per_s`: of the CPU that one more viewer takes. `fill_s`: how long what is kept for all
    viewers grows from the first one on.
    """

    server: Child
    generators: Sequence[Child]
    join: Callable[[int], float]
    first: str = "first picture"
    aim_ms_per_s: float | None = None
    fill_s: float = 0.0


def measure(table: Table, crowd: Crowd, options: argparse.Namespace) -> int:
    """A row for each number of viewers, one for each step between; how many came in the end.

    Memory is what is resident in the server's process: what the kernel holds for sockets is not.
    """
    pid = crowd.server.pid
    costs: dict[int, float] = {}
    memory: dict[int, int] = {}
    first_ms: list[float] = []
    for wanted in sorted({0, *options.viewers}):
        first_ms += [crowd.join(number) for number in range(len(first_ms), wanted)]
        time.sleep(JOIN_S + (crowd.fill_s if not any(costs) and wanted else 0))
        with measured([pid], [child.pid for child in crowd.generators]) as span:
            time.sleep(options.seconds)
        costs[wanted], memory[wanted] = span.server_ms_per_s(), resident_bytes(pid)
        each = _between(costs, memory, 0, wanted) + " each" if wanted else ""
        cost = f"{costs[wanted]:.1f} ms/s"
        table.row(f"stream with {wanted} viewers", cost, span.generator_share, each)
    for fewer, more in pairwise(costs):
        figure = _between(costs, memory, fewer, more)
        # The first one pays for what is made once for all.
        has_aim = fewer and crowd.aim_ms_per_s is not None
        aim = f"; aim {crowd.aim_ms_per_s} ms/s" if has_aim else ""
        table.row("one more viewer", figure, "", f"from {fewer} to {more}{aim}")
    figure = f"{median(first_ms):.0f} ms, at most {max(first_ms):.0f} ms"
    table.row(crowd.first, figure, "", f"{len(first_ms)} viewers, one after the other")
    return len(first_ms)


def check_sent(server: Child, got: Sequence[int], viewers: int) -> set[int]:
    """Viewers are all there and nothing was left out; by how much they got more than was sent."""
    figures = server.ask("figures")
    sent = sorted(figures.numbers("sent"))
    check_equal("viewers", (len(got), len(sent)), (viewers, viewers))
    check_equal("pictures dropped", sum(figures.numbers("dropped")), 0)
    return {more - fewer for more, fewer in zip(sorted(got), sent, strict=True)}


def read_options(what: str | None, seconds: float = 8.0) -> argparse.Namespace:
    """The command line of such a benchmark; `what` it says of itself."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--viewers", type=int, nargs="+", default=list(VIEWERS))
    parser.add_argument("--seconds", type=float, default=seconds, help="of each measurement")
    return parser.parse_args()


def _between(costs: dict[int, float], memory: dict[int, int], fewer: int, more: int) -> str:
    count = more - fewer
    cost = (costs[more] - costs[fewer]) / count
    return f"{cost:.2f} ms/s, {(memory[more] - memory[fewer]) / count / KIB:.0f} KiB"
