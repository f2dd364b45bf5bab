"""The machine that is measured on: what it is, which versions it has, and what else it has to do."""

import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.scenario import ENVIRONMENTS

# Above these the page is not written: figures would be of the neighbours.
MAX_LOAD_A_CORE = 0.5
MAX_OTHER_WORK = 0.1
WAIT_SECONDS = 300

_OWN = ("airbyte-cdk", "requests", "urllib3", "orjson")
_PEERS = ("singer", "singer-sdk"), ("dlt", "dlt")


def cores() -> int:
    """Return how many cores the machine has."""
    return os.cpu_count() or 1


def load() -> float:
    """Return the load of the last minute, a core."""
    return os.getloadavg()[0] / cores()


def wait_for_quiet(say: Callable[[str], None], seconds: float = WAIT_SECONDS) -> float:
    """Return the load, once it is low enough or after some minutes: it falls slowly when other work has ended."""
    until = time.monotonic() + seconds
    while (found := load()) > MAX_LOAD_A_CORE and time.monotonic() < until:
        say(f"The load is {found:.2f} a core; waiting until it is {MAX_LOAD_A_CORE} …")
        time.sleep(15)
    return found


class OtherWork:
    """How much of the machine's CPU time others take, from when this is made."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.monotonic(), _busy(), _own()

    def share(self) -> float:
        """Return the share of all cores' time; processes of ours count as ours once they have ended."""
        others = (_busy() - self._busy) - (_own() - self._own)
        return max(0.0, others / ((time.monotonic() - self._began) * cores()))


def _busy() -> float:
    of_all_cores = Path("/proc/stat").read_text("ascii").partition("\n")[0]
    user, nice, system, *_ = map(int, of_all_cores.split()[1:])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def describe() -> str:
    """Return what the machine is."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "an unnamed CPU")
    system = f"Linux {platform.release().split('-')[0]}"
    return f"{model}, {cores()} cores, {system}, Python {platform.python_version()}"


def versions() -> str:
    """Return the versions of what is compared."""
    return ", ".join([*(f"{name} {version(name)}" for name in _OWN), *(_of_peer(*peer) for peer in _PEERS)])


def _of_peer(environment: str, package: str) -> str:
    ask = f"from importlib.metadata import version; print('{package}', version('{package}'))"
    command: Sequence[str] = [str(ENVIRONMENTS / environment / "bin/python"), "-c", ask]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own
