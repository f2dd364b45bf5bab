"""What lies behind the links to recordings: values, and bytes that need no memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import quote

RecordingKind = Literal[
    "small",
    "large",
    "slow",
    "expired",
    "missing",
    "gone",
    "empty",
    "page",
    "redirect",
    "loop",
    "other_host",
    "odd_name",
]
KINDS = frozenset(get_args(RecordingKind))
ODD_NAME = "..%2F..%2Fetc%2F%E0%A4%95%00" + "a" * 300
_BLOCK = 64 * 1024


@dataclass(frozen=True)
class Recordings:
    """The recordings of a business. The kind is in a link's path, `/recordings/{kind}/{name}`; any name will do.

    A small one comes at once, a large one without being held in memory, a slow one in pieces. `expired`, `missing` and
    `gone` are 403, 404 and 410; `empty` has no bytes and `page` is a web page. `redirect` leads to a small one, `loop`
    to itself and `other_host` to a small one at `other_url`. A link of `odd_name` has a name that is no file name, and
    is small.

    Attributes:
        kinds: The kinds of the leads' recordings, in turn by what the lead drew; none keeps the links to the vendor.
        size: Bytes of a small or slow recording.
        large_size: Bytes of a large one.
        latency_seconds: Time until a recording's answer begins.
        pieces: In how many pieces a slow one comes.
        pause_seconds: Time between them.
        other_url: Base URL of another host; by default this one by another name, `localhost`.
    """

    kinds: tuple[RecordingKind, ...] = ()
    size: int = 20_000
    large_size: int = 200_000_000
    latency_seconds: float = 0.0
    pieces: int = 10
    pause_seconds: float = 0.02
    other_url: str | None = None

    def __post_init__(self) -> None:
        if self.size < 1 or self.large_size < 1 or self.pieces < 1:
            raise ValueError("A recording needs size, large_size and pieces >= 1")

    def size_of(self, kind: str) -> int:
        """Return the bytes of a kind of recording."""
        return self.large_size if kind == "large" else self.size

    def link(self, host: str, drawn: str) -> str:
        """Return the link to what a lead drew, hexadecimal digits, at the host that the client speaks to."""
        kind = self.kinds[int(drawn, 16) % len(self.kinds)]
        name = f"{drawn}{ODD_NAME}" if kind == "odd_name" else f"{drawn}.mp3"
        return f"http://{host}/recordings/{kind}/{name}"

    def elsewhere(self, host: str, name: str) -> str:
        """Return the link to a small recording at another host."""
        base = self.other_url or f"http://localhost:{host.rpartition(':')[2]}"
        return f"{base}/recordings/small/{quote(name)}"


def recording_chunks(name: str, size: int) -> Iterator[bytes]:
    """Yield a recording's bytes: the same for a name every time, and others for another."""
    block = hashlib.shake_128(name.encode()).digest(_BLOCK)
    for start in range(0, size, _BLOCK):
        yield block[: min(_BLOCK, size - start)]
