"""Any number of simulated devices in one process, on real sockets."""

import asyncio
import contextlib
import resource
import secrets
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address

from sip.errors import ProtocolError as SipError
from sip.message import Flow, response_to
from sip.net.binding import source_host
from sip.net.endpoint import Endpoint, IncomingRequest
from sip.uri import SipUri
from vms.clock import Clock, SystemClock
from vms.errors import InvalidError
from vms.simulator.camera import Camera
from vms.simulator.clip import Clip
from vms.simulator.interior import Surroundings
from vms.simulator.life import Rounds
from vms.simulator.plan import DevicePlan, SimulatorOptions, plan_devices
from vms.simulator.studio import Studio
from vms.simulator.summary import Summary

MAX_ENDPOINTS = 200
"""Devices have a socket of their own up to this number; more of them share these."""

LEAVE_LIMIT_S = 3.0
LEAVING_PER_S = 2000
"""At the end devices get `LEAVE_LIMIT_S`, and more where there are many, to say goodbye."""
LEAVING_AT_ONCE = 500

_RECEIVE_BUFFER_BYTES = 2**20
_SOCKETS_BESIDES = 64
"""Files the process has open anyway."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What runs: the devices in order of their numbers, and what they have seen."""

    cameras: tuple[Camera, ...]
    summary: Summary


@asynccontextmanager
async def running(
    options: SimulatorOptions, clock: Clock | None = None
) -> AsyncGenerator[Simulation]:
    """The devices, alive inside the block; raises `InvalidError` for options that make no sense.

    The registrations are spread by `rate_per_s`. At the end the devices end their calls and
    unregister, unless they are to vanish.
    """
    clock = clock or SystemClock()
    plans = plan_devices(options)
    clip = await asyncio.to_thread(Clip.load, options.video) if options.video else None
    options = await _with_address(options)
    summary = Summary(devices=len(plans), channels=len(plans) * options.channels)
    tasks: set[asyncio.Task[None]] = set()

    async with AsyncExitStack() as stack:
        studio = Studio(options.codec, options.audio, clip, clock, summary)
        stack.push_async_callback(studio.close)
        switchboard = _Switchboard(options, summary)
        stack.push_async_callback(switchboard.close)
        await switchboard.open(_sockets_for(options, plans))
        group = await stack.enter_async_context(asyncio.TaskGroup())

        def spawn(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
            task = group.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return task

        rounds = Rounds(spawn)
        around = Surroundings(options, studio, summary, clock, spawn, rounds)
        cameras = [
            Camera(plan, around, endpoint, switchboard.rebind)
            for plan, endpoint in switchboard.seats(plans)
        ]
        now = asyncio.get_running_loop().time()
        for index, camera in enumerate(cameras):
            switchboard.add(camera)
            rounds.call(camera, now + index / options.rate_per_s)
        try:
            yield Simulation(tuple(cameras), summary)
        finally:
            rounds.close()
            if not options.vanish:
                await _say_goodbye(cameras)
            switchboard.fall_silent()
            for camera in cameras:
                camera.vanish()
            for task in list(tasks):
                task.cancel()


async def _say_goodbye(cameras: Sequence[Camera]) -> None:
    """Calls end, subscriptions end, registrations end; whoever is not heard in time vanishes."""
    staying = iter([camera for camera in cameras if camera.is_registered])

    async def leave_one_by_one() -> None:
        for camera in staying:
            await camera.leave()

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_LIMIT_S + len(cameras) / LEAVING_PER_S):
            async with asyncio.TaskGroup() as group:
                for _ in range(min(LEAVING_AT_ONCE, len(cameras))):
                    _ = group.create_task(leave_one_by_one())


