"""The destination's work as a plain destination of airbyte-cdk: one thread, 100 leads a call, states as they come.

python cdk_destination.py write --config config.json --catalog catalog.json          with ADDRESS in the environment
"""

import os
import sys
from collections.abc import Iterable, Mapping
from logging import Logger
from typing import Any

import orjson
import requests
from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    Status,
    Type,
)

_SPEC = ConnectorSpecification(connectionSpecification={"type": "object", "properties": {}})
_FULL = 100


class Leads(Destination):
    """Posts batches of leads."""

    def __init__(self) -> None:
        self._session = requests.Session()

    def spec(self, *_: Any, **__: Any) -> ConnectorSpecification:
        """Return an empty one."""
        return _SPEC

    def check(self, logger: Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002 - the CDK's
        """Say yes."""
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def write(
        self,
        config: Mapping[str, Any],  # noqa: ARG002 - the CDK's
        configured_catalog: ConfiguredAirbyteCatalog,  # noqa: ARG002 - the CDK's
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterable[AirbyteMessage]:
        """Post the records, a batch at a time."""
        leads: list[dict[str, Any]] = []
        for message in input_messages:
            if message.type == Type.RECORD and message.record:
                leads.append(message.record.data)
                if len(leads) == _FULL:
                    self._post(leads)
                    leads = []
            elif message.type == Type.STATE:
                self._post(leads)
                leads = []
                yield message
        self._post(leads)

    def _post(self, leads: list[dict[str, Any]]) -> None:
        if not leads:
            return
        headers = {"Content-Type": "application/json"}
        answer = self._session.post(os.environ["ADDRESS"], data=orjson.dumps(leads), headers=headers, timeout=30)
        answer.raise_for_status()
        if any(row["status_code"] != requests.codes.ok for row in orjson.loads(answer.content)["result"]):
            raise RuntimeError("a lead was refused")


if __name__ == "__main__":
    Leads().run(sys.argv[1:])
