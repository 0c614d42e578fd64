"""The paths of media: what is asked for, in which form."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from media.door import Form, WorkerPorts
from media.http.request import Request
from media.unit import Codec
from media.variants import Wanted

_NAME = "[A-Za-z0-9_-]{1,64}"
_LIVE = re.compile(rf"/live/{_NAME}/{_NAME}(\.flv|\.ws\.flv|\.mp4|/index\.m3u8)")
_HLS = re.compile(
    rf"/live/{_NAME}/{_NAME}/([A-Za-z0-9_-]{{1,128}})/([a-z0-9]{{1,24}}\.[a-z0-9]{{3,4}})"
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(:[0-9]{1,5})?")

_FORMS = {
    (".flv", False): Form.FLV,
    (".flv", True): Form.WS_FLV,
    (".ws.flv", True): Form.WS_FLV,
    (".mp4", False): Form.FMP4,
    (".mp4", True): Form.FMP4,
    ("/index.m3u8", False): Form.HLS,
}


@dataclass(frozen=True, slots=True)
class Live:
    """Somebody wants to watch, and shows a token; None: not in this form."""

    form: Form | None


@dataclass(frozen=True, slots=True)
class HlsFile:
    """Something of a viewer that was let in."""

    secret: str
    name: str


def route(request: Request) -> Live | HlsFile | None:
    """What the path asks for; None: nothing that is here. Device and channel in it do not count."""
    live = _LIVE.fullmatch(request.path)
    if live is not None:
        return Live(_FORMS.get((live[1], request.wants_websocket)))
    part = _HLS.fullmatch(request.path)
    return None if part is None else HlsFile(part[1], part[2])


def wanted_of(request: Request) -> Wanted:
    """What the viewer can take: `video=h264` only that, `pictures=key` only the key pictures."""
    only_h264 = request.query.get("video") == "h264"
    return Wanted(
        video=(Codec.H264,) if only_h264 else (Codec.H264, Codec.H265),
        audio=(Codec.AAC,),
        key_pictures_only=request.query.get("pictures") == "key",
    )


def moved(request: Request, place: WorkerPorts, token: str, own_host: str) -> str:
    """The same URL at another worker of the same host, as the viewer knows the host."""
    found = _HOST.fullmatch(request.headers.get("host", ""))
    host = found[1] if found else own_host
    base = place.http_base(host, is_websocket=request.wants_websocket)
    kept = [(name, request.query[name]) for name in ("video", "pictures") if name in request.query]
    query = urlencode([("token", token), *kept])
    return f"{base}{request.path}?{query}"
