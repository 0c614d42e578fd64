"""What a simulation tells at its end."""

import json

from vms.simulator.summary import MAX_COMMANDS, Latencies, Summary


def test_percentiles_are_right_within_a_tenth() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 101):
        latencies.note(milliseconds / 1000)

    figures = latencies.figures()

    assert figures["count"] == 100
    for name, wanted in (("p50_ms", 50), ("p95_ms", 95), ("p99_ms", 99), ("max_ms", 100)):
        told = figures[name]
        assert told is not None
        assert wanted <= told <= wanted * 1.1


def test_without_answers_there_are_no_percentiles() -> None:
    assert Latencies().figures() == {
        "count": 0,
        "p50_ms": None,
        "p95_ms": None,
        "p99_ms": None,
        "max_ms": None,
    }


def test_answers_shorter_and_longer_than_the_steps_are_counted() -> None:
    latencies = Latencies()
    latencies.note(0)
    latencies.note(10_000)

    assert latencies.figures()["count"] == 2
    assert latencies.percentile_ms(0.5) == 0.1


def test_commands_are_counted_by_name_while_there_is_room() -> None:
    summary = Summary()
    for number in range(2 * MAX_COMMANDS):
        summary.note_command(f"Odd{number}", summary.commands_received)
    summary.note_command("Odd0", summary.commands_received)

    told = json.loads(summary.as_json())["commands_received"]

    assert len(told) == MAX_COMMANDS
    assert told["Odd0"] == 2
