"""Runs clients that others wrote, each in an environment of its own, with the connectors of this one on the PATH."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from squadstack_emulator import Campaign, Emulator, Portal, PortalCampaign, Scenario
from test_support import configs
from test_support.messages import kept_rows

ROOT = Path(__file__).parents[1]
CONNECTORS = Path(sys.executable).parent
SEEDED = {"seed_from": datetime(2026, 1, 1, tzinfo=UTC), "seed_to": datetime(2026, 3, 1, tzinfo=UTC)}
SCENARIO = Scenario(
    token="emulator-token-canary",
    campaigns=(Campaign(responses=250, unprocessed=5, **SEEDED),),
    calls_per_minute=None,
    portal=Portal(campaigns=(PortalCampaign(leads=12, activities=40, **SEEDED),), queues=2),
)
PHONE_NUMBER = re.compile(r"(?<![\w.])(?:\+91)?[6-9]\d{9}(?!\w)")  # not the digits of a time in milliseconds


@dataclass(frozen=True)
class Run:
    """How a client ended and what it printed."""

    code: int
    stdout: str
    stderr: str


class Client:
    """One client: its Python, and a directory for what it leaves behind."""

    def __init__(self, name: str, directory: Path) -> None:
        self._python = ROOT / ".clients" / name / "bin" / "python"
        self._home = directory / "home"
        self._home.mkdir()
        (self._home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        assert self._python.exists(), f"`make .clients/{name}/.requirements` makes the environment of {name}"

    def run(self, *arguments: str | Path, code: int = 0, timeout: float = 300, **variables: str) -> Run:
        """Run the client's Python; its own outgoing calls, telemetry and such, are switched off."""
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            "PATH": f"{CONNECTORS}{os.pathsep}{self._python.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self._home),
            "TMPDIR": str(self._home),
            "AIRBYTE_OFFLINE_MODE": "1",
            "AIRBYTE_LOGGING_ROOT": str(self._home / "logs"),
            "DO_NOT_TRACK": "1",
            "DAGSTER_HOME": str(self._home),
            **variables,
        }
        done = subprocess.run(
            [self._python, *arguments],
            cwd=self._home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        ended = Run(done.returncode, done.stdout, done.stderr)
        self._assert_nothing_leaked(ended)
        return ended

    def _assert_nothing_leaked(self, ended: Run) -> None:
        """No token and no phone number in what was printed, nor in any log that the client keeps."""
        logs = [path.read_text(errors="replace") for path in self._home.rglob("*.log")]
        for text in (ended.stdout, ended.stderr, *logs):
            assert SCENARIO.token not in text
            assert not PHONE_NUMBER.search(text)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(SCENARIO) as emulator:
        yield emulator
        emulator.assert_clean()


@pytest.fixture
def client(tmp_path: Path) -> Callable[[str], Client]:
    return lambda name: Client(name, tmp_path)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a JSON file and return its path."""

    def keep(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(orjson.dumps(content))
        return path

    return keep


@pytest.fixture
def source_config(emulator: Emulator) -> dict[str, Any]:
    """Both accounts, as a user fills them in."""
    return configs.both_accounts(emulator)


@pytest.fixture
def destination_config(emulator: Emulator, tmp_path: Path) -> dict[str, Any]:
    """Upserts, rejected records kept in a folder."""
    return configs.destination(emulator, tmp_path / "rejected")


@pytest.fixture
def rejected(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """Return what reads the rows in the rejected store."""

    return lambda: kept_rows(tmp_path / "rejected")
