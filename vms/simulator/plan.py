"""What is simulated: the server, the devices, their channels."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from media.unit import Codec
from vms.errors import InvalidError
from vms.gb28181.ids import ChannelId, DeviceId, IdParts
from vms.gb28181.version import Edition
from vms.simulator.brands import GENERIC, Brand
from vms.simulator.faults import Fault, FaultKind, Faults
from vms.simulator.packing import Container

_CAMERA_TYPE = "132"
_OTHER_CAMERA_TYPE = "131"
_ALARM_INPUT_TYPE = "134"
_SERIALS = 10**7


@dataclass(frozen=True, slots=True)
class Platform:
    """The server the devices register at."""

    server_id: str
    domain: str
    host: str
    port: int

    @property
    def uri(self) -> str:
        """Whom requests are for."""
        return f"sip:{self.server_id}@{self.domain}"


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """The options of `vms simulate`. `rate_per_s`: how many devices register per second at first.

    A device that was refused or not answered tries again after `retry_s`. Real ones wait a minute;
    people who watch a demonstration do not. It is away for `reboot_s` when it is told to restart.

    Devices have a socket each up to 200; `devices_per_socket` says it otherwise. `items_per_part`
    is how many items a message of a catalogue or a list of recordings holds; without it 1, 2, 3,
    4, 1, 2, ... `vanish` ends everything as a power cut does: no BYE, no unregistering.
    """

    platform: Platform
    password: str = ""
    devices: int = 1
    channels: int = 1
    first_id: str = "34020000001180000001"
    transport: Literal["UDP", "TCP"] = "UDP"
    edition: Edition = Edition.E2016
    video: Path | None = None
    codec: Codec = Codec.H264
    audio: Codec | None = Codec.PCMA
    container: Container = Container.PS
    keepalive_s: float = 60.0
    expires_s: int = 3600
    retry_s: float = 10.0
    rate_per_s: float = 200.0
    reboot_s: float = 5.0
    faults: tuple[Fault, ...] = ()
    brand: Brand = GENERIC
    devices_per_socket: int | None = None
    items_per_part: int | None = None
    vanish: bool = False


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What one device is. `number` counts from 1; a twin has the number and ID of another."""

    number: int
    device_id: DeviceId
    channel_ids: tuple[ChannelId, ...]
    faults: Faults
    is_twin: bool = False

    @property
    def alarm_input_id(self) -> ChannelId:
        """Its alarm input: the first channel's number, with another type code."""
        first = self.channel_ids[0]
        return ChannelId(f"{first[:10]}{_ALARM_INPUT_TYPE}{first[13:]}")


def plan_devices(options: SimulatorOptions) -> list[DevicePlan]:
    """The devices, their identifiers counted up from the first; raises `InvalidError`.

    Channels are numbered through over all devices, in the centre and network of the first, so that
    a device's only channel has the device's serial number and another type code. Twins come last.
    """
    parts = IdParts.of(options.first_id)
    if parts is None:
        raise InvalidError(f"not an identifier of 20 digits: {options.first_id!r}")
    if options.devices < 1 or options.channels < 1:
        raise InvalidError("there must be at least one device with one channel")
    if options.container is Container.ES and options.audio is Codec.AAC:
        raise InvalidError("beside bare pictures (es) there is G.711A or no sound")
    if 0 in (options.devices_per_socket, options.items_per_part):
        raise InvalidError("there must be at least one device a socket and one item a message")
    first_serial = int(options.first_id[13:])
    if first_serial + options.devices * options.channels > _SERIALS:
        raise InvalidError(f"not enough serial numbers after {options.first_id}")
    stem = options.first_id[:10]
    device_stem = options.first_id[:13]
    channel_type = _OTHER_CAMERA_TYPE if device_stem.endswith(_CAMERA_TYPE) else _CAMERA_TYPE
    faults = (*options.brand.faults, *options.faults)
    no_faults = Faults((), 0) if not faults else None
    plans = [
        DevicePlan(
            number=index + 1,
            device_id=DeviceId(f"{device_stem}{first_serial + index:07d}"),
            channel_ids=tuple(
                ChannelId(f"{stem}{channel_type}{first_serial + serial:07d}")
                for serial in range(index * options.channels, (index + 1) * options.channels)
            ),
            faults=no_faults or Faults(faults, index + 1),
        )
        for index in range(options.devices)
    ]
    twins = [plan for plan in plans if FaultKind.DUPLICATE_ID in plan.faults]
    return [*plans, *(replace(plan, is_twin=True) for plan in twins)]
