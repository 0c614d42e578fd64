"""Where a simulated device drives: round and round a park, the same way each time."""

import math
from datetime import datetime
from hashlib import blake2b

from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp.messages import Position

CENTRE_LONGITUDE, CENTRE_LATITUDE = 118.376451, 31.326319
RADIUS_DEG = 0.01
LAP_S = 600.0
_METRES_A_DEGREE = 111_320.0


def home_of(channel_id: str) -> tuple[float, float]:
    """Longitude and latitude of a channel that stands still: near the park, its own place."""
    east, north = blake2b(channel_id.encode(), digest_size=2).digest()
    return (
        round(CENTRE_LONGITUDE + (east - 128) / 2000, 6),
        round(CENTRE_LATITUDE + (north - 128) / 2000, 6),
    )


def position_of(channel_id: ChannelId, at: datetime) -> Position:
    """Where the channel is at that moment: on a circle around its place, clockwise."""
    longitude, latitude = home_of(channel_id)
    angle = at.timestamp() % LAP_S / LAP_S * 2 * math.pi
    circumference_m = 2 * math.pi * RADIUS_DEG * _METRES_A_DEGREE
    return Position(
        source_id=channel_id,
        captured_at=at,
        longitude=round(longitude + RADIUS_DEG * math.sin(angle), 6),
        latitude=round(latitude + RADIUS_DEG * math.cos(angle), 6),
        speed_kmh=round(circumference_m / LAP_S * 3.6, 1),
        direction_deg=round((math.degrees(angle) + 90) % 360, 1),
        altitude_m=15.0,
        height_m=2.0,
    )
