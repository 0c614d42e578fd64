"""What every request passes: a trace ID, security headers, and our own count of it."""

import re
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.figures import HttpFigures
from vms.signalling.snapshots import UPLOAD_PATH
from vms.spreadsheets.unpacking import MOST_FILE_BYTES

log = structlog.get_logger(__name__)


HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


def content_security_policy(style_nonce: str | None = None, media_host: str | None = None) -> str:
    """Everything from here and nothing inline, but for style elements that carry the nonce.

    `media_host`: the host the page came from, whose other ports serve pictures by WebSocket; an
    IPv6 address cannot be named there, so with one WebSockets are allowed anywhere.
    """
    nonce = f" 'nonce-{style_nonce}'" if style_nonce else ""
    sockets = ""
    if media_host is not None:
        is_name = HOST_NAME.fullmatch(media_host) is not None
        sockets = f" ws://{media_host}:* wss://{media_host}:*" if is_name else " ws: wss:"
    return "; ".join(
        [
            "default-src 'self'",
            "script-src 'self'",
            f"style-src 'self'{nonce}",
            f"connect-src 'self'{sockets}",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


SECURITY_HEADERS = {
    "Content-Security-Policy": content_security_policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}

MAX_BODY_BYTES = 2**20
MAX_UPLOAD_BYTES = 9 * 2**20
"""Where devices put pictures: one of the largest, in a form."""
IMPORTS_PATH = "/api/v1/imports/"
MAX_IMPORT_BYTES = MOST_FILE_BYTES + 2**16
"""With the rims of a form around the file."""

LONGEST_LOGGED_PATH = 256

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """The outermost layer. Paths are logged, queries never: they carry tokens."""

    def __init__(self, app: ASGIApp, figures: HttpFigures, monotonic: Callable[[], float]) -> None:
        self._app = app
        self._figures = figures
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = secrets.token_hex(16)
        scope["trace_id"] = trace_id
        started = self._monotonic()
        status = 500
        is_upload = scope["path"].startswith(UPLOAD_PATH)
        is_stream = False

        async def send_guarded(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Trace-Id"] = trace_id
                is_stream = headers.get("content-type", "").startswith("text/event-stream")
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            try:
                limited = _limited(receive, _most_bytes(scope["path"]))
                await self._app(scope, limited, send_guarded)
            finally:
                took_s = self._monotonic() - started
                self._figures.count(scope["method"], status, took_s, is_stream=is_stream)
                if status >= 400 or scope["method"] not in SAFE_METHODS:
                    log.info(
                        "http request",
                        method=scope["method"],
                        # What follows is as good as a password.
                        path=UPLOAD_PATH if is_upload else scope["path"][:LONGEST_LOGGED_PATH],
                        status=status,
                        took_ms=round(took_s * 1000, 1),
                    )


def _most_bytes(path: str) -> int:
    if path.startswith(UPLOAD_PATH):
        return MAX_UPLOAD_BYTES
    return MAX_IMPORT_BYTES if path.startswith(IMPORTS_PATH) else MAX_BODY_BYTES


def _limited(receive: Receive, limit: int) -> Receive:
    """Bodies up to a limit, whatever length they announce; what nobody reads costs nothing."""
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, f"a request body has at most {limit} bytes")
        return message

    return receive_limited


def is_same_origin(headers: Headers) -> bool:
    """Whether a browser sent this on behalf of our own page.

    A write that is authenticated by the cookie has to prove it; programs use a bearer token.
    """
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    return headers.get("sec-fetch-site") == "same-origin"


def is_foreign(headers: Headers) -> bool:
    """Whether a browser says that another site made it send this; programs say nothing."""
    is_told = "origin" in headers or "sec-fetch-site" in headers
    return is_told and not is_same_origin(headers)
