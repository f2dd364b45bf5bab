"""Console scripts as processes: forked from one that has imported the connectors, or started anew.

A forked process has its own memory, pipes, signals and exit code. What it has not done is to start an interpreter and
import the connector, which takes more than a second. Tests of just that start it anew.
"""

import fcntl
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from test_support.clock import SleptClock, go_by

HANG = 300.0  # seconds after which a process that does not end is taken for hanging: no bound on speed

# A pipe is block-buffered unless the connector flushes: the tests must not help it.
os.environ.pop("PYTHONUNBUFFERED", None)

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["test_support.preloaded"])


class Process:
    """A running console script; the part of `subprocess.Popen` that tests use.

    Args:
        script: Its name, or `module:function`.
        arguments: Its command line.
        environment: Its environment; by default this process's.
        clock: What it takes for the time; by default the machine's clock.
        stdout_bytes: How much it may print that nobody has read, before it has to wait.
    """

    def __init__(
        self,
        script: str,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        clock: SleptClock | None = None,
        stdout_bytes: int | None = None,
    ) -> None:
        stdin_read, stdin_write = os.pipe()
        stdout_read, stdout_write = os.pipe()
        if stdout_bytes:
            fcntl.fcntl(stdout_write, fcntl.F_SETPIPE_SZ, stdout_bytes)
        stderr_read, stderr_write = os.pipe()
        theirs = [Connection(stdin_read, writable=False), *_writable(stdout_write, stderr_write)]
        self._process = _CONTEXT.Process(
            target=_be_the_script,
            args=(
                _Start(
                    script,
                    tuple(arguments),
                    dict(os.environ if environment is None else environment),
                    str(Path.cwd()),
                    clock,
                ),
                theirs,
            ),
        )
        self._process.start()
        for end in theirs:
            end.close()
        self.args = [script, *arguments]
        self.stdin: IO[bytes] = os.fdopen(stdin_write, "wb")
        self.stdout: IO[bytes] = os.fdopen(stdout_read, "rb")
        self.stderr: IO[bytes] = os.fdopen(stderr_read, "rb")

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, the negative number of the signal that killed it, or None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()

    def wait(self, timeout: float = HANG) -> int:
        """Wait for its end; return the exit code.

        Raises:
            subprocess.TimeoutExpired: It has not come.
        """
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def communicate(self, text: bytes = b"", timeout: float = HANG) -> tuple[bytes, bytes]:
        """Write to its stdin, read the rest of what it prints, and wait for its end."""
        printed: dict[str, bytes] = {}

        def read(name: str, pipe: IO[bytes]) -> None:
            printed[name] = pipe.read()

        def write() -> None:
            with suppress(BrokenPipeError):  # it has ended, or does not want to know
                self.stdin.write(text)
            with suppress(BrokenPipeError):
                self.stdin.close()

        threads = [
            threading.Thread(target=read, args=("stdout", self.stdout), daemon=True),
            threading.Thread(target=read, args=("stderr", self.stderr), daemon=True),
            threading.Thread(target=write, daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        for thread in threads:
            thread.join()
        self.close()
        return printed["stdout"], printed["stderr"]

    def close(self) -> None:
        """Close its pipes."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            with suppress(BrokenPipeError):
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is not None:
            self.kill()
        self.wait()


def start_anew(
    script: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a console script in an interpreter of its own, as a user does."""
    pipe = subprocess.PIPE
    # A whole path stays itself: another environment's.
    command = [str(Path(sys.executable).parent / script), *arguments]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)


def _writable(*descriptors: int) -> list[Connection]:
    return [Connection(descriptor, readable=False) for descriptor in descriptors]


@dataclass(frozen=True)
class _Start:
    """What a process starts with, but for its pipes."""

    script: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    directory: str
    clock: SleptClock | None


def _be_the_script(start: _Start, pipes: list[Connection]) -> None:
    """Do in the forked process what an interpreter does that was started with the script."""
    from test_support.preloaded import main_of  # noqa: PLC0415  # the process that starts others does without

    for target, pipe in enumerate(pipes):
        os.dup2(pipe.fileno(), target)
        pipe.close()
    os.chdir(start.directory)
    os.environ.clear()
    os.environ.update(start.environment)
    sys.argv = [start.script, *start.arguments]
    sys.stdin = os.fdopen(0, encoding="utf-8")
    if start.clock:
        go_by(start.clock)
    try:
        sys.exit(main_of(start.script)())
    except SystemExit:
        raise
    except BaseException:  # noqa: BLE001  # as an interpreter does
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
