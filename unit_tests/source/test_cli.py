"""An error that ends the process becomes one trace, whatever the secrets are."""

import json

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.cli import report_uncaught


@pytest.fixture
def secrets():
    yield update_secrets
    update_secrets([])


@pytest.mark.parametrize("secret", ["type", "e", '"', "TRACE"])
def test_a_secret_that_is_a_word_of_the_protocol_leaves_the_trace_readable(secrets, capsys, secret):
    secrets([secret])
    error = AirbyteTracedException(message=f"Refused: {secret}.", failure_type=FailureType.config_error)

    report_uncaught(AirbyteTracedException, error, None)

    trace = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert trace["type"] == "TRACE"
    assert trace["trace"]["error"]["failure_type"] == "config_error"
    assert trace["trace"]["error"]["message"] == f"Refused: {secret}.".replace(secret, "****")
