"""The receiver as a process: the console script, as it is run anywhere."""

import json
import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

KEY, TOKEN = "key-of-the-tests", "token-of-the-tests"
_SECONDS = 300.0


class ReceiverProcess:
    """A receiver on a free loopback port, to be used in a `with`."""

    def __init__(self, database_url: str, *, log: Path, **environment: str) -> None:
        self._command = [str(Path(sys.executable).with_name("webhooks-squadstack")), "serve", "--port", "0"]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WEBHOOKS_")},
            "WEBHOOKS_DATABASE_URL": database_url,
            "WEBHOOKS_ENDPOINT_KEYS": KEY,
            "WEBHOOKS_PULL_TOKEN": TOKEN,
            **environment,
        }
        self._log = log
        self.port = 0
        self.process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.kill()

    def _start(self) -> "subprocess.Popen[bytes]":
        began = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            process = subprocess.Popen(self._command, env=self._environment, stderr=log)
        while (port := self._listening(began)) is None:
            try:
                code = process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"The receiver ended with code {code}: {self._log.read_text(encoding='utf-8')[began:]}")
        self.port = port
        return process

    def _listening(self, began: int) -> int | None:
        for line in self._log.read_bytes()[began:].splitlines(keepends=True):
            if line.endswith(b"\n") and line.startswith(b"{") and json.loads(line)["event"] == "listening":
                return int(json.loads(line)["port"])
        return None

    def kill(self) -> None:
        """`kill -9`."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(_SECONDS)

    def terminate(self) -> int:
        """Ask it to end, as every platform does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_SECONDS)

    def restart(self) -> None:
        """Start it again, on the same port."""
        self._command[-1] = str(self.port)
        self.process = self._start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> dict[str, Any]:
        """The config of a source that pulls from it."""
        return {"webhooks": {"url": self.url, "token": TOKEN}}

    def cpu_seconds(self) -> float:
        """Return the time that it has had of a processor."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Ask it something."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def pull(self, after: int | None = None, limit: int = 1000) -> dict[str, Any]:
        """Read a page of events."""
        status, body = self.get(f"/events?limit={limit}" + ("" if after is None else f"&after={after}"))
        if status != 200:
            raise ConnectionError(f"HTTP {status}")
        page: dict[str, Any] = json.loads(body)
        return page

    def metrics(self) -> dict[str, float]:
        """Read the metrics."""
        lines = self.get("/metrics")[1].decode().splitlines()
        return {
            name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        }
