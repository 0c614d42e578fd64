"""Which characters a MANSCDP body's bytes mean (GB/T 28181-2022, 6.10).

The declaration lies too often to be believed: cameras label UTF-8 as GB2312 and the reverse.
"""

import re

from vms.gb28181.manscdp.tolerances import Tolerance

_BOM = b"\xef\xbb\xbf"
_DECLARATION = re.compile(rb"\s*<\?xml\s[^<>]*?encoding\s*=\s*[\"']?([A-Za-z0-9._:-]{1,32})")
_THREE_BYTES_IN_UTF8 = re.compile("[\u0800-\U0010ffff]")
_UTF8_NAMES = frozenset({"utf-8", "utf8"})
_GB_NAMES = frozenset({"gb2312", "gbk", "gb18030", "gb-18030", "gb_2312-80", "cp936"})
# Only codecs known to be harmless: the name comes off the wire.
_OTHER_CODECS = {
    "big5": "big5",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "windows-1252": "windows-1252",
}


def read_text(body: bytes, notes: set[Tolerance]) -> str:
    """Bytes to text, always.

    UTF-8 where it validates and holds a sequence of three or more bytes, as Chinese does. With
    shorter ones only, GB18030: two-byte GB characters such as C2 B7 validate as UTF-8 by accident.
    A declared charset counts only where it is neither of the two.
    """
    if body.startswith(_BOM):
        notes.add(Tolerance.BYTE_ORDER_MARK)
        body = body.removeprefix(_BOM)
    stripped = body.rstrip(b"\0")
    if len(stripped) != len(body):
        notes.add(Tolerance.CONTROL_CHARACTERS)
    if stripped.isascii():
        return stripped.decode("ascii")

    declared = _declared_charset(stripped)
    try:
        text = stripped.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if _THREE_BYTES_IN_UTF8.search(text):
            if declared in _GB_NAMES:
                notes.add(Tolerance.CHARSET_MISLABELLED)
            return text
    if declared in _UTF8_NAMES:
        notes.add(Tolerance.CHARSET_MISLABELLED)
    codec = _OTHER_CODECS.get(declared, "gb18030")
    try:
        return stripped.decode(codec)
    except UnicodeDecodeError:
        notes.add(Tolerance.UNDECODABLE_TEXT)
        return stripped.decode(codec, errors="replace")


def _declared_charset(body: bytes) -> str:
    matched = _DECLARATION.match(body)
    return matched[1].decode("ascii").lower() if matched else ""
