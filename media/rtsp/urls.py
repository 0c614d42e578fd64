"""The URLs of RTSP: the stream, its tracks, and where else it is. Pure."""

import re
from urllib.parse import parse_qs, quote, urlsplit

from media.door import WorkerPorts

_LIVE = re.compile(r"/live/[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}/?")
_TRACK = re.compile(r"/(trackID=[0-9]{1,3})/?(?:\?|$)")
_FIELDS_LIMIT = 16


def is_live(path: str) -> bool:
    """The path of a stream. Device and channel in it do not count."""
    return _LIVE.fullmatch(path) is not None


def track_of(url: str) -> str:
    """The track that the URL of a SETUP names; empty without one.

    Players put it behind the whole URL, some behind a query.
    """
    named = _TRACK.search(url)
    return named[1] if named else ""


def base_of(url: str) -> str:
    """The URL of the whole stream, without query and track."""
    return re.sub(r"/trackID=[0-9]{1,3}$", "", url.partition("?")[0].rstrip("/"))


def path_and_token(url: str) -> tuple[str, str]:
    """Of an RTSP URL; both empty for what is none."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, max_num_fields=_FIELDS_LIMIT)
    except ValueError:
        return "", ""
    if parts.scheme.lower() not in {"rtsp", "rtsps"}:
        return "", ""
    return parts.path, query.get("token", [""])[0]


def elsewhere(url: str, place: WorkerPorts, token: str, own_host: str) -> str:
    """The same URL at another worker of the same host, as the viewer knows the host."""
    parts = urlsplit(url)
    host = parts.hostname or own_host
    shown = f"[{host}]" if ":" in host else host
    scheme = "rtsps" if parts.scheme.lower() == "rtsps" else "rtsp"
    return f"{scheme}://{shown}:{place.rtsp}{parts.path}?token={quote(token, safe='')}"
