"""Docker or podman, whichever answers: one command line for both."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Podman without systemd: nobody else makes cgroups, so that podman has to; and runc works where crun asks for more.
_UNMANAGED = ("--cgroup-manager", "cgroupfs", "--runtime", "runc")
# Podman's own defaults are above what such a machine allows, and runc refuses to raise them.
_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
# Docker leaves no directory writable on a read-only root; podman would give /tmp, /run and /var/tmp back.
_READ_ONLY = ("--read-only", "--read-only-tmpfs=false")


class EngineError(Exception):
    """The engine is missing or refused; the text says what to do, or what it said."""


@dataclass(frozen=True)
class Engine:
    """A container engine.

    Attributes:
        name: `docker` or `podman`.
        global_options: What stands before each command.
        run_options: What `run` needs on this machine.
        read_only: The options for a root that cannot be written, anywhere.
    """

    name: str
    global_options: tuple[str, ...] = ()
    run_options: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ("--read-only",)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line for these arguments."""
        return [self.name, *self.global_options, *arguments]

    def output(self, *arguments: str) -> str:
        """Run a command and return what it printed.

        Raises:
            EngineError: it failed; the text is its own.
        """
        command = self.command(*arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the engine itself
        if done.returncode:
            raise EngineError(f"{self.name} {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def inspect(self, image: str) -> dict[str, Any]:
        """Return what the engine knows of an image."""
        (found,) = json.loads(self.output("image", "inspect", image))
        return dict(found)

    def has(self, image: str) -> bool:
        """Tell whether the image lies on this machine."""
        try:
            self.inspect(image)
        except EngineError:
            return False
        return True

    def size(self, image: str) -> int:
        """Return an image's size in bytes, its base included."""
        return int(self.inspect(image)["Size"])


def find() -> Engine:
    """Return the engine that ENGINE names, else Docker where its daemon answers, else podman.

    Raises:
        EngineError: there is none; the text says what to install.
    """
    asked = os.environ.get("ENGINE") or ("docker" if _docker_answers() else "podman")
    if asked == "docker":
        return Engine("docker")
    if asked == "podman" and shutil.which("podman"):
        managed = Path("/run/systemd/system").is_dir()
        if not managed and not shutil.which("runc"):
            raise EngineError("Podman needs runc where systemd does not run: apt-get install runc.")
        return Engine("podman", () if managed else _UNMANAGED, () if managed else _LIMITS, _READ_ONLY)
    raise EngineError(
        "The images are built and run by docker or podman, and neither answers. Start Docker, "
        "or: apt-get install --no-install-recommends podman runc mmdebstrap."
    )


def _docker_answers() -> bool:
    """Tell whether a daemon answers: the client alone builds nothing."""
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0  # noqa: S607  # as typed
