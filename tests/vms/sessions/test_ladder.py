"""Who can play this and not that gets the best there is, and is told why."""

import pytest

from vms.sessions.ladder import REASONS, Offer, Player, PlayReason, ladder

ALL = frozenset({"whep", "fmp4", "flv", "ws_flv", "hls", "rtsp"})
BOTH = frozenset({"h264", "h265"})
H264 = frozenset({"h264"})
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("offer", "player", "expected"),
    [
        (
            Offer("h264", ALL),
            Player(H264, H264),
            ["whep h264 passed", "fmp4 h264 passed", "snapshot jpeg key_pictures"],
        ),
        (
            Offer("h265", ALL),
            Player(BOTH, BOTH),
            [
                "whep h265 passed",
                "fmp4 h265 passed",
                "whep h264 transcoded",
                "snapshot jpeg key_pictures",
            ],
        ),
        (
            Offer("h265", ALL, sub_codec="h264"),
            Player(H264, BOTH),
            [
                "fmp4 h265 passed",
                "whep h264 passed sub",
                "whep h264 transcoded",
                "snapshot jpeg key_pictures",
            ],
        ),
        (
            Offer("h265", ALL, can_transcode=False),
            Player(H264, H264),
            ["snapshot jpeg key_pictures"],
        ),
        (
            Offer("h265", ALL),
            Player(NONE, H264),
            ["fmp4 h264 transcoded", "snapshot jpeg key_pictures"],
        ),
        (
            Offer("h264", frozenset({"whep"})),
            Player(H264, H264),
            ["whep h264 passed", "snapshot jpeg key_pictures"],
        ),
        (Offer("h265", ALL, is_decodable=False), Player(BOTH, BOTH), ["none None passed"]),
        (Offer(None, ALL), Player(H264, H264), ["whep None passed", "fmp4 None passed"]),
        (Offer(None, ALL), Player(NONE, NONE), ["none None passed"]),
    ],
)
def test_the_rungs_stand_in_order(offer: Offer, player: Player, expected: list[str]) -> None:
    rungs = [
        f"{rung.form} {rung.video} {rung.delivery}{' sub' if rung.stream == 'sub' else ''}"
        for rung in ladder(offer, player)
    ]

    assert rungs == expected


def test_each_reason_is_told_in_two_languages() -> None:
    assert set(REASONS) == set(PlayReason)
    assert all(english and chinese for english, chinese in REASONS.values())


def test_h265_that_no_path_takes_says_that_the_server_converts_it() -> None:
    best, *_ = ladder(Offer("h265", ALL), Player(H264, H264))

    assert best.reason is PlayReason.TRANSCODED
