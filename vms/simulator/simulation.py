"""Any number of simulated devices in one process, on real sockets."""

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from sip.errors import ProtocolError as SipError
from sip.message import Flow, response_to
from sip.net.endpoint import Endpoint, IncomingRequest
from sip.uri import SipUri
from vms.clock import Clock, SystemClock
from vms.errors import InvalidError
from vms.simulator.camera import Camera
from vms.simulator.clip import Clip
from vms.simulator.plan import SimulatorOptions, plan_devices
from vms.simulator.studio import Studio
from vms.simulator.summary import Summary

MAX_ENDPOINTS = 200
"""Devices have a socket of their own up to this number; more of them share these."""

_RECEIVE_BUFFER_BYTES = 2**20
_USER_AGENT = "vms simulate"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What runs: the devices in order of their numbers, and what they have seen."""

    cameras: tuple[Camera, ...]
    summary: Summary


async def simulate(
    options: SimulatorOptions, stop: asyncio.Event, clock: Clock | None = None
) -> Summary:
    """Run devices until `stop` is set; raises `InvalidError` for options that make no sense.

    They vanish then, as after a power cut: no BYE, no unregistering.
    """
    async with running(options, clock) as simulation:
        await stop.wait()
    return simulation.summary


@asynccontextmanager
async def running(
    options: SimulatorOptions, clock: Clock | None = None
) -> AsyncGenerator[Simulation]:
    """The devices, alive inside the block. The registrations are spread by `rate_per_s`."""
    clock = clock or SystemClock()
    plans = plan_devices(options)
    clip = await asyncio.to_thread(Clip.load, options.video) if options.video else None
    options = await _with_address(options)
    summary = Summary(devices=len(plans), channels=len(plans) * options.channels)
    tasks: set[asyncio.Task[None]] = set()

    async with AsyncExitStack() as stack:
        studio = Studio(options.codec, options.audio, clip, clock, summary)
        stack.push_async_callback(studio.close)
        switchboard = _Switchboard(options.platform.host)
        stack.push_async_callback(switchboard.close)
        await switchboard.open(min(len(plans), MAX_ENDPOINTS))
        group = await stack.enter_async_context(asyncio.TaskGroup())

        def spawn(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
            task = group.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return task

        cameras: list[Camera] = []
        for index, plan in enumerate(plans):
            endpoint = switchboard.endpoints[index % len(switchboard.endpoints)]
            camera = Camera(plan, options, endpoint, studio, summary, clock, spawn)
            switchboard.add(camera, endpoint)
            cameras.append(camera)
            _ = spawn(camera.run(index / options.rate_per_s))
        try:
            yield Simulation(tuple(cameras), summary)
        finally:
            switchboard.fall_silent()
            for camera in cameras:
                camera.calls.drop()
            for task in list(tasks):
                task.cancel()


class _Switchboard:
    """The endpoints, and which device a request is for."""

    def __init__(self, server_host: str) -> None:
        self.endpoints: list[Endpoint] = []
        self._server_host = server_host
        self._cameras: dict[str, Camera] = {}
        self._neighbours: dict[Endpoint, list[Camera]] = {}
        self._is_silent = False

    async def open(self, count: int) -> None:
        """Open so many endpoints, on ports that are free."""
        local_host = _source_address(self._server_host)
        for _ in range(count):
            endpoint = await Endpoint.open(
                local_host,
                0,
                on_request=self._received,
                is_trusted=self._is_server,
                now=asyncio.get_running_loop().time,
                token=lambda: secrets.token_hex(8),
                user_agent=_USER_AGENT,
                receive_buffer_bytes=_RECEIVE_BUFFER_BYTES,
            )
            self.endpoints.append(endpoint)
            neighbours = self._neighbours[endpoint] = []
            endpoint.on_connection_closed = _closer(neighbours)

    def add(self, camera: Camera, endpoint: Endpoint) -> None:
        """Requests for the device and its channels go to `camera`."""
        self._neighbours[endpoint].append(camera)
        for identifier in (*camera.plan.channel_ids, camera.plan.device_id):
            self._cameras[identifier] = camera

    def fall_silent(self) -> None:
        """The end: requests are no longer handled."""
        self._is_silent = True

    async def close(self) -> None:
        """Close all sockets."""
        for endpoint in self.endpoints:
            await endpoint.close()

    def _is_server(self, flow: Flow) -> bool:
        return flow.remote.host == self._server_host

    def _received(self, incoming: IncomingRequest) -> None:
        if self._is_silent:
            return
        try:
            user = SipUri.parse(incoming.request.uri).user
        except SipError:
            user = None
        camera = self._cameras.get(user or "")
        if camera is None:
            incoming.respond(response_to(incoming.request, 404))
        else:
            camera.receive(incoming)


def _closer(neighbours: list[Camera]) -> Callable[[Flow], None]:
    def closed(flow: Flow) -> None:
        for camera in neighbours:
            if camera.link.connection == flow.connection:
                camera.connection_lost()

    return closed


async def _with_address(options: SimulatorOptions) -> SimulatorOptions:
    """The same options with the server's name resolved."""
    platform = options.platform
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            platform.host, platform.port, type=socket.SOCK_DGRAM
        )
    except OSError as error:
        raise InvalidError(f"no address for {platform.host}: {error}") from error
    host = str(found[0][4][0])
    return replace(options, platform=replace(platform, host=host))


def _source_address(server_host: str) -> str:
    """The address the kernel sends from towards the server; no packet leaves for it."""
    family = socket.AF_INET6 if ":" in server_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((server_host, 9))
        host: str = probe.getsockname()[0]
        return host
