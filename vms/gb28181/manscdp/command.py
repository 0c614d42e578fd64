"""What there is to know about one MANSCDP message: its names, its editions, who answers how."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from vms.gb28181.manscdp.document import Document
from vms.gb28181.manscdp.editions import EVERY
from vms.gb28181.manscdp.schema import Editions, Element, Shape
from vms.gb28181.version import Edition


class Root(StrEnum):
    """The four kinds of body."""

    CONTROL = "Control"
    QUERY = "Query"
    NOTIFY = "Notify"
    RESPONSE = "Response"


class Direction(StrEnum):
    """Who sends it, seen from the upper side; a platform below stands where the device does."""

    TO_DEVICE = "to_device"
    FROM_DEVICE = "from_device"


class Answer(StrEnum):
    """What comes back beside the SIP answer."""

    NONE = "none"
    RESULT = "result"
    DATA = "data"


class MessageForm(Protocol):
    """How a message is read from a body and written into one."""

    def read_message(self, document: Document, sn: int, device_id: Any) -> Any:
        """The message; raises `ProtocolError`. `device_id` is None only where it is optional."""
        ...

    def lines(self, value: Any, edition: Edition) -> Iterator[str]:
        """What follows CmdType, SN and DeviceID, one element a line."""
        ...

    def fits(self, value: Any) -> bool:
        """Whether this form writes `value`, where a class has several."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """One message of annex A.2."""

    cls: type
    root: Root
    cmd_type: str
    form: MessageForm
    direction: Direction
    answer: Answer = Answer.NONE
    editions: Editions = EVERY
    sub_commands: tuple[str, ...] = ()
    """The element that tells one DeviceControl from another, in all its spellings."""
    id_tag: str = "DeviceID"
    is_id_optional: bool = False

    @property
    def name(self) -> str:
        """The name a person knows it by: the sub-command, else the CmdType."""
        return self.sub_commands[-1] if self.sub_commands else self.cmd_type


def query(cls: type, cmd_type: str, *rows: Element, editions: Editions = EVERY) -> Command:
    """A question; every one is answered with data."""
    form: Shape[Any] = Shape(cls, *rows)
    return Command(cls, Root.QUERY, cmd_type, form, Direction.TO_DEVICE, Answer.DATA, editions)


def response(
    cls: type,
    cmd_type: str,
    *rows: Element,
    editions: Editions = EVERY,
    direction: Direction = Direction.FROM_DEVICE,
) -> Command:
    """An answer."""
    form: Shape[Any] = Shape(cls, *rows)
    return Command(cls, Root.RESPONSE, cmd_type, form, direction, editions=editions)


def notify(
    cls: type,
    cmd_type: str,
    *rows: Element,
    editions: Editions = EVERY,
    answer: Answer = Answer.NONE,
) -> Command:
    """Something told unasked."""
    form: Shape[Any] = Shape(cls, *rows)
    return Command(cls, Root.NOTIFY, cmd_type, form, Direction.FROM_DEVICE, answer, editions)
