"""Connections to the database: a commit that returns is on disk, and none waits for ever."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

# The drivers' own come from what is said to a new connection, before SQLAlchemy has it.
ERRORS = (SQLAlchemyError, sqlite3.Error, psycopg.Error)
_SECONDS = 10
_P = ParamSpec("_P")
_T = TypeVar("_T")


def reconnecting(transaction: Callable[_P, _T]) -> Callable[_P, _T]:
    """Run a transaction again, once, if its connection broke: a restarted server has closed all of them.

    Asking the server before each transaction whether it is there would cost a round trip every time. A transaction must
    bear being run twice, for its commit may have come through.
    """

    @wraps(transaction)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return transaction(*args, **kwargs)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return transaction(*args, **kwargs)

    return run


@dataclass(frozen=True)
class Database:
    """One pool of connections, with two kinds of transactions.

    Attributes:
        reading: All statements of a transaction see the same moment.
        writing: Each statement sees what was committed before it, whoever did.
    """

    reading: Engine
    writing: Engine


def connect(url: URL) -> Database:
    """Return a database that is not connected yet."""
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _sqlite(url: URL) -> Database:
    # hide_parameters: the errors of a statement would else show leads in whatever prints them.
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    # The lock is taken at BEGIN: two that have read and then want to write would each wait for the other.
    return Database(reading=engine, writing=engine.execution_options(sqlite_begin="BEGIN IMMEDIATE"))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver thinks
    # FULL: in WAL, NORMAL may lose the last commits. secure_delete: what is deleted would stay readable in the file.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def _postgresql(url: URL) -> Database:
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_timeout=_SECONDS,
        connect_args={"connect_timeout": _SECONDS, "tcp_user_timeout": _SECONDS * 1000, "application_name": "webhooks"},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return Database(
        reading=engine.execution_options(isolation_level="REPEATABLE READ"),
        # Named, because the server's default may be another, and what waited for a lock must see what came before.
        writing=engine.execution_options(isolation_level="READ COMMITTED"),
    )


def _prepare_postgresql(connection: Any, _record: object) -> None:
    connection.autocommit = True  # else a rollback would undo the settings
    milliseconds = _SECONDS * 1000
    # The last: a receiver that freezes in a transaction holds the lock that every other one waits for.
    for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(f"SET {setting} = {milliseconds}")
    # Off means that a commit returns before it is on disk. What a server has set beyond "on" is kept.
    if connection.execute("SHOW synchronous_commit").fetchone()[0] == "off":
        connection.execute("SET synchronous_commit = on")
    connection.autocommit = False
