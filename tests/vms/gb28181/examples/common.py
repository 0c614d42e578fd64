"""What an example is, and who plays in the examples."""

from dataclasses import dataclass
from datetime import datetime

from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.editions import EVERY
from vms.gb28181.manscdp.fields import BEIJING
from vms.gb28181.manscdp.messages import Message
from vms.gb28181.version import Edition

PLATFORM = DeviceId("34020000002000000001")
RECORDER = DeviceId("34020000001180000001")
CAMERA = DeviceId("34020000001320000001")
CHANNEL = ChannelId("34020000001320000001")
SECOND_CHANNEL = ChannelId("34020000001320000002")
ALARM_INPUT = DeviceId("34020000001340000001")
SPEAKER = DeviceId("34020000001370000001")
SESSION = "6f1d2c3b4a5968778695a4b3c2d1e0f1"


@dataclass(frozen=True, slots=True)
class Example:
    """What a body says, and the editions in which it is written exactly so.

    `respelt` are numbers that are written otherwise than read: 90.00 as 90.0.
    """

    message: Message
    xml: str
    editions: frozenset[Edition] = EVERY
    respelt: tuple[tuple[str, str], ...] = ()

    @property
    def written(self) -> str:
        """The XML as it is written, without line breaks."""
        text = self.xml
        for old, new in self.respelt:
            text = text.replace(old, new)
        return text


def beijing(text: str) -> datetime:
    """The time a text of the wire means."""
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def body(root: str, cmd_type: str, sn: int, device_id: str, rest: str = "") -> str:
    """A whole body without line breaks."""
    return (
        f"<{root}><CmdType>{cmd_type}</CmdType><SN>{sn}</SN><DeviceID>{device_id}</DeviceID>"
        f"{rest}</{root}>"
    )


def control(sn: int, device_id: str, rest: str) -> str:
    """A DeviceControl."""
    return body("Control", "DeviceControl", sn, device_id, rest)
