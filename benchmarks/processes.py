"""Runs a process to its end and tells what it took."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process took: processor time in seconds, and the most memory it had at any time in megabytes."""

    cpu_seconds: float
    peak_megabytes: float


def watched(command: Sequence[str], *, stdout: IO[bytes], stdin: IO[bytes] | None = None) -> Finished:
    """Run a process.

    Raises:
        RuntimeError: It failed.
    """
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)  # noqa: S603 - our own script
    assert process.stderr is not None  # noqa: S101 - a pipe was asked for
    with process.stderr as errors:
        said = errors.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with code {process.returncode}: {said[-2_000:].decode()}")
    return Finished(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)
