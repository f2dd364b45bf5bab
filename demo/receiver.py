"""Runs the webhook receiver as its user does: the console script, its settings in the environment."""

import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.connectors import ConnectorFailedError, script

KEY = "demo-endpoint-key"
PULL_TOKEN = "demo-pull-token"  # noqa: S105  # of a receiver that lives as long as the demo
_START_SECONDS = 120.0
_STOP_SECONDS = 120.0


class Receiver:
    """`webhooks-squadstack serve` on a port of its own, with a store of its own; it runs while a `with` block lasts.

    Args:
        directory: Where its store and its log lie.
        settings: Further variables of its environment.
    """

    def __init__(self, directory: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.settings = {
            "WEBHOOKS_DATABASE_URL": f"sqlite:///{directory.resolve() / 'webhooks.db'}",
            "WEBHOOKS_ENDPOINT_KEYS": KEY,
            "WEBHOOKS_PULL_TOKEN": PULL_TOKEN,
            **settings,
        }
        self._log = directory / "webhooks.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGTERM)

    def start(self) -> None:
        """Start it; returns once it is ready.

        Raises:
            ConnectorFailedError: It is not.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own script
                [script("webhooks-squadstack"), "serve", "--host", "127.0.0.1", "--port", str(self._port)],
                env={**os.environ, **self.settings},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ConnectorFailedError(f"The webhook receiver did not start; its log is {self._log}")
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> None:
        """Send it a signal and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_STOP_SECONDS)
            self._process = None

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()
