"""Run as a program: saves devices and alarms as fast as it can, and says what was acknowledged.

`python -m tests.vms.persistence.acknowledging_writer URL FIRST_KEY`; prints `device 12` or
`alarm 12` after each call that returned. It goes on until it is killed.
"""

import asyncio
import sys

from tests.vms.persistence.rows_of_every_kind import alarm, device, of_device, step
from vms.errors import UnavailableError
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore

CALLERS = 20


def say(what: str, key: int) -> None:
    """One write a line, so that a kill cannot leave half a line."""
    sys.stdout.buffer.write(f"{what} {key}\n".encode())
    sys.stdout.buffer.flush()


async def main(url: str, first_key: int) -> None:
    """Twenty callers, each with every twentieth key."""
    async with Database.open(url) as database:
        store = SqlDeviceStore(database)

        async def call(key: int) -> None:
            while True:
                try:
                    await store.save_device(device(key), [step(of_device(key), 100, None)])
                    say("device", key)
                    await store.add_alarm(alarm(key, device_key=key))
                    say("alarm", key)
                except UnavailableError:
                    say("refused", key)
                key += CALLERS

        async with asyncio.TaskGroup() as tasks:
            for number in range(CALLERS):
                tasks.create_task(call(first_key + number))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
