"""The tables of the memory of sent leads, in a temporary SQLite database which deletes itself.

All that a run does is one transaction. Nothing is ever rolled back; but at the end of each transaction SQLite counts
the pages of a temporary database that are not in its file yet, and with many of them that took a millisecond a lead.
"""

import sqlite3

VERSION = 1
# What of the database is kept in memory.
_CACHE_KB = 48 * 1024
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE scope (
  id INTEGER PRIMARY KEY, campaign TEXT NOT NULL, namespace TEXT NOT NULL, stream TEXT NOT NULL,
  UNIQUE (campaign, namespace, stream)
);
CREATE TABLE run (
  number INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, last_at INTEGER NOT NULL, members INTEGER NOT NULL
);
CREATE TABLE reason (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE lead (
  scope INTEGER NOT NULL, lead_id TEXT NOT NULL, number INTEGER NOT NULL, body INTEGER, reason INTEGER,
  at INTEGER NOT NULL, run INTEGER NOT NULL, status INTEGER NOT NULL, overtaken INTEGER,
  PRIMARY KEY (scope, lead_id)
) WITHOUT ROWID;
"""


def new_database(salt: bytes) -> sqlite3.Connection:
    """Return an empty memory."""
    database = _temporary()
    database.executescript(_SCHEMA)
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("INSERT INTO meta (name, value) VALUES ('salt', ?)", (salt,))
    database.execute("BEGIN")
    return database


def database_from(path: str) -> sqlite3.Connection:
    """Return a memory with the content of a file, which is not needed any more once this returns.

    Raises:
        sqlite3.DatabaseError: The file holds no memory of this version.
    """
    database = _temporary()
    try:
        source = sqlite3.connect(path)
        try:
            (version,) = source.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise sqlite3.DatabaseError("another version")
            source.backup(database)
        finally:
            source.close()
        database.execute("SELECT value FROM meta WHERE name = 'salt'").fetchone()[0]
        database.execute("BEGIN")
    except BaseException:
        database.close()
        raise
    return database


def write_to(database: sqlite3.Connection, path: str) -> None:
    """Write a whole memory to a file that is not there yet."""
    database.execute("COMMIT")
    database.execute("VACUUM INTO ?", (path,))
    database.execute("BEGIN")


def _temporary() -> sqlite3.Connection:
    """Return a database in a file without a name: SQLite deletes it when it is opened."""
    database = sqlite3.connect("", isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    return database
