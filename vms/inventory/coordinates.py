"""Positions in the coordinate systems that are used in China, brought to WGS-84. Pure.

GB/T 28181-2022 asks for WGS-84 (A.2.1.9); maps and field surveys use GCJ-02, its offspring BD-09,
or CGCS2000, which differs from WGS-84 by less than a metre and is taken as it is. Degrees.
"""

from math import atan2, cos, fabs, hypot, pi, sin, sqrt
from typing import Final

from vms.errors import InvalidError

WGS84: Final = "wgs84"
GCJ02: Final = "gcj02"
BD09: Final = "bd09"
CGCS2000: Final = "cgcs2000"
COORDINATE_SYSTEMS = (WGS84, GCJ02, BD09, CGCS2000)

_SEMI_MAJOR_AXIS_M = 6_378_245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
"""Of the Krasovsky 1940 ellipsoid, on which GCJ-02 is laid."""

_BD09_TURN = pi * 3000.0 / 180.0
_BD09_EAST, _BD09_NORTH = 0.0065, 0.006

_WEST, _EAST = 72.004, 137.8347
_SOUTH, _NORTH = 0.8293, 55.8271
"""Outside this box nothing is shifted."""

_STEPS = 10
"""Of the way back from GCJ-02: each makes what is left a thousandth."""


def to_wgs84(longitude: float, latitude: float, system: str) -> tuple[float, float]:
    """Longitude and latitude in WGS-84 of a point told in `system`; raises `InvalidError` for a
    system that is none of `COORDINATE_SYSTEMS`."""
    if system in (WGS84, CGCS2000):
        return longitude, latitude
    if system == BD09:
        longitude, latitude = _gcj02_of_bd09(longitude, latitude)
    elif system != GCJ02:
        raise InvalidError(f"no such coordinate system: {system[:40]}")
    return _wgs84_of_gcj02(longitude, latitude)


def from_wgs84(longitude: float, latitude: float, system: str) -> tuple[float, float]:
    """Longitude and latitude in `system` of a point in WGS-84; raises `InvalidError` likewise."""
    if system in (WGS84, CGCS2000):
        return longitude, latitude
    if system not in (GCJ02, BD09):
        raise InvalidError(f"no such coordinate system: {system[:40]}")
    shifted = _gcj02_of_wgs84(longitude, latitude)
    return shifted if system == GCJ02 else _bd09_of_gcj02(*shifted)


def _is_outside(longitude: float, latitude: float) -> bool:
    return not (_WEST <= longitude <= _EAST and _SOUTH <= latitude <= _NORTH)


def _gcj02_of_wgs84(longitude: float, latitude: float) -> tuple[float, float]:
    if _is_outside(longitude, latitude):
        return longitude, latitude
    east, north = longitude - 105.0, latitude - 35.0
    ripple = (20.0 * sin(6.0 * east * pi) + 20.0 * sin(2.0 * east * pi)) * 2.0 / 3.0
    north_m = -100.0 + 2.0 * east + 3.0 * north + 0.2 * north * north + 0.1 * east * north
    north_m += 0.2 * sqrt(fabs(east)) + ripple
    north_m += (20.0 * sin(north * pi) + 40.0 * sin(north / 3.0 * pi)) * 2.0 / 3.0
    north_m += (160.0 * sin(north / 12.0 * pi) + 320.0 * sin(north * pi / 30.0)) * 2.0 / 3.0
    east_m = 300.0 + east + 2.0 * north + 0.1 * east * east + 0.1 * east * north
    east_m += 0.1 * sqrt(fabs(east)) + ripple
    east_m += (20.0 * sin(east * pi) + 40.0 * sin(east / 3.0 * pi)) * 2.0 / 3.0
    east_m += (150.0 * sin(east / 12.0 * pi) + 300.0 * sin(east / 30.0 * pi)) * 2.0 / 3.0
    angle = latitude / 180.0 * pi
    flatness = 1.0 - _ECCENTRICITY_SQUARED * sin(angle) ** 2
    meridian_m = (
        _SEMI_MAJOR_AXIS_M * (1.0 - _ECCENTRICITY_SQUARED) / (flatness * sqrt(flatness)) * pi
    )
    parallel_m = _SEMI_MAJOR_AXIS_M / sqrt(flatness) * cos(angle) * pi
    return longitude + east_m * 180.0 / parallel_m, latitude + north_m * 180.0 / meridian_m


def _wgs84_of_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """There is no formula back: what the formula makes of a guess corrects the guess."""
    found_longitude, found_latitude = longitude, latitude
    for _ in range(_STEPS):
        shifted = _gcj02_of_wgs84(found_longitude, found_latitude)
        found_longitude += longitude - shifted[0]
        found_latitude += latitude - shifted[1]
    return found_longitude, found_latitude


def _gcj02_of_bd09(longitude: float, latitude: float) -> tuple[float, float]:
    x, y = longitude - _BD09_EAST, latitude - _BD09_NORTH
    length = hypot(x, y) - 0.00002 * sin(y * _BD09_TURN)
    angle = atan2(y, x) - 0.000003 * cos(x * _BD09_TURN)
    return length * cos(angle), length * sin(angle)


def _bd09_of_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    length = hypot(longitude, latitude) + 0.00002 * sin(latitude * _BD09_TURN)
    angle = atan2(latitude, longitude) + 0.000003 * cos(longitude * _BD09_TURN)
    return length * cos(angle) + _BD09_EAST, length * sin(angle) + _BD09_NORTH
