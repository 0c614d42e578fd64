"""Which commands a simulated device knows by its edition, and what they are called when counted."""

from vms.gb28181.manscdp.messages import KeyFrameControl, Message, Unknown
from vms.gb28181.manscdp.registry import Direction, Root, command_of
from vms.gb28181.version import Edition

_COMMANDS = frozenset({Root.QUERY, Root.CONTROL})


def name_of(message: Message) -> str | None:
    """The command's name in the summary; None for what is neither query nor control."""
    if isinstance(message, Unknown):
        return None
    command = command_of(message)
    if command.root not in _COMMANDS or command.direction is not Direction.TO_DEVICE:
        return None
    return "/".join((command.cmd_type, *command.sub_commands[-1:]))


def is_known(message: Message, edition: Edition, body: bytes) -> bool:
    """Whether a device of that edition understands the command.

    A key picture is asked for by `IFameCmd` up to 2016 and by `IFrameCmd` since 2022.
    """
    if isinstance(message, Unknown) or edition not in command_of(message).editions:
        return False
    if isinstance(message, KeyFrameControl):
        return (b"<IFrameCmd>" in body) == (edition is Edition.E2022)
    return True
