"""Cuts bytes at arbitrary places."""

from itertools import pairwise

from hypothesis import strategies as st


def cut(stream: bytes, data: st.DataObject) -> list[bytes]:
    """`stream` in pieces; some may be empty."""
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    bounds = [0, *places, len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds)]
