"""What a storm of notifications costs, and what it does to those who register meanwhile.

    .venv/bin/python -m benchmarks.bench_notifies [--devices 1000] [--rate 1000] [--notifies 10000]

The server runs in a process of its own, on SQLite with synchronous=FULL: every notification is
stored before it is answered. Registrations are a challenge and a digest, so two answers each; both
runs are on one server, one after the other, and their ratio is what counts.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count, cycle, islice

from benchmarks.bench_signalling import FILES_TO_SPARE, SERVER
from benchmarks.fleet import Device, Fleet
from benchmarks.server_process import PASSWORD
from benchmarks.support import Child, Span, Table, check_equal, measured, run_benchmark

REGISTERS_A_NOTIFY = 20
"""In the storm, one device registers again for so many notifications."""

SUBSCRIPTIONS_EACH = 2
"""The catalogue and the alarms of a recorder."""

ALARM = b"""<?xml version="1.0" encoding="GB2312"?>\r
<Notify>\r
<CmdType>Alarm</CmdType>\r
<SN>%d</SN>\r
<DeviceID>%b</DeviceID>\r
<AlarmPriority>4</AlarmPriority>\r
<AlarmMethod>5</AlarmMethod>\r
<AlarmTime>2024-05-01T16:23:32</AlarmTime>\r
<Info><AlarmType>6</AlarmType></Info>\r
</Notify>\r
"""
POSITION = b"""<?xml version="1.0" encoding="GB2312"?>\r
<Notify>\r
<CmdType>MobilePosition</CmdType>\r
<SN>%d</SN>\r
<DeviceID>%b</DeviceID>\r
<Time>2024-05-01T16:%02d:%02d</Time>\r
<Longitude>118.376451</Longitude>\r
<Latitude>31.326319</Latitude>\r
<Speed>32.5</Speed>\r
</Notify>\r
"""
CHANGE = b"""<?xml version="1.0" encoding="GB2312"?>\r
<Notify>\r
<CmdType>Catalog</CmdType>\r
<SN>%d</SN>\r
<DeviceID>%b</DeviceID>\r
<SumNum>1</SumNum>\r
<DeviceList Num="1">\r
<Item>\r
<DeviceID>%d</DeviceID>\r
<Event>%b</Event>\r
</Item>\r
</DeviceList>\r
</Notify>\r
"""
FIRST_CHANNEL = 34020000001310000001


class TimedFleet(Fleet):
    """Knows how long each answer to a REGISTER took."""

    def __init__(self, devices: int, port: int, server_id: str, domain: str) -> None:
        self.register_s: list[float] = []
        self._sent_at: dict[int, float] = {}
        super().__init__(devices, port, server_id, domain, PASSWORD)

    def _note(self, kind: str, device: Device) -> int:
        number = super()._note(kind, device)
        if kind in {"REGISTER", "proof"}:
            self._sent_at[number] = time.perf_counter()
        return number

    def _taken(self, number: int) -> None:
        sent_at = self._sent_at.pop(number, None)
        if sent_at is not None:
            self.register_s.append(time.perf_counter() - sent_at)


class Bench:
    """One server and its fleet."""

    def __init__(self, server: Child, fleet: TimedFleet, table: Table) -> None:
        self._server = server
        self._fleet = fleet
        self._table = table
        self._sn = count(1)

    def arrive(self, rate: int) -> None:
        """All register, are asked what they have, and are subscribed."""
        fleet = self._fleet
        fleet.at_rate(fleet.register, fleet.devices, rate)
        fleet.until("catalogue", len(fleet.devices))
        fleet.until("SUBSCRIBE", SUBSCRIPTIONS_EACH * len(fleet.devices))

    def notifies(self, name: str, send: Callable[[Device], None], number: int, rate: int) -> None:
        """One kind of them, at that rate."""
        with measured([self._server.pid], [os.getpid()]) as span:
            self._fleet.at_rate(send, self._senders(number), rate)
        figure = f"{span.server_us_each(number):.0f} µs"
        self._table.row(name, figure, span.generator_share, f"{number}, {rate}/s")

    def registers(self, number: int, rate: int) -> float:
        """Nobody else says anything: the 99th of 100 answers, in seconds."""
        with measured([self._server.pid], [os.getpid()]) as span:
            self._fleet.at_rate(self._fleet.register, self._senders(number), rate)
        return self._p99("REGISTER, alone", span, f"{number}, {rate}/s")

    def registers_in_a_storm(self, number: int, rate: int) -> float:
        """The same rate of REGISTERs among so many notifications a second."""
        turn = count()

        def send(device: Device) -> None:
            if next(turn) % (REGISTERS_A_NOTIFY + 1):
                self.alarm(device)
            else:
                self._fleet.register(device)

        total = number * (REGISTERS_A_NOTIFY + 1)
        with measured([self._server.pid], [os.getpid()]) as span:
            self._fleet.at_rate(send, self._senders(total), rate + rate // REGISTERS_A_NOTIFY)
        return self._p99("REGISTER, in a storm of alarms", span, f"{number}, alarms {rate}/s")

    def _p99(self, name: str, span: Span, conditions: str) -> float:
        taken = sorted(self._fleet.register_s)
        self._fleet.register_s.clear()
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        figure = f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms"
        self._table.row(name, figure, span.generator_share, conditions)
        return p99

    def alarm(self, device: Device) -> None:
        """One more alarm."""
        self._fleet.notify(device, "alarm", ALARM % (next(self._sn), device.device_id))

    def position(self, device: Device) -> None:
        """One more position, each of another second."""
        sn = next(self._sn)
        body = POSITION % (sn, device.device_id, sn // 60 % 60, sn % 60)
        self._fleet.notify(device, "position", body)

    def change(self, device: Device) -> None:
        """Its camera goes off, and on."""
        sn = next(self._sn)
        event = b"ON" if sn // len(self._fleet.devices) % 2 else b"OFF"
        body = CHANGE % (sn, device.device_id, FIRST_CHANNEL + device.first_channel, event)
        self._fleet.notify(device, "change", body)

    def check(self) -> None:
        """Nothing was lost or refused."""
        strange = {
            kind: number
            for kind, number in self._fleet.answers.items()
            if kind[1] != 200 and kind != ("REGISTER", 401)
        }
        check_equal("other answers", strange, {})
        check_equal("refused", self._server.ask("figures").number("refused"), 0)

    def _senders(self, number: int) -> Sequence[Device]:
        return list(islice(cycle(self._fleet.devices), number))


def bench(options: argparse.Namespace) -> None:
    """Every measurement, on one server."""
    rate, number = options.rate, options.notifies
    wanted = options.devices + FILES_TO_SPARE
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    table = Table(f"Notifications: {options.devices} devices")
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Child(SERVER, folder) as server,
    ):
        said = server.greeting
        fleet = TimedFleet(
            options.devices, said.number("port"), said.text("server_id"), said.text("domain")
        )
        with closing(fleet):
            each = Bench(server, fleet, table)
            each.arrive(options.arrivals)
            fleet.register_s.clear()
            each.notifies("alarm by NOTIFY, stored", each.alarm, number, rate)
            each.notifies("position by NOTIFY, stored", each.position, number, rate)
            each.notifies("change of a catalogue, stored", each.change, number, rate)
            registers = number // REGISTERS_A_NOTIFY
            alone = each.registers(registers, rate // REGISTERS_A_NOTIFY)
            stormy = each.registers_in_a_storm(registers, rate)
            ratio = f"{stormy / alone:.1f}"
            table.row("REGISTER's p99, in the storm to alone", ratio, "", f"{rate}/s")
            each.check()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--arrivals", type=int, default=200, help="registrations a second at first")
    parser.add_argument("--rate", type=int, default=1_000, help="notifications a second")
    parser.add_argument("--notifies", type=int, default=10_000, help="in each measurement")
    options = parser.parse_args()
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
