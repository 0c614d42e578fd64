"""Reads the bit syntax of H.264 and H.265 parameter sets (ITU-T H.264 7.2 and 9.1)."""

from media.errors import ProtocolError

_EXP_GOLOMB_LIMIT = 32


class BitReader:
    """Bits from the front of an RBSP; running out of them is a `ProtocolError`."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def u(self, bits: int) -> int:
        """An unsigned number of `bits` bits."""
        if bits > self._left:
            raise ProtocolError("truncated-parameter-set")
        self._left -= bits
        return (self._value >> self._left) & ((1 << bits) - 1)

    def ue(self) -> int:
        """An unsigned Exp-Golomb number."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > _EXP_GOLOMB_LIMIT:
                raise ProtocolError("bad-exp-golomb")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number."""
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)


def rbsp(nal: bytes) -> bytes:
    """`nal` without its emulation prevention bytes."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")
