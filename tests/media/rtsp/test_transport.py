"""How a viewer may ask for a track, and what is not served."""

import pytest

from media.rtsp.transport import Delivery, Interleave, UdpPorts, parse_transport


@pytest.mark.parametrize(
    ("text", "delivery"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=2-3", Interleave(2, 3)),
        ("RTP/AVP/TCP;unicast;mode=PLAY", Interleave(4, 5)),
        ("RTP/AVP;unicast;client_port=5000-5001", UdpPorts(5_000, 5_001)),
        ('rtp/avp/udp; client_port=5000 ;mode="play"', UdpPorts(5_000, 5_001)),
        ("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1", Interleave(0, 1)),
        ("RTP/AVP;unicast;destination=192.0.2.1;client_port=6-7", UdpPorts(6, 7)),
        ("RTP/AVP;multicast;client_port=5000-5001", None),
        ("RTP/AVP;unicast;client_port=0-1", None),
        ("RTP/AVP;unicast;client_port=65535", None),
        ("RTP/AVP;unicast;client_port=70000-70001", None),
        ("RTP/AVP/TCP;interleaved=255-256", None),
        ("RTP/AVP/TCP;interleaved=3-3", None),
        ("RTP/AVP/TCP;interleaved=0-1;mode=record", None),
        ("RTP/SAVP;client_port=5000-5001", None),
        ("", None),
    ],
)
def test_a_way_is_understood_or_refused(text: str, delivery: Delivery | None) -> None:
    assert parse_transport(text, 4) == delivery
