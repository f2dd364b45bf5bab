"""What one stream sends to one campaign, and which of these may be about the same leads."""

import sqlite3
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scope:
    """What one stream sends to one campaign. `campaign` ends in a blank where the stream's records name theirs."""

    id: int
    campaign: str
    namespace: str
    stream: str

    @property
    def stream_key(self) -> tuple[str, str]:
        """Its namespace and stream."""
        return self.namespace, self.stream


class Scopes:
    """The scopes of a memory."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._execute = database.execute
        self._scopes: dict[tuple[str, str, str], Scope] = {}
        # The other scopes whose records may be about the same leads, by scope.
        self.others: dict[int, list[Scope]] = {}
        for row in self._execute("SELECT id, campaign, namespace, stream FROM scope ORDER BY id"):
            self._add(Scope(*row))

    def of(self, campaign: str, namespace: str | None, stream: str) -> Scope:
        """Return what a stream sends to a campaign."""
        key = (campaign, namespace or "", stream)
        if (scope := self._scopes.get(key)) is None:
            cursor = self._execute("INSERT INTO scope (campaign, namespace, stream) VALUES (?, ?, ?)", key)
            scope = self._add(Scope(int(cursor.lastrowid or 0), *key))
        return scope

    def names(self) -> list[list[Any]]:
        """Return how the scopes are called, for a journal."""
        return [[scope.id, scope.campaign, scope.namespace, scope.stream] for scope in self._scopes.values()]

    def _add(self, scope: Scope) -> Scope:
        self._scopes[scope.campaign, scope.namespace, scope.stream] = scope
        self.others[scope.id] = related = [other for other in self._scopes.values() if _are_related(scope, other)]
        for other in related:
            self.others[other.id].append(scope)
        return scope


def _are_related(scope: Scope, other: Scope) -> bool:
    """Tell whether records of two scopes may be about the same leads."""
    if scope.id == other.id:
        return False
    if scope.campaign == other.campaign:
        return True
    kinds = {each.campaign.rpartition(" ")[0] for each in (scope, other)}
    return len(kinds) == 1 and (scope.campaign.endswith(" ") or other.campaign.endswith(" "))
