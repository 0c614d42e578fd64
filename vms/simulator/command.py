"""`vms simulate`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from media.unit import Codec
from vms.console import fail, run, until_signal
from vms.errors import VmsError
from vms.gb28181.version import Edition
from vms.logs import set_up_logs
from vms.simulator.faults import Fault
from vms.simulator.plan import Platform, SimulatorOptions
from vms.simulator.simulation import simulate

AUDIO = {"g711a": Codec.PCMA, "aac": Codec.AAC, "none": None}


def simulate_cameras(
    server: Annotated[str, typer.Option(help="HOST:PORT of the platform's SIP.")],
    server_id: Annotated[str, typer.Option(help="The platform's 20-digit ID.")],
    domain: Annotated[str, typer.Option(help="The platform's domain.")],
    password: Annotated[str, typer.Option(envvar="GB28181_PASSWORD")] = "",
    devices: Annotated[int, typer.Option(min=1)] = 1,
    channels: Annotated[int, typer.Option(min=1)] = 1,
    first_id: str = "34020000001180000001",
    transport: Annotated[str, typer.Option(help="udp or tcp.")] = "udp",
    edition: Annotated[str, typer.Option(help="2011, 2016 or 2022.")] = "2016",
    video: Annotated[Path | None, typer.Option(help="A file instead of the test card.")] = None,
    codec: Annotated[str, typer.Option(help="h264 or h265.")] = "h264",
    audio: Annotated[str, typer.Option(help="g711a, aac or none.")] = "g711a",
    keepalive: Annotated[float, typer.Option(help="Seconds.", min=1)] = 60.0,
    fault: Annotated[
        list[str] | None, typer.Option(help="NAME[=VALUE][@DEVICE], may be repeated.")
    ] = None,
) -> None:
    """Cameras that speak the protocol; ends at SIGINT with a JSON summary on standard output."""
    set_up_logs("warning")
    host, _, port = server.rpartition(":")
    try:
        options = SimulatorOptions(
            platform=Platform(server_id, domain, host, int(port)),
            password=password,
            devices=devices,
            channels=channels,
            first_id=first_id,
            transport="TCP" if transport.lower() == "tcp" else "UDP",
            edition=Edition(edition),
            video=video,
            codec=Codec(codec.lower()),
            audio=AUDIO[audio.lower()],
            keepalive_s=keepalive,
            faults=tuple(Fault.parse(each) for each in fault or ()),
        )
    except (ValueError, KeyError) as error:
        fail(f"an option makes no sense: {error}")
    except VmsError as error:
        fail(error.message)
    run(_simulate(options))


async def _simulate(options: SimulatorOptions) -> None:
    stop = asyncio.Event()

    async def end() -> None:
        await until_signal()
        stop.set()

    ending = asyncio.get_running_loop().create_task(end())
    try:
        summary = await simulate(options, stop)
    finally:
        ending.cancel()
    typer.echo(summary.as_json())
