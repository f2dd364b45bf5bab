"""The connectors by their console scripts, as Airbyte runs them: what counts is what they print and how they end."""

import itertools
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from test_support import processes
from test_support.clock import SleptClock
from test_support.messages import Outcome, outcome
from test_support.processes import Process

if TYPE_CHECKING:
    import subprocess


class Connector:
    """One console script, its files in a directory of the test's own.

    Args:
        name: The script, or `module:function`.
        directory: Where its files go.
        waits: Whether `run` waits as long as the connector would. Else its clock is moved by what it sleeps.
    """

    def __init__(self, name: str, directory: Path, *, waits: bool = False) -> None:
        self._script = name
        self._directory = directory
        self._waits = waits
        self._numbers = itertools.count()

    def arguments(self, command: str, flags: Sequence[str], files: dict[str, Any]) -> list[str]:
        """Write files; return the command line that names them. Each keyword is an option and the JSON of its file."""
        arguments = [command, *flags]
        for option, content in files.items():
            if content is not None:
                path = self._directory / f"{option}-{next(self._numbers)}.json"
                path.write_bytes(orjson.dumps(content))
                arguments += [f"--{option}", str(path)]
        return arguments

    def start(
        self,
        command: str,
        *flags: str,
        clock: SleptClock | None = None,
        **files: Any,
    ) -> Process:
        """Start a command in a forked process."""
        arguments = self.arguments(command, flags, files)
        return Process(self._script, arguments, clock=clock)

    def run(
        self,
        command: str,
        *flags: str,
        clock: SleptClock | None = None,
        stdin: bytes = b"",
        **files: Any,
    ) -> Outcome:
        """Run a command to its end in a forked process, by a clock of its own or by one that it shares."""
        clock = clock or (None if self._waits else SleptClock())
        process = self.start(command, *flags, clock=clock, **files)
        stdout, stderr = process.communicate(stdin)
        return outcome(process.wait(), stdout, stderr)

    def start_anew(self, command: str, *flags: str, **files: Any) -> "subprocess.Popen[bytes]":
        """Start a command in an interpreter of its own, as a user does."""
        return processes.start_anew(self._script, self.arguments(command, flags, files))

    def run_anew(self, command: str, *flags: str, **files: Any) -> Outcome:
        """Run a command in an interpreter of its own, as a user does."""
        process = self.start_anew(command, *flags, **files)
        stdout, stderr = process.communicate(timeout=processes.HANG)
        return outcome(process.returncode, stdout, stderr)

    def killed_after(self, lines: int, command: str, **files: Any) -> Outcome:
        """Run a command and kill it once it has printed so many lines."""
        # It must not get to its end before it is killed, however late that is.
        with Process(self._script, self.arguments(command, (), files), stdout_bytes=4096) as process:
            head = b"".join(process.stdout.readline() for _ in range(lines))
            process.send_signal(signal.SIGKILL)
            # Not communicate(): it would lose what readline() has buffered.
            tail, stderr = process.stdout.read(), process.stderr.read()
            return outcome(process.wait(), head + tail, stderr)
