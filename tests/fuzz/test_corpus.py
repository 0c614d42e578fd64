"""Every input the fuzzers begin with, and every one that once broke something, in each run."""

import tracemalloc
from pathlib import Path

import pytest

from tests.fuzz.grammar import search
from tests.fuzz.targets import TARGETS, Target

CASES = 20_000
FLOOR_BYTES = 4 * 2**20
"""What a target may allocate whatever comes: tables, buffers, a demuxer."""

TIMES = 64
"""How many times an input's own size it may allocate beyond that."""

SEEDS = [
    pytest.param(target, path, id=f"{target.name}-{path.stem}")
    for target in TARGETS.values()
    for path in target.seeds()
]


@pytest.mark.parametrize(("target", "path"), SEEDS)
def test_a_known_input_breaks_nothing_and_stays_small(target: Target, path: Path) -> None:
    data = path.read_bytes()
    tracemalloc.start()
    try:
        target.run(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak <= FLOOR_BYTES + TIMES * len(data)


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_every_target_has_something_to_begin_with(target: Target) -> None:
    assert list(target.seeds())


@pytest.mark.timeout(600)
def test_messages_by_the_grammar_of_sip_break_nothing() -> None:
    search(CASES, number=4475)
