"""Requests as a platform and a camera send them, for the tests of this folder."""

from sip.headers import Headers
from sip.message import Request

PLATFORM = "<sip:34020000002000000001@3402000000>"
CAMERA = "<sip:34020000001320000001@3402000000>"


def request(method: str, *, call_id: str = "call-1", cseq: int = 1, body: bytes = b"") -> Request:
    """From the platform to the camera, outside any call, without a Via."""
    headers = Headers(
        [
            ("From", f"{PLATFORM};tag=p"),
            ("To", CAMERA),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", "<sip:34020000002000000001@192.0.2.1:5060>"),
            ("Max-Forwards", "70"),
        ]
    )
    return Request(method, "sip:34020000001320000001@192.0.2.2:5060", headers, body)
