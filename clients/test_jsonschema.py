"""The oldest jsonschema that the CDK runs with: it takes what the connectors take, and prints no secret of the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from destination_squadstack.spec import load_spec
from source_squadstack.run import specification
from test_support.wrong_configs import CONFIGS, NUMBER, SECRET, wrong_configs

VALIDATE = Path(__file__).with_name("jsonschema") / "validate.py"
SPECS = {"source": specification, "destination": load_spec}


@pytest.fixture
def said(client, kept):
    """Return what tells of each config what the validator says of it."""

    def ask(kind: str, configs: list[Any]) -> list[str | None]:
        schema = kept("schema.json", SPECS[kind]()["connectionSpecification"])
        return json.loads(client("jsonschema").run(VALIDATE, schema, kept("configs.json", configs)).stdout)

    return ask


@pytest.mark.parametrize("kind", SPECS)
def test_other_validators_take_what_the_connector_takes_and_print_no_secret_of_a_wrong_config(said, kind):
    wrong = [each for config in CONFIGS[kind] for each in wrong_configs(config)]
    messages = said(kind, [*CONFIGS[kind], *wrong])
    right, refusals = messages[: len(CONFIGS[kind])], list(filter(None, messages))
    assert right == [None] * len(right)
    assert len(refusals) > 200
    assert [message for message in refusals if SECRET in message or str(NUMBER) in message] == []
