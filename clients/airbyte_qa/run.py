"""Run Airbyte's checks on staged connectors, without a network: python run.py DIGEST source-squadstack.

The current directory stands for Airbyte's repository. Prints a JSON line for each check of each connector.
"""

import json
import sys
import warnings

import requests

warnings.simplefilter("ignore")
DIGEST, *CONNECTORS = sys.argv[1:]

# What the checks ask of the network, by the beginning of its address, and what they are told: nothing of ours is
# released, Airbyte's repository has no such connector, and the base image has the digest that our metadata names.
ANSWERS = {
    "https://connectors.airbyte.com/files/registries/": (200, {"sources": [], "destinations": []}),
    "https://raw.githubusercontent.com/airbytehq/airbyte/": (404, {}),
    "https://registry.hub.docker.com/v2/repositories/airbyte/python-connector-base/": (200, {"digest": DIGEST}),
    "https://registry.hub.docker.com/v2/repositories/squadstack/": (200, {"results": [], "next": None}),
}


def answer(address: str, *_: object, **__: object) -> requests.Response:
    """Answer for a network that is not there; links that cannot be reached are passed over by the checks."""
    for beginning, (status, body) in ANSWERS.items():
        if address.startswith(beginning):
            response = requests.Response()
            response.status_code = status
            response._content = json.dumps(body).encode()
            return response
    raise requests.exceptions.ConnectionError("offline")


requests.get = answer
requests.Session.request = lambda _, __, address, **more: answer(address)

from airbyte_ops_mcp.connector_ops.utils import Connector  # noqa: E402  # after the network is gone
from airbyte_ops_mcp.connector_qa.checks import ENABLED_CHECKS  # noqa: E402

for name in CONNECTORS:
    for check in ENABLED_CHECKS:
        try:
            result = check.run(Connector(name))
            said = {"status": result.status.name, "message": result.message}
        except Exception as error:  # noqa: BLE001  # a check that cannot be run is a result
            said = {"status": "ERROR", "message": f"{type(error).__name__}: {error}"}
        print(json.dumps({"connector": name, "check": type(check).__name__, **said}))
