"""Rendered pages, so that a benchmark measures its client and not the emulator."""

from collections.abc import Hashable

from squadstack_emulator.responses import ApiResponse

_MAX_BYTES = 128 * 1024 * 1024


class PageCache:
    """Answers by all that they depend on, the version of the data included."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._pages: dict[Hashable, ApiResponse] = {}
        self.get = self._pages.get

    def put(self, key: Hashable, response: ApiResponse) -> ApiResponse:
        """Keep an answer and return it; beyond the bound in bytes all earlier ones are dropped."""
        # Without the bound a read of millions of leads would keep all of them in memory a second time.
        if self._bytes + len(response.content) > self._max_bytes:
            self._pages.clear()
            self._bytes = 0
        self._bytes += len(response.content)
        self._pages[key] = response
        return response
