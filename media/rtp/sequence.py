"""Numbers that wrap: RTP sequence numbers (16 bits), timestamps (32), program clocks (33)."""


def distance(earlier: int, later: int, bits: int) -> int:
    """How far `later` is ahead of `earlier` modulo 2**bits; negative when it is behind."""
    modulus = 1 << bits
    forward = (later - earlier) & (modulus - 1)
    return forward if forward < modulus >> 1 else forward - modulus


def sequence_distance(earlier: int, later: int) -> int:
    """`distance` of two RTP sequence numbers."""
    forward = (later - earlier) & 0xFFFF
    return forward if forward < 0x8000 else forward - 0x10000
