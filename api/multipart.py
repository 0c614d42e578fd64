"""The file in a multipart form (RFC 7578), as some cameras upload their pictures."""

import re

from vms.errors import InvalidError

MAX_PARTS = 16
LONGEST_HEAD = 2_048

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_FILENAME = re.compile(rb'\bfilename="([^"\r\n]{0,255})"', re.IGNORECASE)


def is_form(content_type: str) -> bool:
    """Whether a body of this type is a form with parts."""
    return content_type.lower().lstrip().startswith("multipart/")


def file_of(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Name and bytes of the first part that is a file. Raises `InvalidError`."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise InvalidError("a form without a boundary", field="data")
    boundary = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    for part in body.split(boundary, MAX_PARTS + 1)[1 : MAX_PARTS + 1]:
        head, gap, data = part.partition(b"\r\n\r\n")
        if not gap or len(head) > LONGEST_HEAD:
            continue
        name = _FILENAME.search(head)
        if name is not None:
            return name[1].decode("utf-8", "replace"), data.removesuffix(b"\r\n")
    raise InvalidError("a form without a file", field="data")
