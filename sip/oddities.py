"""What is not as RFC 3261 has it, by name: put up with and counted, or refused.

The parser tells what it stumbles over anyhow. `oddities_of` also looks at what costs a look, for
the moments when there is time for one: a REGISTER, the first message of a source.
"""

import re
from collections.abc import Sequence
from typing import Final

from sip.errors import ProtocolError
from sip.headers import Headers
from sip.message import Findings, Request

LF_LINE_ENDS: Final = "lf_line_ends"
BLANKS_IN_START_LINE: Final = "blanks_in_start_line"
BRACKETS_IN_REQUEST_URI: Final = "brackets_in_request_uri"
LINE_WITHOUT_COLON: Final = "line_without_colon"
CONTENT_LENGTH_LIES: Final = "content_length_lies"
DUPLICATE_HEADER: Final = "duplicate_header"
MIXED_CASE_METHOD: Final = "mixed_case_method"
MISSING_CONTACT: Final = "missing_contact"
MISSING_CONTENT_TYPE: Final = "missing_content_type"
MISSING_MAX_FORWARDS: Final = "missing_max_forwards"
MISSING_FROM_TAG: Final = "missing_from_tag"
NO_ANGLE_BRACKETS: Final = "no_angle_brackets"
BLANKS_IN_ADDRESS: Final = "blanks_in_address"
UNBALANCED_QUOTES: Final = "unbalanced_quotes"
UNQUOTED_DISPLAY_NAME: Final = "unquoted_display_name"
DUPLICATE_VIA: Final = "duplicate_via"
RPORT_MISSING: Final = "rport_missing"
BRANCH_WITHOUT_COOKIE: Final = "branch_without_cookie"
HEADERS_NOT_UTF8: Final = "headers_not_utf8"

ODDITIES: Final = frozenset(
    {
        LF_LINE_ENDS,
        BLANKS_IN_START_LINE,
        BRACKETS_IN_REQUEST_URI,
        LINE_WITHOUT_COLON,
        CONTENT_LENGTH_LIES,
        DUPLICATE_HEADER,
        MIXED_CASE_METHOD,
        MISSING_CONTACT,
        MISSING_CONTENT_TYPE,
        MISSING_MAX_FORWARDS,
        MISSING_FROM_TAG,
        NO_ANGLE_BRACKETS,
        BLANKS_IN_ADDRESS,
        UNBALANCED_QUOTES,
        UNQUOTED_DISPLAY_NAME,
        DUPLICATE_VIA,
        RPORT_MISSING,
        BRANCH_WITHOUT_COOKIE,
        HEADERS_NOT_UTF8,
    }
)
"""Every name there is."""

WITH_DOUBTS: Final = frozenset({"require", "content-encoding"})
"""Header fields that may ask for what we cannot do."""

_IDENTIFYING: Final = ("from", "to", "call-id", "cseq")
_ONCE: Final = frozenset(
    {*_IDENTIFYING, "max-forwards", "expires", "content-type", "authorization", "event", "subject"}
)
_START_LINE: Final = re.compile(
    rb"SIP/\d\.\d +\d{3}\b|[A-Za-z0-9\-.!%*_+`'~]{1,64} +\S+ +SIP/\d\.\d\s*\Z"
)
_WITH_CONTACT: Final = frozenset({"REGISTER", "INVITE", "SUBSCRIBE", "NOTIFY"})
_PADDING: Final = b"\r\n\0 \t"


def is_start_line(line: bytes) -> bool:
    """Whether a line begins another message."""
    return _START_LINE.match(line) is not None


def is_unusual(request: Request, start_line: str, body: bytes) -> bool:
    """Whether start line or body deserve a closer look; quick, because every request is asked."""
    if request.uri[:4] != "sip:" or "?" in request.uri or " " in request.uri:
        return True
    if start_line[-7:] != "SIP/2.0" or start_line.count(" ") != 2:
        return True
    declared = request.headers.get("Content-Length")
    return declared != str(len(body)) and (declared is not None or body != b"")


