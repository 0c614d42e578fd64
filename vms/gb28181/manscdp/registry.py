"""Every message and every block of a configuration: what the codec, the API and the docs go by.

One more command is one dataclass, one entry in `forms`, one example in the tests.
"""

from collections.abc import Mapping

from vms.gb28181.manscdp.command import Answer, Command, Direction, Root
from vms.gb28181.manscdp.editions import assumed
from vms.gb28181.manscdp.forms.answers import ANSWERS
from vms.gb28181.manscdp.forms.catalog import CATALOG
from vms.gb28181.manscdp.forms.configs import CONFIG_TYPES, CONFIGS, ConfigType
from vms.gb28181.manscdp.forms.controls import CONTROLS
from vms.gb28181.manscdp.forms.notifies import NOTIFIES
from vms.gb28181.manscdp.forms.queries import QUERIES
from vms.gb28181.manscdp.schema import Editions
from vms.gb28181.version import Edition

__all__ = [
    "COMMANDS",
    "CONFIG_TYPES",
    "EDITIONS",
    "Answer",
    "Command",
    "ConfigType",
    "Direction",
    "Root",
    "command_of",
    "commands_named",
    "supported",
]

COMMANDS: tuple[Command, ...] = (*CONTROLS, *CONFIGS, *QUERIES, *ANSWERS, *CATALOG, *NOTIFIES)
"""In the order of annex A.2: control, query and answer, notification."""

EDITIONS: Mapping[type, Editions] = {
    **{command.cls: command.editions for command in COMMANDS},
    **{config_type.cls: config_type.editions for config_type in CONFIG_TYPES},
}
"""Which editions have a form for a message or a block, by its class."""

_OF_NAMES: dict[tuple[str, str], list[Command]] = {}
_OF_CLASS: dict[type, list[Command]] = {}
for _command in COMMANDS:
    _OF_NAMES.setdefault((_command.root, _command.cmd_type), []).append(_command)
    _OF_CLASS.setdefault(_command.cls, []).append(_command)


def supported(message_or_block: type, edition: Edition) -> bool:
    """Whether `edition` has a form for it; a peer that does not say is taken for 2016.

    `encode` writes the nearest edition's form all the same: devices know more than they say.
    """
    return assumed(edition) in EDITIONS[message_or_block]


def commands_named(root: str, cmd_type: str) -> list[Command]:
    """The messages of these two names: several where a sub-command or the content decides."""
    return _OF_NAMES.get((root, cmd_type), [])


def command_of(message: object) -> Command:
    """What there is to know about this message; it is one of `COMMANDS`."""
    commands = _OF_CLASS[type(message)]
    return next(command for command in commands if command.form.fits(message))
