"""Reads the owners' plain numbers at scrape time and gives them their names."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from media.farm import WorkerStatus
from sip.net.stats import EndpointStats
from vms.events import EventBus
from vms.figures.model import DivisionNow
from vms.inventory.inventory import Inventory
from vms.metrics import counters
from vms.metrics.counters import Kind, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of a counter or gauge, with the values of its labels in order."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """One histogram: how many fell into each bucket (the last one is unbounded), and their sum."""

    metric: Metric
    counts: Sequence[int]
    total: float
    labels: tuple[str, ...] = ()


Source = Callable[[], Iterable[Sample | Distribution]]
"""Asked at every scrape; never blocks."""


class VmsCollector(Collector):
    """A Prometheus collector over snapshots."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._sources = list(sources)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def add(self, source: Source) -> None:
        """One more owner."""
        self._sources.append(source)

    def describe(self) -> Iterable[Family]:
        """Nothing in advance: registering must not ask the owners, some are not up yet."""
        return ()

    def collect(self) -> Iterator[Family]:
        """All families in the order of `counters`, those without a number left out."""
        taken: defaultdict[str, list[Sample | Distribution]] = defaultdict(list)
        for source in self._sources:
            for item in source():
                taken[item.metric.name].append(item)
        for metric in counters.ALL:
            if metric.name in taken:
                yield _family(metric, taken[metric.name])

    def exposition(self) -> bytes:
        """The body of `/metrics`."""
        return generate_latest(self._registry)


def _family(metric: Metric, items: Iterable[Sample | Distribution]) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for item in items:
            if isinstance(item, Distribution):
                histogram.add_metric(item.labels, _buckets(item), item.total)
        return histogram
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for item in items:
        if isinstance(item, Sample):
            family.add_metric(item.labels, item.value)
    return family


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    bounds = [*(str(bound) for bound in distribution.metric.buckets), "+Inf"]
    reached = 0
    cumulative: list[tuple[str, float]] = []
    for bound, count in zip(bounds, distribution.counts, strict=True):
        reached += count
        cumulative.append((bound, reached))
    return cumulative


class RunningSession(Protocol):
    """What is read of a session."""

    @property
    def state(self) -> str: ...
    @property
    def viewers(self) -> Sized: ...


class SessionOwner(Protocol):
    """What is read of `vms.sessions.broker.SessionBroker`."""

    @property
    def invites(self) -> int: ...
    @property
    def failures(self) -> Mapping[str, int]: ...
    def sessions(self) -> Sequence[RunningSession]: ...


def build_source(version: str) -> Source:
    """Which version this is."""
    return lambda: (Sample(counters.BUILD_INFO, 1, (version,)),)


def session_source(owner: SessionOwner) -> Source:
    """The figures of the sessions."""

    def read() -> Iterator[Sample]:
        by_state: defaultdict[str, int] = defaultdict(int)
        viewers = 0
        for session in owner.sessions():
            by_state[str(session.state)] += 1
            viewers += len(session.viewers)
        for state, number in by_state.items():
            yield Sample(counters.SESSIONS, number, (state,))
        yield Sample(counters.VIEWERS, viewers)
        yield Sample(counters.INVITES, owner.invites)
        for cause, number in owner.failures.items():
            yield Sample(counters.SESSION_FAILURES, number, (cause,))

    return read


def media_source(workers_now: Callable[[], Iterable[WorkerStatus]]) -> Source:
    """The figures of the media plane's processes, as each told at its last ping."""

    def read() -> Iterator[Sample]:
        workers = list(workers_now())
        yield Sample(counters.MEDIA_WORKERS_UP, sum(each.is_up for each in workers))
        for each in workers:
            label = (str(each.worker),)
            yield Sample(counters.MEDIA_WORKER_RESTARTS, each.restarts, label)
            yield Sample(counters.MEDIA_STREAMS, each.streams, label)
            yield Sample(counters.MEDIA_VIEWERS, each.viewers, label)
            if each.load is not None:
                yield Sample(counters.MEDIA_TRANSCODERS, each.load.transcoders, label)
                yield Sample(counters.MEDIA_CPU_SECONDS, each.load.cpu_s, label)
                yield Sample(counters.MEDIA_MEMORY, each.load.memory_bytes, label)
                yield Sample(counters.MEDIA_REFUSED_TOKENS, each.load.refused_tokens, label)

    return read


def inventory_source(inventory: Inventory, events: EventBus) -> Source:
    """What is on file and how it stands."""

    def read() -> Iterator[Sample]:
        summary, figures = inventory.summary(), inventory.figures
        for state, number in summary.devices.items():
            yield Sample(counters.DEVICES, number, (state.value,))
        for state, number in summary.channels.items():
            yield Sample(counters.CHANNELS, number, (state.value,))
        yield Sample(counters.WAITING, summary.waiting)
        yield Sample(counters.KEEPALIVES, figures.keepalives)
        yield Sample(counters.REFUSED_SIGNS, figures.unknown_devices, ("unknown_device",))
        yield Sample(counters.REFUSED_SIGNS, figures.foreign_addresses, ("foreign_address",))
        yield Sample(counters.FAILED_WRITES, figures.failed_writes)
        yield Sample(counters.DROPPED_OBSERVATIONS, figures.dropped_observations)
        yield Sample(counters.STALLS, figures.stalls)
        yield Sample(counters.CLOCK_STEPS, figures.clock_steps)
        yield Sample(counters.EVENTS, events.last_number)

    return read


