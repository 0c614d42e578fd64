"""What a server refuses before its application sees it (RFC 3261, 8.2.2 and 8.2.3)."""

from collections.abc import Collection
from typing import Final

from sip.message import Request, Response, response_to

_SCHEMES: Final = frozenset({"sip", "sips"})
_IDENTITY: Final = frozenset({"", "identity"})


def refusal_of(request: Request) -> Response | None:
    """416, 400, 420 or 415 for a doubtful request; None where it may go on.

    Max-Forwards is not looked at: 483 is a proxy's answer (16.3), and this is none.
    """
    scheme, colon, _ = request.uri.partition(":")
    if not colon or scheme.lower() not in _SCHEMES:
        return response_to(request, 416)
    # Headers in a request URI would have us send what the peer dictates (19.1.1 forbids them).
    if "?" in request.uri.rpartition("@")[2]:
        return response_to(request, 400, reason="Headers in the request URI")
    required = request.headers.get_all("Require")
    if required and request.method not in {"ACK", "CANCEL"}:
        return response_to(request, 420, headers=[("Unsupported", ", ".join(required))])
    encoding = (request.headers.get("Content-Encoding") or "").strip().lower()
    if request.body and encoding not in _IDENTITY:
        return response_to(request, 415, headers=[("Accept-Encoding", "identity")])
    return None


def media_refusal(request: Request, accepted: Collection[str]) -> Response | None:
    """415 with Accept for a body of a type not among `accepted`, in lower case (8.2.3).

    A body without a type, and one that begins like XML, is taken: devices forget and misspell it.
    """
    kind = request.content_type
    if not request.body or not kind or kind in accepted or request.body.lstrip()[:1] == b"<":
        return None
    return response_to(request, 415, headers=[("Accept", ", ".join(sorted(accepted)))])
