"""A PostgreSQL server of its own: a new cluster in a folder, on a free loopback port, gone at the end.

The binaries are those of Debian's package `postgresql`, or of the folder that `POSTGRES_BIN` names.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import pytest

_SECONDS = 60.0
# Debian's package makes the first; every machine has the second.
_USERS = ("postgres", "nobody")


class MissingError(Exception):
    """There is no PostgreSQL on this machine."""


def binaries() -> Path:
    """Return the folder of the newest server's binaries.

    Raises:
        MissingError: There is none.
    """
    named = os.environ.get("POSTGRES_BIN")
    found = (
        [Path(named)]
        if named
        else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    )
    if not found or not (found[-1] / "initdb").exists():
        raise MissingError("PostgreSQL's server is not installed: apt-get install postgresql")
    return found[-1]


def require() -> None:
    """Skip a test where PostgreSQL is missing; fail it in continuous integration, which installs PostgreSQL."""
    try:
        binaries()
    except MissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


class Postgres:
    """A server, to be used in a `with`. It writes to disk as a server does: `fsync` is on."""

    def __init__(self) -> None:
        self._bin = binaries()
        self._user = _unprivileged()
        # Not below pytest's folders: they are closed to every other user.
        self._folder = Path(tempfile.mkdtemp(prefix="webhooks-postgres-"))
        self.port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        data = str(self._folder / "data")
        self._run(
            "initdb",
            "--pgdata",
            data,
            "--username",
            "webhooks",
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        )
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://webhooks@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, encoding: str = "UTF8") -> str:
        """Make a database; return its address."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database} ENCODING '{encoding}' TEMPLATE template0".encode())
        return self.url(database)

    def start(self) -> None:
        """Start the server; returns when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._folder,
            "shared_buffers": "64MB",
            "max_connections": 50,
            "log_min_messages": "panic",
        }
        command = [str(self._bin / "postgres"), "-D", str(self._folder / "data")]
        command += [f"--{name}={value}" for name, value in settings.items()]
        deadline = time.monotonic() + _SECONDS
        while True:
            if self._server is None or self._server.poll() is not None:
                # Like any supervisor, once more: a process that was killed may hold the cluster for a moment yet.
                self._server = subprocess.Popen(
                    command, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """Kill the server and every process of it, at once: `kill -9`."""
        if self._server is None:
            return
        # A child that outlived its parent would hold the cluster against the next start; each is in a group of its own.
        # Stopped first, so that none is born between the look and the kill.
        self._server.send_signal(signal.SIGSTOP)
        children = (
            Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text(encoding="ascii").split()
        )
        for pid in [self._server.pid, *map(int, children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server.wait(_SECONDS)
        self._server = None

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, user=self._user, cwd=self._folder, check=True, capture_output=True)


def _unprivileged() -> str | None:
    """Who runs the server: it refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _USERS if name in known)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
