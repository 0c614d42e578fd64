"""`vms simulate`."""

import asyncio
import gc
from pathlib import Path
from typing import Annotated

import typer

from media.unit import Codec
from vms.console import fail, run, until_signal
from vms.errors import VmsError
from vms.gb28181.version import Edition
from vms.logs import set_up_logs
from vms.simulator.brands import BRANDS, GENERIC, brand_named
from vms.simulator.faults import Fault, FaultKind
from vms.simulator.packing import Container
from vms.simulator.plan import Platform, SimulatorOptions
from vms.simulator.simulation import running
from vms.simulator.summary import Summary

SETTLING_S = 10.0
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
    edition: Annotated[str, typer.Option(help="2011, 2014, 2016 or 2022.")] = "2016",
    brand: Annotated[
        str, typer.Option(help=f"Whose habits they have: {', '.join(BRANDS)}.")
    ] = GENERIC.name,
    video: Annotated[Path | None, typer.Option(help="A file instead of the test card.")] = None,
    codec: Annotated[str, typer.Option(help="h264 or h265.")] = "h264",
    audio: Annotated[str, typer.Option(help="g711a, aac or none.")] = "g711a",
    container: Annotated[str, typer.Option(help="ps, ts or es: what RTP carries.")] = "ps",
    keepalive: Annotated[float, typer.Option(help="Seconds.", min=1)] = 60.0,
    expires: Annotated[int, typer.Option(help="Seconds a registration lasts.", min=1)] = 3600,
    rate: Annotated[
        float, typer.Option(help="How many devices register a second at first.", min=0.1)
    ] = 200.0,
    devices_per_socket: Annotated[
        int | None, typer.Option(help="How many share a UDP port.", min=1)
    ] = None,
    items_per_message: Annotated[
        int | None, typer.Option(help="Items in a message of a long answer.", min=1)
    ] = None,
    vanish: Annotated[
        bool, typer.Option("--vanish", help="End as a power cut does: no BYE, no unregistering.")
    ] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(help=f"NAME[=VALUE][@DEVICE], may be repeated: {', '.join(FaultKind)}."),
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
            container=Container(container.lower()),
            keepalive_s=keepalive,
            expires_s=expires,
            rate_per_s=rate,
            faults=tuple(Fault.parse(each) for each in fault or ()),
            brand=brand_named(brand),
            devices_per_socket=devices_per_socket,
            items_per_part=items_per_message,
            vanish=vanish,
        )
    except (ValueError, KeyError) as error:
        fail(f"an option makes no sense: {error}")
    except VmsError as error:
        fail(error.message)
    run(_simulate(options))


async def _simulate(options: SimulatorOptions) -> None:
    # Looking through tens of thousands of devices for garbage stops everything for a second, again
    # and again while they register. What is there afterwards stays.
    gc.disable()
    async with running(options) as simulation:
        settling = asyncio.get_running_loop().create_task(_settle(simulation.summary))
        await until_signal()
        settling.cancel()
    typer.echo(simulation.summary.as_json())


async def _settle(summary: Summary) -> None:
    """Collect garbage once everybody is there, or nobody came for a while."""
    registered = -1
    while registered < summary.registered < summary.devices:
        registered = summary.registered
        await asyncio.sleep(SETTLING_S)
    gc.freeze()
    gc.enable()