def outage_source(
    open_now: Callable[[], Mapping[str, int]], begun: Callable[[], Mapping[str, int]]
) -> Source:
    """Outages by cause: those of which somebody is away, and all since the start."""

    def read() -> Iterator[Sample]:
        for cause, number in open_now().items():
            yield Sample(counters.OUTAGES_OPEN, number, (cause,))
        for cause, number in begun().items():
            yield Sample(counters.OUTAGES, number, (cause,))

    return read


@dataclass(frozen=True, slots=True)
class SignallingFigures:
    """What the signalling counted: REGISTERs by result, refusals by cause, subscriptions by state,
    the rest as the metrics' help says."""

    registers: Mapping[str, int]
    registers_waiting: int
    registers_given_up: Mapping[str, int]
    overloads: int
    refused: Mapping[str, int]
    subscriptions: Mapping[str, int]
    notifies: int
    notices_stored: int
    notices_waiting: int
    unconfirmed_stops: int


def signalling_source(figures_now: Callable[[], SignallingFigures]) -> Source:
    """The figures of registrations, notifications and movements."""

    def read() -> Iterator[Sample]:
        figures = figures_now()
        for result, number in figures.registers.items():
            yield Sample(counters.REGISTERS, number, (result,))
        yield Sample(counters.REGISTERS_WAITING, figures.registers_waiting)
        for credentials, number in figures.registers_given_up.items():
            yield Sample(counters.REGISTERS_GIVEN_UP, number, (credentials,))
        yield Sample(counters.OVERLOADS, figures.overloads)
        for cause, number in figures.refused.items():
            yield Sample(counters.REFUSED_MESSAGES, number, (cause,))
        for state, number in figures.subscriptions.items():
            yield Sample(counters.SUBSCRIPTIONS, number, (state,))
        yield Sample(counters.NOTIFIES, figures.notifies)
        yield Sample(counters.NOTICES_STORED, figures.notices_stored)
        yield Sample(counters.NOTICES_WAITING, figures.notices_waiting)
        yield Sample(counters.UNCONFIRMED_STOPS, figures.unconfirmed_stops)

    return read


class DivisionFigures(Protocol):
    """What is read of `vms.figures.service.Figures`."""

    def rates_now(self) -> Sequence[DivisionNow]: ...


def figure_source(figures: DivisionFigures, breaches_now: Callable[[], Sized]) -> Source:
    """The instant rates of the top divisions, and whether the figures add up."""

    def read() -> Iterator[Sample]:
        for each in figures.rates_now():
            yield Sample(counters.DIVISION_CHANNELS, each.online, (each.code, "online"))
            offline = each.channels - each.online
            yield Sample(counters.DIVISION_CHANNELS, offline, (each.code, "not_online"))
            if each.online_rate is not None:
                yield Sample(counters.ONLINE_RATIO, each.online_rate, (each.code,))
        yield Sample(counters.SELF_CHECK_BREACHES, len(breaches_now()))

    return read


def sip_source(stats_now: Callable[[], EndpointStats]) -> Source:
    """The figures of the SIP endpoint; `stats_now` is asked at every scrape."""

    def read() -> Iterator[Sample]:
        stats = stats_now()
        yield Sample(counters.SIP_MESSAGES, stats.received)
        yield Sample(counters.SIP_SENT, stats.sent)
        yield Sample(counters.SIP_PINGS, stats.pings)
        yield Sample(counters.SIP_REPEATS, stats.repeats_absorbed)
        yield Sample(counters.SIP_OVERFLOWS, stats.overflows)
        yield Sample(counters.SIP_TRANSACTIONS, stats.transactions)
        yield Sample(counters.SIP_SEND_ERRORS, stats.send_errors)
        for reason, number in stats.parse_errors.items():
            yield Sample(counters.SIP_PARSE_ERRORS, number, (reason,))
        yield Sample(counters.SIP_RETRANSMISSIONS, stats.retransmissions)
        yield Sample(counters.SIP_STRANGERS_IGNORED, stats.strangers_ignored)
        yield Sample(counters.SIP_STRANGERS_IGNORED_BYTES, stats.strangers_ignored_bytes)
        yield Sample(counters.SIP_STRANGERS_ANSWERED, stats.strangers_answered)
        yield Sample(counters.SIP_STRANGERS_ANSWERED_BYTES, stats.strangers_answered_bytes)
        yield Sample(counters.SIP_STRANGERS_UNANSWERED, stats.strangers_unanswered)
        yield Sample(counters.SIP_STRANGERS_UNANSWERED_BYTES, stats.strangers_unanswered_bytes)
        yield Sample(counters.SIP_BANS, stats.bans)
        yield Sample(counters.SIP_BANS_IMPOSED, stats.bans_imposed)
        yield Sample(counters.SIP_BANNED_DROPPED, stats.banned_dropped)
        yield Sample(counters.SIP_BANNED_DROPPED_BYTES, stats.banned_dropped_bytes)
        yield Sample(counters.SIP_CONNECTIONS_BARRED, stats.connections_barred)
        for cause, number in stats.connections_closed.items():
            yield Sample(counters.SIP_CONNECTIONS_CLOSED, number, (cause,))
        yield Sample(counters.SIP_SUBSCRIPTIONS, stats.subscriptions)
        yield Sample(counters.SIP_CONNECTIONS, stats.connections)
        yield Sample(counters.SIP_SOCKET_DROPS, stats.socket_drops)
        yield Sample(counters.SIP_RECEIVE_BUFFER, stats.granted_receive_buffer_bytes)

    return read
