"""Where a picture can be had: a URL for each form, with a token of its own."""

from pydantic import BaseModel, Field
from starlette.requests import Request

from api.authentication import Caller, media_tokens_of
from api.ports import WorkerPorts
from vms.sessions.views import SessionView


class MediaUrls(BaseModel):
    """Where the picture can be had, by form; null where a form is not served now.

    Each holds a token, is good for one viewer, and can be opened for a minute.
    """

    whep: str = Field(description="WebRTC: POST an SDP offer here (RFC 9725).")
    fmp4: str | None = Field(description="Fragmented MP4 over a WebSocket, for MediaSource.")
    flv: str | None = Field(description="FLV as one endless answer to GET.")
    ws_flv: str | None = Field(description="FLV over a WebSocket.")
    hls: str | None = Field(description="HLS playlist, with low-latency parts.")
    rtsp: str | None = Field(description="RTSP, interleaved or over UDP.")


def media_urls(
    request: Request, view: SessionView, ports: WorkerPorts | None, caller: Caller
) -> MediaUrls:
    """The URLs of a session for whoever asks, at the host they reached us by."""
    tokens = media_tokens_of(request)
    channel = (view.device_id, view.channel_id)
    host = request.url.hostname or "127.0.0.1"
    place = f"[{host}]" if ":" in host else host
    path = f"/live/{view.device_id}/{view.channel_id}"

    def lend(form: str) -> str:
        return tokens.lend(
            caller.credential,
            form,
            (*channel, view.stream),
            source=caller.source,
            user_id=caller.principal.user_id,
        )

    def url(form: str, ending: str, *, is_websocket: bool = False) -> str | None:
        if ports is None or not ports.http:
            return None
        base = ports.http_base(place, is_websocket=is_websocket)
        return f"{base}{path}{ending}?token={lend(form)}"

    rtsp = ports.rtsp if ports else 0
    scheme = "rtsps" if ports and ports.is_rtsp_tls else "rtsp"
    whep = request.url_for("whep_start", device_id=channel[0], channel_id=channel[1])
    return MediaUrls(
        whep=str(whep.include_query_params(stream=view.stream, token=lend("whep"))),
        fmp4=url("fmp4", ".mp4", is_websocket=True),
        flv=url("flv", ".flv"),
        ws_flv=url("ws_flv", ".ws.flv", is_websocket=True),
        hls=url("hls", "/index.m3u8"),
        rtsp=f"{scheme}://{place}:{rtsp}{path}?token={lend('rtsp')}" if rtsp else None,
    )
