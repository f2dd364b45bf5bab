"""A set of small numbers, one bit each."""


class Bits:
    """See the module."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Add a number."""
        byte, bit = number >> 3, 1 << (number & 7)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits) + (len(self._bits) >> 1)))
        self._bits[byte] |= bit

    def __contains__(self, number: int) -> bool:
        """Tell whether a number was added."""
        byte = number >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & 1 << (number & 7))
