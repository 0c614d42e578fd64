"""What each worker is told: ports shared out, nothing lost on the way to a process."""

import pytest

from media.door import WorkerPorts
from media.plan import (
    Place,
    RelayLimits,
    RelayPlan,
    StartReport,
    WorkerPlan,
    plans_of_workers,
    read_plan,
    read_report,
    shares_of_ports,
    write_plan,
    write_report,
)
from media.wire import DoorAddress

PLAN = RelayPlan(
    rtp_ports=(30_000, 30_999),
    webrtc=Place("127.0.0.1", 8189),
    advertised_hosts=("127.0.0.1", "::1"),
    http=Place("127.0.0.1", 8090, "/certificate.pem", "/key.pem"),
    rtsp=Place("127.0.0.1", 0),
    limits=RelayLimits(streams=3, viewers=4, transcodes=5),
)


@pytest.mark.parametrize(
    ("ports", "parts", "shares"),
    [
        ((30_000, 30_999), 1, [(30_000, 30_999)]),
        ((30_000, 30_999), 2, [(30_000, 30_499), (30_500, 30_999)]),
        ((30_001, 30_010), 2, [(30_002, 30_005), (30_006, 30_009)]),
        ((30_000, 30_009), 3, [(30_000, 30_001), (30_002, 30_005), (30_006, 30_009)]),
    ],
)
def test_rtp_ports_are_shared_out_by_even_pairs(
    ports: tuple[int, int], parts: int, shares: list[tuple[int, int]]
) -> None:
    assert shares_of_ports(ports, parts) == shares


def test_worker_n_serves_each_port_plus_n_and_a_free_one_where_any_will_do() -> None:
    second = plans_of_workers(PLAN, 2)[1]

    assert second.worker == 1
    assert second.webrtc.port == 8190
    assert second.http == Place("127.0.0.1", 8091, "/certificate.pem", "/key.pem")
    assert second.rtsp == Place("127.0.0.1", 0)
    assert second.rtp_ports == (30_500, 30_999)


@pytest.mark.parametrize(
    "plan",
    [
        RelayPlan((30_000, 30_003), Place("127.0.0.1", 0), ("127.0.0.1",)),
        RelayPlan((30_000, 30_999), Place("127.0.0.1", 65_534), ("127.0.0.1",)),
    ],
)
def test_more_workers_than_there_are_ports_for_are_refused(plan: RelayPlan) -> None:
    with pytest.raises(ValueError, match=r"3 workers|worker 2"):
        plans_of_workers(plan, 3)


@pytest.mark.parametrize(
    ("ports", "straight", "by_websocket"),
    [
        (WorkerPorts(1, 8190, 8091, 8555), "http://[::1]:8091", "ws://[::1]:8091"),
        (WorkerPorts(1, 8190, 8091, 8555, is_tls=True), "https://[::1]:8091", "wss://[::1]:8091"),
        (
            WorkerPorts(1, 8190, 8091, 8555, public_url="https://video.example.org/http/1"),
            "https://video.example.org/http/1",
            "wss://video.example.org/http/1",
        ),
    ],
)
def test_urls_begin_where_viewers_reach_the_worker(
    ports: WorkerPorts, straight: str, by_websocket: str
) -> None:
    assert ports.http_base("[::1]") == straight
    assert ports.http_base("[::1]", is_websocket=True) == by_websocket


def test_plan_and_report_are_one_line_each() -> None:
    plan = WorkerPlan(PLAN, DoorAddress(path="/run/a\nb.sock"), "secret")
    report = StartReport(taken="http", port=8090, error="Address already in use", errno=98)

    assert write_plan(plan).count(b"\n") == write_report(report).count(b"\n") == 1
    assert read_plan(write_plan(plan)) == plan
    assert read_report(write_report(report)) == report
