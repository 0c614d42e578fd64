"""The ten-digit SSRC of `y=` (GB/T 28181-2022 annex G): live or history, domain, sequence."""

from typing import NewType

Ssrc = NewType("Ssrc", int)
"""A 32-bit RTP SSRC whose decimal digits the standard gives a meaning."""

MAX_SEQUENCE = 9999
_HISTORY = 1_000_000_000


def live_ssrc(platform_id: str, sequence: int) -> Ssrc:
    """The SSRC of a live stream: 0, digits 4 to 8 of the platform's ID, four digits of sequence.

    `sequence` is unique among the domain's current streams, 0 to 9999; anything else is the
    caller's mistake (`ValueError`).
    """
    if not 0 <= sequence <= MAX_SEQUENCE:
        raise ValueError(f"an SSRC's sequence has four digits: {sequence}")
    return Ssrc(int(platform_id[3:8]) * 10_000 + sequence)


def history_ssrc(platform_id: str, sequence: int) -> Ssrc:
    """The SSRC of a playback or download: as `live_ssrc`, with 1 in front."""
    return Ssrc(_HISTORY + live_ssrc(platform_id, sequence))


def is_history(ssrc: Ssrc) -> bool:
    """True for a playback or download; an SSRC a device made up may be neither."""
    return ssrc // _HISTORY == 1


def ten_digits(ssrc: Ssrc) -> str:
    """As `y=` and the Subject header carry it."""
    return f"{ssrc:010d}"
