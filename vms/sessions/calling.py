"""What sessions ask of devices; `vms.signalling.device_link` provides it over SIP."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from media.door import Transport
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.ssrc import Ssrc


class Stage(StrEnum):
    """The eight stages of a play trace, in order; the first four are the caller's."""

    INVITE_SENT = "invite_sent"
    TRYING = "trying"
    ANSWERED = "answered"
    ACKNOWLEDGED = "acknowledged"
    FIRST_PACKET = "first_packet"
    SSRC_MATCHED = "ssrc_matched"
    CONTAINER_PARSED = "container_parsed"
    FIRST_PICTURE = "first_picture"


class Mishap(StrEnum):
    """What else a trace tells, of a picture that was lost after it had come."""

    INTERRUPTED = "interrupted"
    ATTEMPT_FAILED = "attempt_failed"
    RESTORED = "restored"
    GIVEN_UP = "given_up"


OnStage = Callable[[Stage, str], None]
"""Called with a stage reached and a few words of detail."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A live INVITE (GB/T 28181-2022, 9.2): what is wanted and where it shall be sent.

    `call_id` is the Call-ID to send it with, by which traces find it; "" leaves the choice. After
    `silent_limit_s` without any answer it is withdrawn; None: the usual limit.
    """

    device_id: DeviceId
    channel_id: ChannelId
    ssrc: Ssrc
    host: str
    port: int
    transport: Transport
    stream: str
    serial: int
    call_id: str = ""
    silent_limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What the device agreed to. `ssrc` None: it did not say; `host` None: it cannot be trusted.

    With `Transport.TCP_ACTIVE` it listens at `port` of `host`, which is its registered one.
    `tolerances` names what was wrong with its SDP and was read all the same.
    """

    ssrc: Ssrc | None
    host: str | None
    transport: Transport
    tolerances: tuple[str, ...] = ()
    port: int | None = None


class Call(Protocol):
    """An established INVITE dialog with a device."""

    @property
    def answer(self) -> CallAnswer:
        """The device's side of the bargain."""
        ...

    def when_ended(self, ended: Callable[[str], None]) -> None:
        """`ended(reason)` is called once when the device ends the call."""
        ...

    async def bye(self) -> None:
        """End it; returns when the device agreed or stopped answering. Never raises."""
        ...


class Caller(Protocol):
    """Reaches devices.

    `invite` raises `DeviceOfflineError`, `RejectedError` or `NoAnswerError`. Cancelling it
    withdraws the INVITE; a late 200 is then acknowledged and ended.
    """

    async def invite(self, invitation: Invitation, on_stage: OnStage) -> Call:
        """Ask a channel for its live picture."""
        ...

    async def request_key_picture(self, device_id: DeviceId, channel_id: ChannelId) -> None:
        """IFameCmd / IFrameCmd (A.2.3.1.7); raises as `invite` does."""
        ...

    def media_host(self, device_id: DeviceId) -> str:
        """Our address as that device reaches it; raises `DeviceOfflineError`."""
        ...
