"""What came after rejected records, so that none of them is sent again that would call a lead who must not be called.

Between a rejection and a replay other syncs may have read that the lead's row was deleted, or that it does not pass
the filter any more. They have left it here:

* rejected rows, at the replay's address or elsewhere in the store: today's rules may withhold the lead of a later one;
* the delivery log or, where there is none, the rows of withheld leads (`delivery_log`);
* the memory of what was sent.

A record is left out if a later one of its lead withholds it, or was accepted: then the newer values stand. Of two
records of one run, the later one stood in a later line of the input; of two runs, the times decide.

Everything waits in a temporary database: neither the rejected rows nor what came after them has to fit into memory.
"""

import io
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from destination_squadstack.config import Config
from destination_squadstack.delivery_log import FOLDER, WITHHELD, WITHHELD_FOLDER
from destination_squadstack.engine.tracking import Verdict
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.mapping import SUPPRESSED, Deleted, Filtered, InvalidRecord, RecordMapper
from destination_squadstack.record_rules.suppression import SuppressionList
from destination_squadstack.rejected_records.file_names import LONGEST_SYNC, OWN_FOLDER, began_at
from destination_squadstack.rejected_records.replay import RejectedRow, read_row
from destination_squadstack.rejected_records.row_file import unpack
from destination_squadstack.rejected_records.storage import RejectedRecordStorage, is_final, open_storage
from destination_squadstack.routing import Route, record_mapper

_LOGS = (f"{FOLDER}/", f"{WITHHELD_FOLDER}/")
_STOPS = frozenset({"disable", "delete", "delete_lead", "convert"})
_ACCEPTED = frozenset({Verdict.WRITTEN, Verdict.UNCHANGED})
_MS = 1000
# The target of what may be about any campaign.
_ANY = ""
_FOR_EVER = 1 << 62

_TABLES = """
CREATE TABLE record (lead TEXT, namespace TEXT, stream TEXT, target TEXT, run TEXT, line INTEGER, age REAL, at REAL,
                     place INTEGER);
CREATE INDEX record_of_lead ON record (lead);
CREATE TABLE later (lead TEXT, namespace TEXT, stream TEXT, target TEXT, run TEXT, line INTEGER, age REAL, at REAL,
                    withholds INTEGER);
CREATE INDEX later_of_lead ON later (lead);
"""
_LEFT_OUT = """
SELECT record.place, max(later.withholds) FROM record JOIN later ON later.lead = record.lead
WHERE (later.stream = record.stream AND later.namespace = record.namespace OR later.target IN (?, record.target))
  AND CASE WHEN later.run = record.run AND later.run <> '' AND later.line > 0 AND record.line > 0
                THEN later.line > record.line
           WHEN later.age IS NOT NULL THEN (later.age, later.at) > (record.age, record.at)
           ELSE later.at > record.at END
GROUP BY record.place
"""

KnowsLater = Callable[[Route, str, int], bool]


