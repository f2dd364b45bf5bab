"""No secret is read by people, whichever other secrets there are."""

import subprocess
import sys

import pytest

from destination_squadstack.spec import load_spec
from squadstack_common.secrets import mask, mask_only, masked, secrets_of

SCHEMA = load_spec()["connectionSpecification"]


@pytest.fixture(autouse=True)
def forget():
    yield
    mask_only([])


def test_every_field_that_the_spec_calls_secret_is_one():
    config = {
        "squadstack": {"token": "a", "base_url": "no"},
        "contact_center": {"username": "no", "password": "b"},
        "object_storage_config": {"storage_type": "S3", "access_key_id": "c", "secret_access_key": "d"},
    }
    assert set(secrets_of(SCHEMA, config)) == {"a", "b", "c", "d"}


@pytest.mark.parametrize("config", [None, [], "text", {"squadstack": "text"}, {"squadstack": {"token": None}}])
def test_a_config_of_another_shape_has_no_secret(config):
    assert list(secrets_of(SCHEMA, config)) == []


def test_a_secret_of_another_type_is_masked_as_it_is_written():
    mask_only(secrets_of(SCHEMA, {"squadstack": {"token": 12345}}))
    assert masked("12345") == "****"


@pytest.mark.parametrize("secrets", [["x", "xkey"], ["xkey", "x"]])
def test_a_secret_that_begins_with_another_is_masked_as_a_whole(secrets):
    mask_only(secrets)
    assert masked("a xkey") == "a ****"


def test_a_secret_that_comes_later_is_masked_as_well_and_an_empty_one_is_none():
    mask_only(["config", ""])
    mask("token")
    assert masked("config token text") == "**** **** text"


def test_the_secrets_of_another_config_are_forgotten():
    mask_only(["before"])
    mask_only(["now"])
    assert masked("before now") == "before ****"


def test_a_check_does_not_import_the_cdk(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"squadstack": {"token": "t", "base_url": "http://127.0.0.1:1"}, "default": {"ref_id": "r"}}')
    code = (
        "import sys; from destination_squadstack.cli import main; "
        f"code = main(['check', '--config', {str(config)!r}]); sys.exit(code or 'airbyte_cdk' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, b"FAILED" in done.stdout) == (0, True)
