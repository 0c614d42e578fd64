"""The dashboard asks for metrics and labels that there are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from vms.metrics import counters
from vms.metrics.counters import Kind

DASHBOARDS = sorted((Path(__file__).parents[3] / "deploy" / "grafana").glob("*.json"))


def expressions(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in cast("dict[str, Any]", node).items():
            if key == "expr":
                yield str(value)
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from expressions(value)


def exposed() -> dict[str, frozenset[str]]:
    """The names as Prometheus scrapes them, with their labels."""
    names: dict[str, frozenset[str]] = {}
    for metric in counters.ALL:
        labels = frozenset(metric.labels)
        match metric.kind:
            case Kind.COUNTER:
                names[f"{metric.name}_total"] = labels
            case Kind.GAUGE:
                names[metric.name] = labels
            case Kind.HISTOGRAM:
                names[f"{metric.name}_bucket"] = labels | {"le"}
                names[f"{metric.name}_sum"] = names[f"{metric.name}_count"] = labels
    return names


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_every_metric_of_the_dashboard_exists_and_has_the_labels_it_names(path: Path) -> None:
    known = exposed()

    asked = list(expressions(json.loads(path.read_text(encoding="utf-8"))))

    assert asked
    for expression in asked:
        names = re.findall(r"\bvms_\w+", expression)
        assert names, expression
        assert set(names) <= set(known), expression
        labels = frozenset[str]().union(*(known[name] for name in names))
        grouped = re.findall(r"by \(([^)]*)\)", expression)
        matched = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
        wanted = {word.strip() for group in grouped for word in group.split(",")} | set(matched)
        assert wanted <= labels, expression
