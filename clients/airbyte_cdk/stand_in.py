"""Stands in for the class that `airbyte-cdk connector test` imports: runs the installed console script instead.

The suite calls a connector's class within its own process, where the CDK's message classes come between. What users
start is the console script, in an environment without pytest; so that is what the suite is given to test.
"""

import json
import logging
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConnectorSpecification,
    Type,
)
from airbyte_cdk.sources import Source

HERE = str(Path(__file__).parent)
SPECS: dict[str, ConnectorSpecification] = {}


class StandIn(Source):
    """A connector, by its console script."""

    script: ClassVar[str]
    check_config_against_spec = False  # that is the connector's own work

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        """Return what `spec` prints. Each test asks anew; the answer depends on nothing."""
        if self.script not in SPECS:
            SPECS[self.script] = self._only(Type.SPEC, "spec").spec
        return SPECS[self.script]

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Return what `check` prints."""
        return self._only(Type.CONNECTION_STATUS, "check", config=config).connectionStatus

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """Return what `discover` prints."""
        return self._only(Type.CATALOG, "discover", config=config).catalog

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Yield what `read` prints; the suite passes no state."""
        assert not state
        yield from self._run("read", config=config, catalog=ConfiguredAirbyteCatalogSerializer.dump(catalog))

    def _only(self, kind: Type, command: str, **files: Any) -> AirbyteMessage:
        (message,) = [message for message in self._run(command, **files) if message.type == kind]
        return message

    def _run(self, command: str, **files: Any) -> Iterator[AirbyteMessage]:
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        # Without this directory: it has modules of the connectors' own names.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path != HERE)}
        with tempfile.TemporaryDirectory() as directory:
            arguments = [self.script, command]
            for option, content in files.items():
                path = Path(directory) / f"{option}.json"
                path.write_text(json.dumps(content), encoding="utf-8")
                arguments += [f"--{option}", str(path)]
            done = subprocess.run(arguments, env=environment, capture_output=True, check=False)
        assert done.stderr == b"", "stderr has to stay empty"
        messages = [AirbyteMessageSerializer.load(orjson.loads(line)) for line in done.stdout.splitlines()]
        yield from messages
        failed = [message for message in messages if message.type == Type.TRACE and message.trace.error]
        assert (done.returncode != 0) == bool(failed), f"exit code {done.returncode} with {len(failed)} errors"
