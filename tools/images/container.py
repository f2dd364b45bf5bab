"""Runs an image as a careful cluster does: no rights, no writable root, a user that the image does not know."""

import contextlib
import signal
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from tools.images.build import image_name
from tools.images.engine import Engine, EngineError

# The user is in no /etc/passwd, and in no group that owns anything.
RESTRICTIONS = ("--user", "54321:54321", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
LIMIT_OF_256_MIB = ("--memory", "256m", "--memory-swap", "256m")
_CONFIG = "/config"
_ANYBODY_READS = 0o644
_LONGEST_SECONDS = 600

Message = dict[str, Any]
Stdin = int | IO[bytes]


@dataclass(frozen=True)
class Outcome:
    """What a container printed and how it ended."""

    code: int
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)

    @property
    def messages(self) -> list[Message]:
        """Every line, decoded."""
        return [orjson.loads(line) for line in self.stdout.splitlines()]

    def of(self, kind: str) -> list[Message]:
        """Return the payloads of one type of message, such as `state` or `log`."""
        return [message[kind] for message in self.messages if kind in message]

    @property
    def records(self) -> list[Message]:
        """The data of every record."""
        return [record["data"] for record in self.of("record")]

    @property
    def status(self) -> Message:
        """The one answer of `check`."""
        (status,) = self.of("connectionStatus")
        return status


@dataclass(frozen=True)
class Container:
    """A container that runs, by the client in front of it."""

    engine: Engine
    name: str
    client: "subprocess.Popen[bytes]"

    @property
    def stderr(self) -> IO[bytes]:
        """The pipe of what it logs."""
        assert self.client.stderr is not None  # noqa: S101  # every container has one
        return self.client.stderr

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe out of the container."""
        assert self.client.stdout is not None  # noqa: S101  # every container has one
        return self.client.stdout

    def send(self, number: signal.Signals) -> None:
        """Send the first process of the container a signal."""
        self.engine.output("kill", "--signal", number.name, self.name)

    def peak_megabytes(self) -> float:
        """Return the most memory that the connector was resident with so far, as the kernel counted it."""
        pid = self.engine.output("container", "inspect", "--format", "{{.State.Pid}}", self.name).strip()
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def rest(self) -> Outcome:
        """Wait for the end; the output is what nobody read before."""
        stdout, stderr = self.client.communicate(timeout=_LONGEST_SECONDS)
        return Outcome(self.client.returncode, stdout, stderr)

    def close(self) -> None:
        """End it, if it still runs, and let go of its pipes."""
        if self.client.poll() is None:
            with contextlib.suppress(EngineError):
                self.engine.output("kill", self.name)
        for pipe in (self.client.stdin, self.client.stdout, self.client.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self.client.wait()


class Image:
    """The image of a target, and a directory of the host that its containers see as /config, read-only."""

    def __init__(self, engine: Engine, target: str, directory: Path) -> None:
        self.engine = engine
        self.name = image_name(target)
        self._directory = directory
        self._started: list[Container] = []

    def start(self, command: str, *options: str, stdin: Stdin = subprocess.DEVNULL, **files: Any) -> Container:
        """Start a command.

        Args:
            command: The command and its arguments, as one would type them.
            options: Further options of the engine.
            stdin: What the container reads.
            files: An option of the connector and the JSON of the file that it names.
        """
        for option, content in files.items():
            path = self._directory / f"{option}.json"
            path.write_bytes(orjson.dumps(content))
            path.chmod(_ANYBODY_READS)
        named = [word for option in files for word in (f"--{option}", f"{_CONFIG}/{option}.json")]
        name = f"squadstack-image-test-{uuid.uuid4().hex[:12]}"
        run = ["run", "--rm", "--interactive", "--name", name, "--network", "host", *self.engine.run_options]
        restricted = [*RESTRICTIONS, *self.engine.read_only, "--volume", f"{self._directory}:{_CONFIG}:ro"]
        client = subprocess.Popen(  # noqa: S603  # the engine that was found
            self.engine.command(*run, *restricted, *options, self.name, *command.split(), *named),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        container = Container(self.engine, name, client)
        self._started.append(container)
        return container

    def run(self, command: str, *options: str, stdin: Stdin = subprocess.DEVNULL, **files: Any) -> Outcome:
        """Run a command to its end."""
        return self.start(command, *options, stdin=stdin, **files).rest()

    def shell(self, script: str) -> str:
        """Return what a shell in the image prints; it looks as root, so that nothing is hidden from it."""
        run = ["run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "sh", *self.engine.run_options]
        return self.engine.output(*run, self.name, "-c", script)

    def close(self) -> None:
        """End whatever a failed test left running."""
        for container in self._started:
            container.close()


def lines(*messages: Message) -> bytes:
    """Return messages as a platform pipes them."""
    return b"".join(orjson.dumps(message) + b"\n" for message in messages)
