"""Coordinate systems: figures of gcoord 1.0.7, a library of others, and the way there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.errors import InvalidError
from vms.inventory.coordinates import from_wgs84, to_wgs84

A_METRE_DEG = 1e-5


@pytest.mark.parametrize(
    ("system", "told", "wgs84"),
    [
        ("gcj02", (116.397428, 39.90923), (116.391187, 39.907829)),
        ("gcj02", (118.376451, 31.326319), (118.371052, 31.328179)),
        ("gcj02", (87.617733, 43.792818), (87.614887, 43.791595)),
        ("bd09", (116.397428, 39.90923), (116.384802, 39.901524)),
        ("bd09", (114.1, 22.2), (114.088412, 22.196569)),
        ("gcj02", (139.7, 35.6), (139.7, 35.6)),
        ("cgcs2000", (118.376451, 31.326319), (118.376451, 31.326319)),
        ("wgs84", (118.376451, 31.326319), (118.376451, 31.326319)),
    ],
)
def test_what_is_told_becomes_wgs84(
    system: str, told: tuple[float, float], wgs84: tuple[float, float]
) -> None:
    assert to_wgs84(*told, system) == pytest.approx(wgs84, abs=2e-6)


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        ((116.397428, 39.90923), (116.40367162595768, 39.91063350638631)),
        ((73.9, 39.5), (73.90287776156353, 39.50003618563061)),
    ],
)
def test_wgs84_becomes_gcj02(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert from_wgs84(*wgs84, "gcj02") == pytest.approx(gcj02, abs=1e-9)


@given(
    st.floats(80, 130),
    st.floats(18, 52),
    st.sampled_from(["wgs84", "gcj02", "bd09", "cgcs2000"]),
)
def test_there_and_back_is_the_same_place(longitude: float, latitude: float, system: str) -> None:
    there = from_wgs84(longitude, latitude, system)

    assert to_wgs84(*there, system) == pytest.approx((longitude, latitude), abs=A_METRE_DEG)


def test_other_systems_are_refused() -> None:
    for convert in (to_wgs84, from_wgs84):
        with pytest.raises(InvalidError, match="no such coordinate system"):
            convert(118.0, 31.0, "mars")