class Fate(Enum):
    """What today's rules make of a record."""

    CALLS = "its lead would be called"
    WITHHELD = "its lead is not to be called"
    NEITHER = "it cannot be sent, or calls nobody"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The places of the rows that are not to be sent, and how many of them why."""

    places: frozenset[int] = frozenset()
    withheld: int = 0
    newer: int = 0


class LaterRecords:
    """Takes the rows of a replay and what came after them, and says which of the rows are to be left out.

    Args:
        routes: Where the streams of the rows go.
        mappers: The mapper of each route.
        knows_later: Asks the memory of what was sent, if there is one.
    """

    def __init__(
        self, routes: Sequence[Route], mappers: Sequence[RecordMapper], *, knows_later: KnowsLater | None = None
    ) -> None:
        self._streams = {route.key: (route, mapper) for route, mapper in zip(routes, mappers, strict=True)}
        self._knows_later = knows_later
        # Without a name it is a file that deletes itself.
        self._database = sqlite3.connect("")
        self._database.executescript(_TABLES)
        self._oldest: float = _FOR_EVER
        self._withdrawn: set[int] = set()

    def add(self, place: int, row: RejectedRow) -> None:
        """Take a row of the replay."""
        route, mapper = self._streams[row.key]
        fate, leads = _fate(row, route, mapper), _leads(row, mapper)
        if fate is Fate.WITHHELD:
            self._note(row, leads, route)
        if fate is not Fate.CALLS:
            return
        self._oldest = min(self._oldest, row.age[1])
        for lead in leads:
            self._insert("record", (lead, *_whose(row, route), *_when(row), place))
            if self._knows_later is not None and self._knows_later(route, lead, _FOR_EVER):
                self._withdrawn.add(place)

    def read(self, storage: RejectedRecordStorage) -> None:
        """Read what a store holds of the leads, once all rows have been taken.

        Raises:
            OSError: It cannot be read.
            SyncError: A file of it is damaged.
        """
        if self._oldest == _FOR_EVER:
            return  # none of the rows would call anybody
        for name in storage.names(""):
            is_log = name.startswith(_LOGS)
            if (is_log or not name.startswith(OWN_FOLDER)) and self._may_be_later(name):
                self._read_file(storage, name, self._take_logged if is_log else self._take_rejected)

    def left_out(self) -> LeftOut:
        """Return the rows that are not to be sent."""
        withheld, newer = set(self._withdrawn), set[int]()
        for place, withholds in self._database.execute(_LEFT_OUT, (_ANY,)):
            (withheld if withholds else newer).add(place)
        return LeftOut(frozenset(withheld | newer), len(withheld), len(newer - withheld))

    def close(self) -> None:
        """Delete the temporary database."""
        self._database.close()

    # --- what came later

    @staticmethod
    def _read_file(storage: RejectedRecordStorage, name: str, take: Callable[[int | None, bytes], None]) -> None:
        try:
            for line, row in unpack(io.BytesIO(storage.read(name))):
                if row:  # that of a lead which is forgotten is blank
                    take(line, row)
        except (ValueError, LookupError, TypeError, EOFError, zlib.error):
            raise SyncError(
                f"object_storage_config: {name} is damaged or holds other lines, and nobody can tell whom it withholds "
                "from being called. Nothing was sent. Move it elsewhere if that is known."
            ) from None

    def _may_be_later(self, name: str) -> bool:
        """Tell whether a sync has kept a file, and may have read some of it after the oldest row was rejected."""
        began = began_at(name)
        return began is not None and (began + LONGEST_SYNC).timestamp() * _MS >= self._oldest

    def _take_logged(self, line: int | None, text: bytes) -> None:
        row = orjson.loads(text)
        verdict = row["verdict"]
        # What a replay or a retry sent was read by an earlier run: its time says nothing. Who left has no record.
        if not (line or verdict == Verdict.DISABLED_GONE) or verdict == Verdict.REJECTED:
            return
        withholds = verdict in WITHHELD or row["operation"] in _STOPS
        for lead in _unicode([row["lead_id"]]):
            if (withholds or verdict in _ACCEPTED) and self._is_asked_for(lead):
                whose = (row["namespace"] or "", row["stream"], row["target"])
                when = (row["run_id"], line or 0, None, row["decided_at"])
                self._insert("later", (lead, *whose, *when, withholds))

    def _take_rejected(self, line: int | None, text: bytes) -> None:
        row = RejectedRow(read_row(text), line)
        known = self._streams.get(row.key)
        if known is None:
            leads = _unicode([row.content.get("lead_id")])
            if _was_withheld(row) and any(map(self._is_asked_for, leads)):
                self._note(row, leads, None)
        elif any(map(self._is_asked_for, leads := _leads(row, known[1]))) and _fate(row, *known) is Fate.WITHHELD:
            self._note(row, leads, known[0])

    def _is_asked_for(self, lead: str) -> bool:
        return self._database.execute("SELECT 1 FROM record WHERE lead = ? LIMIT 1", (lead,)).fetchone() is not None

    def _note(self, row: RejectedRow, leads: Iterable[str], route: Route | None) -> None:
        for lead in leads:
            self._insert("later", (lead, *_whose(row, route), *_when(row), True))

    def _insert(self, table: str, values: tuple[object, ...]) -> None:
        self._database.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 - our names


def find_left_out(
    config: Config,
    routes: Sequence[Route],
    rows: Iterable[RejectedRow],
    suppression: SuppressionList | None,
    *,
    knows_later: KnowsLater | None = None,
) -> LeftOut:
    """Find the rejected rows that are not to be sent again.

    Args:
        config: The configuration, which names the store of the syncs.
        routes: Where the streams of the rows go.
        rows: The rows.
        suppression: The suppression list, if there is one.
        knows_later: Asks the memory of what was sent, if there is one.

    Raises:
        SyncError: What came after them cannot be read.
    """
    mappers = [record_mapper(config, route, Counter(), suppression) for route in routes]
    later = LaterRecords(routes, mappers, knows_later=knows_later)
    storage = open_storage(config.store, "replay")
    try:
        for place, row in enumerate(rows):
            later.add(place, row)
        if storage is not None:
            _read(later, storage)
        return later.left_out()
    finally:
        later.close()
        if storage is not None:
            storage.close()


def _read(later: LaterRecords, storage: RejectedRecordStorage) -> None:
    try:
        later.read(storage)
    except OSError as error:
        kind = ConfigError if is_final(error) else TransientError
        raise kind(
            f"object_storage_config.{storage.field(error)}: what later syncs have read of these leads cannot be looked "
            f"up ({error.strerror or type(error).__name__}). Nothing was sent."
        ) from None


def _fate(row: RejectedRow, route: Route, mapper: RecordMapper) -> Fate:
    operation = route.lane.operation
    try:
        lead = mapper.shape(row.content["data"])
    except (Filtered, Deleted):
        return Fate.WITHHELD
    except InvalidRecord as invalid:
        return Fate.WITHHELD if invalid.reason == SUPPRESSED or _was_withheld(row) else Fate.NEITHER
    if lead.stop is not None or operation.stops_calls:
        return Fate.WITHHELD
    return Fate.CALLS if operation.calls_leads else Fate.NEITHER


def _was_withheld(row: RejectedRow) -> bool:
    return row.content["operation"] in _STOPS or row.content.get("reason") == SUPPRESSED


def _leads(row: RejectedRow, mapper: RecordMapper) -> set[str]:
    """Return what the lead is called: as it was told apart then, and as it would be today."""
    return _unicode([row.content.get("lead_id"), mapper.lead_id(row.content["data"])])


def _unicode(ids: Iterable[Any]) -> set[str]:
    """Return the texts that UTF-8 can hold: no lead was ever sent under any other id.

    White space around an id may be the source's: a deleted row that has some still withholds its lead.
    """
    return {lead.strip() for lead in ids if isinstance(lead, str) and lead.encode(errors="ignore").decode() == lead}


def _whose(row: RejectedRow, route: Route | None) -> tuple[str, str, str]:
    namespace, stream = row.key
    if route is None:
        return namespace or "", stream, _ANY
    of_record = route.campaigns.id_of(row.content["data"]) if route.campaigns else None
    return namespace or "", stream, route.lane.lead_namespace[1] if of_record is None else of_record


def _when(row: RejectedRow) -> tuple[str, int, float, float]:
    return str(row.content.get("run_id") or ""), row.line or 0, *row.age