def _sockets_for(options: SimulatorOptions, plans: Sequence[DevicePlan]) -> int:
    """How many endpoints; raises `InvalidError` where the process may not open so many files."""
    devices = len(plans)
    if options.devices_per_socket is None:
        endpoints = min(devices, MAX_ENDPOINTS)
    else:
        endpoints = -(-devices // options.devices_per_socket)
    if any(plan.is_twin for plan in plans):
        endpoints = max(endpoints, 2)
    connections = devices if options.transport == "TCP" else 0
    # An endpoint has a UDP and a TCP socket.
    wanted = 2 * endpoints + connections + _SOCKETS_BESIDES
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if wanted > limit:
        raise InvalidError(
            f"{devices} devices would take {wanted} open files, and {limit} are allowed: let more"
            " of them share a socket (UDP), or raise the limit (ulimit -n)"
        )
    return endpoints


class _Switchboard:
    """The endpoints, and which device a request is for."""

    def __init__(self, options: SimulatorOptions, summary: Summary) -> None:
        self._options = options
        self._server_host = options.platform.host
        self._summary = summary
        self._endpoints: list[Endpoint] = []
        self._cameras: dict[Endpoint, dict[str, Camera]] = {}
        self._seats: dict[Camera, Endpoint] = {}
        self._is_silent = False

    async def open(self, count: int) -> None:
        """Open so many endpoints, on ports that are free."""
        for _ in range(count):
            self._endpoints.append(await self._open_one())

    def seats(self, plans: Sequence[DevicePlan]) -> Iterator[tuple[DevicePlan, Endpoint]]:
        """Each device's endpoint in turn; a twin never sits where its other half does."""
        for index, plan in enumerate(plans):
            place = plan.number if plan.is_twin else index
            yield plan, self._endpoints[place % len(self._endpoints)]

    def add(self, camera: Camera) -> None:
        """Requests for the device and its channels go to `camera`."""
        self._take_seat(camera, camera.link.endpoint)

    async def rebind(self, camera: Camera) -> None:
        """Give the device a port of its own that nobody knows yet; the old one falls silent."""
        old = self._seats[camera]
        new = await self._open_one()
        for identifier in _identifiers(camera):
            self._cameras[old].pop(identifier, None)
        self._take_seat(camera, new)
        camera.move_to(new)
        if not self._cameras[old] and old in self._endpoints:
            self._endpoints.remove(old)
            del self._cameras[old]
            await self._close_one(old)
        self._endpoints.append(new)

    def fall_silent(self) -> None:
        """The end: requests are no longer handled."""
        self._is_silent = True

    async def close(self) -> None:
        """Close all sockets."""
        for endpoint in self._endpoints:
            await self._close_one(endpoint)

    async def _open_one(self) -> Endpoint:
        any_host = "::" if ":" in self._server_host else "0.0.0.0"  # noqa: S104  (asked about)
        cameras: dict[str, Camera] = {}

        def received(incoming: IncomingRequest) -> None:
            self._received(incoming, cameras)

        endpoint = await Endpoint.open(
            source_host(any_host, self._server_host),
            0,
            on_request=received,
            is_trusted=self._is_server,
            now=asyncio.get_running_loop().time,
            token=lambda: secrets.token_hex(8),
            user_agent=self._options.brand.user_agent,
            receive_buffer_bytes=_RECEIVE_BUFFER_BYTES,
        )
        self._cameras[endpoint] = cameras
        endpoint.on_connection_closed = _closer(cameras)
        return endpoint

    async def _close_one(self, endpoint: Endpoint) -> None:
        stats = endpoint.stats
        self._summary.retransmissions += stats.retransmissions
        self._summary.repeats_received += stats.repeats_absorbed
        await endpoint.close()

    def _take_seat(self, camera: Camera, endpoint: Endpoint) -> None:
        self._seats[camera] = endpoint
        for identifier in _identifiers(camera):
            self._cameras[endpoint][identifier] = camera

    def _is_server(self, flow: Flow) -> bool:
        host = flow.remote.host
        return host == self._server_host or ip_address(host).is_loopback

    def _received(self, incoming: IncomingRequest, cameras: dict[str, Camera]) -> None:
        if self._is_silent:
            return
        try:
            user = SipUri.parse(incoming.request.uri).user
        except SipError:
            user = None
        camera = cameras.get(user or "")
        if camera is None:
            incoming.respond(response_to(incoming.request, 404))
        else:
            camera.receive(incoming)


def _identifiers(camera: Camera) -> tuple[str, ...]:
    plan = camera.plan
    return (*plan.channel_ids, plan.device_id, plan.alarm_input_id)


def _closer(cameras: dict[str, Camera]) -> Callable[[Flow], None]:
    def closed(flow: Flow) -> None:
        for identifier, camera in cameras.items():
            is_own = identifier == camera.plan.device_id
            if is_own and camera.link.connection == flow.connection:
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
