"""MANSCDP bodies: bytes to messages and back (GB/T 28181-2022 annex A.2).

Generous with what comes in, each deviation named; exact with what goes out. What a message looks
like stands in `vms.gb28181.manscdp.forms`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.again import Known, read_again
from vms.gb28181.manscdp.command import Command
from vms.gb28181.manscdp.document import Document, read_document
from vms.gb28181.manscdp.editions import nearest
from vms.gb28181.manscdp.fields import read_integer
from vms.gb28181.manscdp.messages import Keepalive, Message, Unknown
from vms.gb28181.manscdp.registry import COMMANDS, command_of, commands_named
from vms.gb28181.manscdp.schema import block, leaf
from vms.gb28181.manscdp.tolerances import Tolerance, note_odd_id
from vms.gb28181.version import Edition

CONTENT_TYPE = "Application/MANSCDP+xml"

EXACT_KEEPALIVE = re.compile(
    rb"(?:<\?xml [\x20-\x3b=\x40-\x7e]{1,60}\?>)?\s*+<Notify>\s*+<CmdType>Keepalive</CmdType>\s*+"
    rb"<SN>([1-9][0-9]{0,9})</SN>\s*+<DeviceID>([0-9]{20})</DeviceID>\s*+<Status>OK</Status>\s*+"
    rb"(?:<Info>\s*+</Info>\s*+|<Info\s?/>\s*+)?</Notify>\s*+\Z"
)
"""A Keepalive of the usual shape, with nothing to forgive: its SN and its device ID."""

_CMD_TYPE_OF_LOWER: Mapping[str, str] = {
    **{command.cmd_type.lower(): command.cmd_type for command in COMMANDS},
    # The schema of the 2014 supplement prints it so.
    "persetquery": "PresetQuery",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message, and by name what had to be forgiven to read it."""

    message: Message
    tolerances: tuple[Tolerance, ...] = ()


def decode(body: bytes, known: Known | None = None) -> Decoded:
    """Read a MANSCDP body; raises `ProtocolError`, whatever the bytes.

    Element order is free, unknown elements are ignored, a message of no known (root, CmdType) or
    sub-command is `Unknown`. Items of lists are read one by one. With `known`, a part of a
    catalogue that names nothing new may be made of the items that are on file.
    """
    if known is not None:
        notes: set[Tolerance] = set()
        part = read_again(body, known, notes)
        if part is not None:
            return Decoded(part, tuple(sorted(notes)))
    # One body in a hundred is no keepalive: the bulk is told apart without an XML parser.
    keepalive = EXACT_KEEPALIVE.match(body)
    if keepalive:
        return Decoded(Keepalive(int(keepalive[1]), DeviceId(keepalive[2].decode("ascii"))))

    document = read_document(body)
    cmd_type = document.leaves.get("CmdType", "")
    if not cmd_type:
        raise ProtocolError("a MANSCDP body without a CmdType")
    command = _command_in(document, cmd_type)
    sn = _sn(document)
    if command is None:
        device_id = _device_id(document, is_optional=True)
        message: Message = Unknown(document.root, cmd_type, sn, device_id, body)
    else:
        device_id = _device_id(document, command.id_tag, is_optional=command.is_id_optional)
        message = cast("Message", command.form.read_message(document, sn, device_id))
    return Decoded(message, tuple(sorted(document.notes)))


def _command_in(document: Document, cmd_type: str) -> Command | None:
    commands = commands_named(document.root, cmd_type)
    if not commands:
        meant = _CMD_TYPE_OF_LOWER.get(cmd_type.lower(), "")
        commands = commands_named(document.root, meant)
        if commands:
            document.notes.add(Tolerance.COMMAND_SPELLING)
    if not commands or not commands[0].sub_commands:
        return commands[0] if commands else None
    node = document.node
    told = (command for command in commands if any(map(node.has, command.sub_commands)))
    return next(told, None)


def _sn(document: Document) -> int:
    sn = read_integer(document.leaves.get("SN", ""))
    if sn is None or sn < 1:
        document.notes.add(Tolerance.SN)
        return 0
    return sn


def _device_id(document: Document, tag: str = "DeviceID", *, is_optional: bool) -> DeviceId | None:
    text = document.leaves.get(tag, "")
    try:
        device_id = DeviceId.parse(text)
    except ProtocolError:
        if is_optional:
            return None
        raise
    note_odd_id(device_id, document.notes)
    return device_id


def encode(message: Message, edition: Edition) -> bytes:
    """Write a MANSCDP body for a peer of `edition`: CRLF, elements in the schema's order.

    Up to 2016 it is labelled GB2312 and holds GB 18030, its superset; since 2022 it says so (6.10).
    What `edition` has no form for is written in that of the nearest edition that has one; raises
    `ProtocolError` where none has. `Unknown` is written as it came.
    """
    if isinstance(message, Unknown):
        return message.raw
    command = command_of(message)
    charset = "GB18030" if edition is Edition.E2022 else "GB2312"
    device_id = message.device_id
    lines = [
        f"<CmdType>{command.cmd_type}</CmdType>",
        f"<SN>{message.sn}</SN>",
        *leaf(command.id_tag, str(device_id) if device_id else ""),
        *command.form.lines(message, nearest(command.editions, edition)),
    ]
    declaration = f'<?xml version="1.0" encoding="{charset}"?>'
    return "\r\n".join([declaration, *block(command.root, lines), ""]).encode("gb18030")
