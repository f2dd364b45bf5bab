"""Lines sorted by a key, however many they are: what does not fit into memory waits in temporary files."""

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import IO, cast

import orjson

# What is sorted in memory at a time, and how many files are merged at once: each is an open one.
CHUNK_BYTES = 16 * 1024 * 1024
MAX_FILES = 64
# The memory of a line besides its text.
_OVERHEAD = 200

Key = tuple[float | str, ...]
Entry = tuple[Key, bytes]
_by_key = itemgetter(0)


class ExternalSort:
    """Takes lines without line breaks in any order, gives them back in the order of their keys, as often as asked."""

    def __init__(self, *, chunk_bytes: int = CHUNK_BYTES, max_files: int = MAX_FILES) -> None:
        self._chunk_bytes = chunk_bytes
        self._most_files = max_files
        self._chunk: list[Entry] = []
        self._size = 0
        self._files: list[IO[bytes]] = []

    def add(self, key: Key, line: bytes) -> None:
        """Take a line. Keys are told apart in all of their parts by one type each: texts, or numbers of 64 bits."""
        self._chunk.append((key, line))
        self._size += len(line) + _OVERHEAD
        if self._size >= self._chunk_bytes:
            self._chunk.sort(key=_by_key)
            self._files.append(_stored(self._chunk))
            self._chunk, self._size = [], 0
            if len(self._files) >= self._most_files:
                merged = _stored(heapq.merge(*map(_read, self._files), key=_by_key))
                self.close()
                self._files = [merged]

    def __iter__(self) -> Iterator[Entry]:
        """Yield keys and lines in order; lines with equal keys in the order in which they were added."""
        self._chunk.sort(key=_by_key)
        return heapq.merge(*map(_read, self._files), self._chunk, key=_by_key)

    def close(self) -> None:
        """Delete the temporary files."""
        for file in self._files:
            file.close()
        self._files = []


def _stored(entries: Iterable[Entry]) -> IO[bytes]:
    """Write lines to a file that has no name, so that nothing of them stays behind."""
    file = cast("IO[bytes]", tempfile.TemporaryFile())  # noqa: SIM115 - lives as long as what is sorted
    file.writelines(orjson.dumps(key) + b"\n" + line + b"\n" for key, line in entries)
    return file


def _read(file: IO[bytes]) -> Iterator[Entry]:
    file.seek(0)
    for key in file:
        yield tuple(orjson.loads(key)), file.readline()[:-1]
