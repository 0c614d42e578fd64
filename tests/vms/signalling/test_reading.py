"""Nobody's bodies take so long to be read that others are not heard."""

from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.vms.signalling.stage import DEVICE, OTHER_DEVICE, keepalive, registered, stage
from vms.gb28181.errors import ProtocolError
from vms.gb28181.manscdp.codec import decode
from vms.signalling import reading
from vms.signalling.reading import ReadingTime

TANGLED = "<Notify>" + "<a>" * 15_000


class Costs:
    """A processor clock: each body that is read takes so long."""

    def __init__(self, each_s: float) -> None:
        self._each_s = each_s
        self._calls = 0

    def __call__(self) -> float:
        self._calls += 1
        return self._calls // 2 * self._each_s


def test_five_seconds_may_be_spent_at_once_and_a_twentieth_of_a_processor_after_that() -> None:
    clock = FakeClock()
    time = ReadingTime(clock.monotonic, Costs(3.0))

    for _ in range(2):
        assert time.wait_s(DEVICE) == 0.0
        time.decode(DEVICE, keepalive().encode())

    # A second too much was spent: twenty to make up for it, and one more.
    assert time.wait_s(DEVICE) == pytest.approx(21)
    assert time.wait_s(OTHER_DEVICE) == 0.0
    clock.advance(21)
    assert time.wait_s(DEVICE) == 0.0


def test_what_is_read_quickly_is_not_counted() -> None:
    time = ReadingTime(FakeClock().monotonic, Costs(0.004))

    for _ in range(10_000):
        time.decode(DEVICE, keepalive().encode())

    assert time.wait_s(DEVICE) == 0.0


def test_what_cannot_be_read_is_counted_too() -> None:
    time = ReadingTime(FakeClock().monotonic, Costs(6.0))

    with pytest.raises(ProtocolError):
        time.decode(DEVICE, b"<Notify>")

    assert time.wait_s(DEVICE) > 0


def test_the_devices_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CAPACITY", 2)
    time = ReadingTime(FakeClock().monotonic, Costs(6.0))

    for device_id in ("1", "2", "3"):
        time.decode(device_id, keepalive().encode())

    assert [time.wait_s(each) > 0 for each in ("1", "2", "3")] == [False, True, True]


@pytest.mark.parametrize("method", ["MESSAGE", "NOTIFY"])
async def test_who_sends_what_takes_long_to_read_is_to_come_back_and_others_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(reading, "BURST_S", 0.001)
    monkeypatch.setattr(reading, "NOTICED_S", 0.0)
    with pytest.raises(ProtocolError):
        decode(TANGLED.encode())
    async with (
        stage(tmp_path, FakeClock()) as server,
        registered(server) as mad,
        registered(server, OTHER_DEVICE) as sane,
    ):
        tell = mad.tell if method == "MESSAGE" else mad.notify
        assert (await tell(TANGLED)).status == 400
        refused = await tell(TANGLED)

        assert refused.status == 503
        assert int(refused["Retry-After"]) > 0
        # In the usual shape it is heard all the same, so that nobody calls it offline.
        assert (await mad.tell(keepalive())).status == 200
        assert (await sane.tell(TANGLED)).status == 400
        assert server.inventory.device(DEVICE).tolerances["slow_to_read"] == 1
        assert "slow_to_read" not in server.inventory.device(OTHER_DEVICE).tolerances
