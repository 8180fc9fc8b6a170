"""A call's audio as it is sent to a provider, kept as long as it may be needed again. Pure."""

from __future__ import annotations


class Backlog:
    """Bytes by their position, in seconds of audio since the call began.

    Args:
        bytes_per_s: of the encoding.
        keep_s: more is never kept; what is older is lost.
    """

    def __init__(self, bytes_per_s: int, keep_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._most = round(keep_s * bytes_per_s)
        self._data = bytearray()
        self._begin = 0  # of `_data`, in bytes since the call began

    @property
    def begin_s(self) -> float:
        """From where audio is kept."""
        return self._begin / self._bytes_per_s

    @property
    def end_s(self) -> float:
        """How much audio there has been."""
        return (self._begin + len(self._data)) / self._bytes_per_s

    def append(self, data: bytes) -> None:
        """Take what has come."""
        self._data += data
        self._drop(len(self._data) - self._most)

    def forget_before(self, position_s: float) -> None:
        """Let go of what is not needed any more."""
        self._drop(min(round(position_s * self._bytes_per_s) - self._begin, len(self._data)))

    def _drop(self, n_bytes: int) -> None:
        if n_bytes > 0:
            del self._data[:n_bytes]
            self._begin += n_bytes

    def read(self, from_byte: int, n_bytes: int) -> bytes:
        """Return up to `n_bytes` from `from_byte`, counted since the call began."""
        start = max(from_byte - self._begin, 0)
        return bytes(self._data[start : start + n_bytes])

    def byte_at(self, position_s: float) -> int:
        """Return the byte at a position, or the first that is kept; even, for 16-bit samples."""
        return max(round(position_s * self._bytes_per_s) // 2 * 2, self._begin)

    @property
    def end(self) -> int:
        """How many bytes there have been."""
        return self._begin + len(self._data)
