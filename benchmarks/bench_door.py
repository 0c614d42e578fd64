"""What the relay's door costs: `.venv/bin/python -m benchmarks.bench_door`.

A worker's start and memory, and a call (the figures of a stream) inside the process, through the
door one after the other, and many at once.
"""

import asyncio
import secrets
import statistics
import time
from pathlib import Path

import uvloop

from media.door import Admission, Form, MediaError, MediaEvent, RelayDoor, StreamId, Transport
from media.farm import Farm
from media.plan import Place, RelayPlan
from media.relay import Relay

HOST = "127.0.0.1"
ANY = Place(HOST, 0)
PLAN = RelayPlan((46_000, 46_099), ANY, (HOST,), http=ANY, rtsp=ANY)
STARTS = 5
CALLS = 3_000
AT_ONCE = 300
MICROSECONDS = 1e6


def _token() -> str:
    return secrets.token_hex(16)


def _ignore(_event: MediaEvent) -> None:
    pass


async def _admit(_token: str, _form: Form, _worker: int) -> Admission:
    raise MediaError(MediaError.NOT_ADMITTED, "nobody watches")


def _farm() -> Farm:
    return Farm(PLAN, 1, now=time.monotonic, token=_token, on_event=_ignore, admit=_admit)


async def _stream(door: RelayDoor) -> StreamId:
    return (await door.open(Transport.UDP, 1, HOST)).stream_id


async def _inside() -> None:
    relay = Relay(PLAN, now=time.monotonic, token=_token, on_event=_ignore)
    await relay.start()
    stream_id = await _stream(relay)
    began_s = time.process_time()
    for _ in range(CALLS):
        await relay.figures(stream_id)
    used_s = time.process_time() - began_s
    await relay.stop()
    print(f"a call inside the process: {used_s / CALLS * MICROSECONDS:.0f} us of CPU")


async def _through_the_door() -> None:
    starts: list[float] = []
    for _ in range(STARTS):
        farm = _farm()
        began_s = time.monotonic()
        await farm.start()
        starts.append(time.monotonic() - began_s)
        await farm.stop()
    print(f"a worker serves {statistics.median(starts):.2f} s after it is started")

    farm = _farm()
    await farm.start()
    stream_id = await _stream(farm)
    took: list[float] = []
    for _ in range(CALLS):
        began_s = time.perf_counter()
        await farm.figures(stream_id)
        took.append(time.perf_counter() - began_s)
    print(f"a call through the door: {statistics.median(took) * MICROSECONDS:.0f} us")
    began_s, used_s = time.perf_counter(), time.process_time()
    for _ in range(CALLS // AT_ONCE):
        await asyncio.gather(*(farm.figures(stream_id) for _ in range(AT_ONCE)))
    each_us = (time.perf_counter() - began_s) / CALLS * MICROSECONDS
    used_us = (time.process_time() - used_s) / CALLS * MICROSECONDS
    print(f"{AT_ONCE} at once: {each_us:.0f} us each, {used_us:.0f} us of CPU on this side")
    print(f"a worker's memory: {_memory(farm.workers()[0].pid)}")
    await farm.stop()


def _memory(pid: int | None) -> str:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    wanted = ("Rss", "Private_Dirty")
    found = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(wanted)}
    return ", ".join(f"{name} {int(size) // 1024} MiB" for name, size in found.items())


async def _main() -> None:
    await _inside()
    await _through_the_door()


if __name__ == "__main__":
    uvloop.run(_main())
