"""Which form of a picture somebody gets who can play this and not that: one decision, with reasons.

From the best to the worst: as it comes by WebRTC, as it comes as fMP4, the camera's sub-stream,
pictures made into others, key pictures alone, a plain word why there is nothing to see. Whoever
does not get the first (a limit, a network) goes on with the next.
"""

from dataclasses import dataclass
from enum import StrEnum


class PlayReason(StrEnum):
    """Why a rung was chosen; stable, for programs."""

    CODEC_UNKNOWN = "codec_unknown"
    PLAYS_AS_IT_COMES = "plays_as_it_comes"
    H265_BY_WEBRTC = "h265_by_webrtc"
    NO_WEBRTC = "no_webrtc"
    H265_BY_MEDIA_SOURCE = "h265_by_media_source"
    SUB_STREAM = "sub_stream"
    TRANSCODED = "transcoded"
    KEY_PICTURES = "key_pictures"
    NOT_DECODABLE = "not_decodable"
    NOTHING_PLAYS = "nothing_plays"
    CHOSEN = "chosen"


REASONS: dict[PlayReason, tuple[str, str]] = {
    PlayReason.CODEC_UNKNOWN: (
        "What the camera sends is known with its first picture; WebRTC is tried first.",
        "收到首帧画面后才能确定编码；先尝试 WebRTC。",
    ),
    PlayReason.PLAYS_AS_IT_COMES: (
        "The picture goes to the player as the camera sends it, by WebRTC.",
        "画面按摄像机原编码经 WebRTC 播放。",
    ),
    PlayReason.H265_BY_WEBRTC: (
        "The camera sends H.265 and this player takes it by WebRTC.",
        "摄像机发送 H.265，播放器支持经 WebRTC 播放。",
    ),
    PlayReason.NO_WEBRTC: (
        "This player does not take the picture by WebRTC; it gets it as fMP4.",
        "播放器不支持经 WebRTC 播放该编码，改用 fMP4。",
    ),
    PlayReason.H265_BY_MEDIA_SOURCE: (
        "The camera sends H.265, which this player takes as fMP4 and not by WebRTC.",
        "摄像机发送 H.265，播放器不支持 WebRTC 播放，改用 fMP4。",
    ),
    PlayReason.SUB_STREAM: (
        "This player does not play H.265; the camera's sub-stream is H.264.",
        "播放器不支持 H.265，改看摄像机的 H.264 子码流。",
    ),
    PlayReason.TRANSCODED: (
        "This player does not play what the camera sends; the server makes H.264 of it.",
        "播放器不支持该编码，由服务器转码为 H.264。",
    ),
    PlayReason.KEY_PICTURES: (
        "No other form serves this player, or no place to convert is free: pictures one by one.",
        "当前没有其他可用的播放方式，或转码名额已满：只显示单帧画面。",
    ),
    PlayReason.NOT_DECODABLE: (
        "Nobody here decodes this picture: set the camera to H.264, and its encryption off.",
        "摄像机发送的画面无法解码。请将编码设为 H.264，并关闭码流加密。",
    ),
    PlayReason.CHOSEN: (
        "This form was asked for, and the picture goes into it as the camera sends it.",
        "按请求的方式播放，画面保持摄像机原编码。",
    ),
    PlayReason.NOTHING_PLAYS: (
        "This player can show none of the forms this server has.",
        "播放器不支持本服务器提供的任何播放方式。",
    ),
}
"""In English and in Chinese."""


@dataclass(frozen=True, slots=True)
class Player:
    """What somebody can play: video codecs (`h264`, `h265`) by WebRTC and by MediaSource."""

    webrtc: frozenset[str] = frozenset({"h264"})
    media_source: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is. `codec` and `sub_codec` are None where nobody has seen the stream yet.

    `forms` are those served now; `can_transcode`: a place is free. `stream` is the one asked for,
    `sub_codec` that of the other one where the main one was asked for.
    """

    codec: str | None
    forms: frozenset[str]
    stream: str = "main"
    sub_codec: str | None = None
    can_transcode: bool = True
    is_decodable: bool = True


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to show the picture.

    `form` is a form of output, `snapshot` (JPEG by `GET …/snapshot`), or `none`. `video` is the
    codec that arrives, None where it is not known or there is none; `delivery` `passed`,
    `transcoded` or `key_pictures`.
    """

    form: str
    video: str | None
    delivery: str
    stream: str
    reason: PlayReason


def ladder(offer: Offer, player: Player) -> tuple[Rung, ...]:
    """The rungs that hold, the best first; never empty."""
    if not offer.is_decodable:
        return (Rung("none", None, "passed", offer.stream, PlayReason.NOT_DECODABLE),)
    if offer.codec is None:
        return _unseen(offer, player)
    rungs = [*_as_it_comes(offer, offer.codec, player)]
    if offer.sub_codec == "h264" and offer.codec != "h264":
        rungs += _form_of_h264(offer, player, "sub", "passed", PlayReason.SUB_STREAM)
    # Of H.264 the server would make H.264 again.
    if offer.can_transcode and offer.codec != "h264":
        rungs += _form_of_h264(offer, player, offer.stream, "transcoded", PlayReason.TRANSCODED)
    rungs.append(Rung("snapshot", "jpeg", "key_pictures", offer.stream, PlayReason.KEY_PICTURES))
    return tuple(rungs)


def _as_it_comes(offer: Offer, codec: str, player: Player) -> list[Rung]:
    is_h265 = codec == "h265"
    rungs: list[Rung] = []
    if "whep" in offer.forms and codec in player.webrtc:
        why = PlayReason.H265_BY_WEBRTC if is_h265 else PlayReason.PLAYS_AS_IT_COMES
        rungs.append(Rung("whep", codec, "passed", offer.stream, why))
    if "fmp4" in offer.forms and codec in player.media_source:
        why = PlayReason.H265_BY_MEDIA_SOURCE if is_h265 else PlayReason.NO_WEBRTC
        rungs.append(Rung("fmp4", codec, "passed", offer.stream, why))
    return rungs


def _form_of_h264(
    offer: Offer, player: Player, stream: str, delivery: str, why: PlayReason
) -> list[Rung]:
    if "whep" in offer.forms and "h264" in player.webrtc:
        return [Rung("whep", "h264", delivery, stream, why)]
    if "fmp4" in offer.forms and "h264" in player.media_source:
        return [Rung("fmp4", "h264", delivery, stream, why)]
    return []


def _unseen(offer: Offer, player: Player) -> tuple[Rung, ...]:
    forms = [
        form
        for form, plays in (("whep", player.webrtc), ("fmp4", player.media_source))
        if form in offer.forms and plays
    ]
    if not forms:
        return (Rung("none", None, "passed", offer.stream, PlayReason.NOTHING_PLAYS),)
    return tuple(
        Rung(form, None, "passed", offer.stream, PlayReason.CODEC_UNKNOWN) for form in forms
    )