def findings_of(request: Request, lines: Sequence[str], odd: list[str], body: bytes) -> Findings:
    """The closer look. `odd` is what was noticed before; `body` is what followed the head."""
    fault = _fault_of_start_line(request, lines[0])
    if lines[0].count(" ") != 2 and fault is None:
        odd.append(BLANKS_IN_START_LINE)
    if request.uri[:1] == "<" and request.uri[-1:] == ">":
        request.uri = request.uri[1:-1]
        odd.append(BRACKETS_IN_REQUEST_URI)
    if any(line and ":" not in line and line[0] not in " \t" for line in lines[1:]):
        odd.append(LINE_WITHOUT_COLON)
    if _lies(request.headers, body):
        odd.append(CONTENT_LENGTH_LIES)
    fault = fault or _contradiction(request.headers, odd)
    uri = request.uri
    is_doubtful = (
        uri[:4].lower() != "sip:"
        or "?" in uri.rpartition("@")[2]
        or any(name in request.headers for name in WITH_DOUBTS)
    )
    return Findings(tuple(odd), fault, is_doubtful)


def _fault_of_start_line(request: Request, line: str) -> ProtocolError | None:
    if line.rsplit(maxsplit=1)[-1].upper() != "SIP/2.0":
        return ProtocolError("request of another version", 505)
    if " " in request.uri:
        return ProtocolError("blank in the request URI")
    return None


def _lies(headers: Headers, body: bytes) -> bool:
    declared = headers.lines("Content-Length")
    if not declared:
        return False
    text = declared[0]
    if len(set(declared)) > 1 or not text.isascii() or not text.isdigit() or len(text) > 9:
        return True
    length = int(text)
    if length >= len(body):
        return length != len(body)
    rest = body[length:].strip(_PADDING)
    return bool(rest) and not is_start_line(rest.partition(b"\n")[0])


def _contradiction(headers: Headers, odd: list[str]) -> ProtocolError | None:
    """Who, to whom and which request has to be said once, or twice alike."""
    for name in _ONCE:
        values = headers.lines(name)
        if len(values) < 2:
            continue
        if name in _IDENTIFYING and len(set(values)) > 1:
            return ProtocolError(f"contradicting {name}")
        if DUPLICATE_HEADER not in odd:
            odd.append(DUPLICATE_HEADER)
    return None


def oddities_of(request: Request) -> tuple[str, ...]:
    """What the parser noticed, and what a look at the headers shows. Raises nothing."""
    headers = request.headers
    found = list(request.oddities)
    vias = headers.get_all("Via")
    first_via = vias[0].lower() if vias else ""
    tests = {
        MIXED_CASE_METHOD: request.method != request.literal_method,
        MISSING_CONTACT: request.method in _WITH_CONTACT and "Contact" not in headers,
        MISSING_CONTENT_TYPE: bool(request.body) and "Content-Type" not in headers,
        MISSING_MAX_FORWARDS: "Max-Forwards" not in headers,
        MISSING_FROM_TAG: ";tag=" not in (headers.get("From") or "").replace(" ", "").lower(),
        DUPLICATE_VIA: len(vias) > 1,
        RPORT_MISSING: "rport" not in first_via,
        BRANCH_WITHOUT_COOKIE: "branch=z9hg4bk" not in first_via.replace(" ", ""),
        HEADERS_NOT_UTF8: any(
            not value.isascii() and _is_foreign(value) for _, value in headers.items()
        ),
    }
    found += [name for name, applies in tests.items() if applies]
    for name in ("From", "To", "Contact"):
        found += _oddities_of_address(headers.get(name) or "")
    return tuple(dict.fromkeys(found))


def _is_foreign(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


def _oddities_of_address(text: str) -> list[str]:
    if not text or text == "*":
        return []
    display, bracket, rest = text.partition("<")
    if not bracket:
        return [NO_ANGLE_BRACKETS]
    found: list[str] = []
    display = display.strip()
    uri = rest.partition(">")[0]
    if uri != uri.strip():
        found.append(BLANKS_IN_ADDRESS)
    if display.replace('\\"', "").count('"') % 2:
        found.append(UNBALANCED_QUOTES)
    elif display and display[0] != '"' and not all(map(_is_of_token, display)):
        found.append(UNQUOTED_DISPLAY_NAME)
    return found


def _is_of_token(character: str) -> bool:
    return character.isalnum() or character in "-.!%*_+`'~ \t"
