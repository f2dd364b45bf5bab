"""The rows of a read in their order, all pages of it, and where each of them stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar


class Numbered(Protocol):
    """A row that a key can name, wherever it stands."""

    @property
    def serial(self) -> int: ...  # noqa: D102


RowT = TypeVar("RowT", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Listing(Generic[RowT]):
    """The rows of a read; `places` finds a row by its serial, or a long read would slow down with every page."""

    rows: list[RowT]
    places: Mapping[int, int]

    @classmethod
    def of(cls, rows: Iterable[RowT]) -> Self:
        """A listing of these rows, in this order."""
        ordered = list(rows)
        return cls(ordered, {row.serial: place for place, row in enumerate(ordered)})
