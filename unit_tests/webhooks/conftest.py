"""Receivers in the test's own process, on SQLite and PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from test_support.postgres import Postgres, require
from test_support.receiver_in_process import KEY, OTHER_KEY, TOKEN, Clock, Service, open_store
from webhooks_squadstack.app import Receiver
from webhooks_squadstack.database import connect
from webhooks_squadstack.settings import read_database, read_settings
from webhooks_squadstack.store import Store
from webhooks_squadstack.tables import METADATA


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve(clock: Clock) -> Iterator[Callable[..., Service]]:
    """Makes services on a store, with what else the environment says."""
    with asyncio.Runner() as runner:
        made: list[Service] = []

        def make(store: Store, environment: Mapping[str, str] | None = None, **limits: Any) -> Service:
            given = {
                "WEBHOOKS_ENDPOINT_KEYS": f"{KEY},{OTHER_KEY}",
                "WEBHOOKS_PULL_TOKEN": TOKEN,
                **(environment or {}),
            }
            receiver = Receiver(read_settings(given), store, version="1", clock=clock, **limits)
            made.append(Service(receiver, runner, clock))
            return made[-1]

        yield make
        for service in made:
            runner.run(service.receiver.close())


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/webhooks.db"


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    store = open_store(sqlite_url)
    yield store
    store.close()


@pytest.fixture
def service(serve: Callable[..., Service], store: Store) -> Service:
    return serve(store)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real server."""
    require()
    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """An empty database; a new one for each test would take longer than all the tests."""
    database = connect(read_database({"WEBHOOKS_DATABASE_URL": postgres.url()}))
    with database.writing.begin() as connection:
        METADATA.drop_all(connection)
    database.reading.dispose()
    return postgres.url()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A test that takes it runs on both databases."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
