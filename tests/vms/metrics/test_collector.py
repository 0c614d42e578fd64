"""What owners count comes out under the names of `counters`, and only those."""

import re
from dataclasses import dataclass, field

from media.farm import WorkerStatus
from media.wire import Load
from sip.net.stats import EndpointStats
from tests.vms.inventory.site import GATE, HOST, YARD, Site, camera
from vms.metrics import counters
from vms.metrics.collector import (
    Distribution,
    Sample,
    VmsCollector,
    build_source,
    inventory_source,
    media_source,
    session_source,
    sip_source,
)
from vms.metrics.counters import Kind, Metric


def test_every_metric_has_a_name_of_ours_and_a_help_text() -> None:
    names = [metric.name for metric in counters.ALL]

    assert len(names) == len(set(names)) > 10
    for metric in counters.ALL:
        assert re.fullmatch(r"vms_[a-z]+(_[a-z]+)*", metric.name)
        assert metric.help[0].isupper()
        assert not metric.name.endswith("_total")
        assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)


def test_no_metric_is_labelled_by_a_device_a_channel_or_a_person() -> None:
    labels = {label for metric in counters.ALL for label in metric.labels}

    assert labels & {"device", "device_id", "channel", "channel_id", "user", "session_id"} == set()


def test_counters_gauges_and_histograms_are_exposed_as_prometheus_reads_them() -> None:
    seconds = counters.HTTP_REQUEST_SECONDS
    in_first, in_last = [0] * 12, [0] * 12
    in_first[0], in_last[11] = 3, 1
    collector = VmsCollector(
        [
            lambda: [
                Sample(counters.EVENTS, 7),
                Sample(counters.DEVICES, 2, ("online",)),
                Sample(counters.DEVICES, 1, ("offline",)),
            ]
        ]
    )
    counts = tuple(a + b for a, b in zip(in_first, in_last, strict=True))
    collector.add(lambda: [Distribution(seconds, counts, 30.5)])

    lines = collector.exposition().decode().splitlines()

    assert "vms_events_total 7.0" in lines
    assert 'vms_devices{state="online"} 2.0' in lines
    assert 'vms_devices{state="offline"} 1.0' in lines
    assert 'vms_http_request_seconds_bucket{le="0.005"} 3.0' in lines
    assert 'vms_http_request_seconds_bucket{le="+Inf"} 4.0' in lines
    assert "vms_http_request_seconds_sum 30.5" in lines
    assert "# HELP vms_devices Devices on file, by state of the ledger" in lines


def test_what_nobody_counts_is_left_out_and_the_build_is_always_there() -> None:
    text = VmsCollector([build_source("1.2.3")]).exposition().decode()

    assert 'vms_build_info{version="1.2.3"} 1.0' in text
    assert "vms_devices" not in text


@dataclass
class _Session:
    state: str
    viewers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class _Broker:
    invites: int = 5
    failures: dict[str, int] = field(default_factory=lambda: {"no_media": 2})

    def sessions(self) -> list[_Session]:
        return [_Session("streaming", {"a": "u", "b": "u"}), _Session("streaming")]


def test_sessions_are_counted_by_state_with_their_viewers_and_failures() -> None:
    values = {
        (sample.metric.name, *sample.labels): sample.value
        for sample in session_source(_Broker())()
        if isinstance(sample, Sample)
    }

    assert values == {
        ("vms_sessions", "streaming"): 2,
        ("vms_viewers",): 2,
        ("vms_invites",): 5,
        ("vms_session_failures", "no_media"): 2,
    }


def test_media_workers_are_counted_each_with_what_it_told_last() -> None:
    workers = [
        WorkerStatus(0, True, 17, 0, 3, 5, Load(3, 5, 1, 12.5, 75_000_000, 9)),
        WorkerStatus(1, False, None, 2, 0, 0, None),
    ]

    lines = VmsCollector([media_source(lambda: workers)]).exposition().decode().splitlines()

    assert [line for line in lines if not line.startswith("#")] == [
        "vms_media_workers_up 1.0",
        'vms_media_worker_restarts_total{worker="0"} 0.0',
        'vms_media_worker_restarts_total{worker="1"} 2.0',
        'vms_media_streams{worker="0"} 3.0',
        'vms_media_streams{worker="1"} 0.0',
        'vms_media_viewers{worker="0"} 5.0',
        'vms_media_viewers{worker="1"} 0.0',
        'vms_media_transcoders{worker="0"} 1.0',
        'vms_media_cpu_seconds_total{worker="0"} 12.5',
        'vms_media_resident_bytes{worker="0"} 7.5e+07',
        'vms_media_refused_tokens_total{worker="0"} 9.0',
    ]


def test_a_metric_is_known_before_it_is_counted() -> None:
    stranger = Metric("vms_stranger", Kind.GAUGE, "Not on the list")

    text = VmsCollector([lambda: [Sample(stranger, 1)]]).exposition().decode()

    assert "vms_stranger" not in text


async def test_the_inventory_is_counted_by_state() -> None:
    site = await Site().open()
    await site.register()
    await site.report(camera())
    site.inventory.keepalive(GATE, HOST, 5060)
    site.inventory.keepalive(YARD, HOST, 5060)

    values = {
        (sample.metric.name, *sample.labels): sample.value
        for sample in inventory_source(site.inventory, site.bus)()
        if isinstance(sample, Sample)
    }
    await site.inventory.stop()

    assert values["vms_devices", "online_signalled"] == 1
    assert values["vms_channels", "online_signalled"] == 1
    assert values["vms_channels", "offline"] == 0
    assert values["vms_keepalives",] == 1
    assert values["vms_refused_signs_of_life", "unknown_device"] == 1
    assert values["vms_events",] == site.bus.last_number


def test_the_endpoint_is_asked_anew_at_every_scrape() -> None:
    stats = EndpointStats(received=5, granted_receive_buffer_bytes=212_992)
    collector = VmsCollector([sip_source(lambda: stats)])

    stats.count_error("start line")
    stats.received += 1
    lines = collector.exposition().decode().splitlines()

    assert "vms_sip_messages_total 6.0" in lines
    assert 'vms_sip_parse_errors_total{reason="start line"} 1.0' in lines
    assert "vms_sip_receive_buffer_bytes 212992.0" in lines
