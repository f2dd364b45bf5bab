"""The environment: what is missing or of no use is named, and never printed."""

import pytest

from webhooks_squadstack.settings import Secrets, SettingsError, read_settings

GOOD = {"WEBHOOKS_ENDPOINT_KEYS": "one,two", "WEBHOOKS_PULL_TOKEN": "token"}


def test_the_defaults_are_a_file_and_no_deletion():
    settings = read_settings(GOOD)

    assert (settings.database.render_as_string(), settings.retention_days) == ("sqlite:///webhooks.db", None)


def test_several_keys_are_good_at_once_and_no_part_of_them_is():
    keys = read_settings({**GOOD, "WEBHOOKS_ENDPOINT_KEYS": " one , two,"}).endpoint_keys

    assert len(keys) == 2
    assert [key for key in ("one", "two", "", "on", "one,two", " one", "three") if key in keys] == ["one", "two"]


def test_secrets_show_nothing_of_themselves():
    assert "one" not in repr(vars(Secrets(("one",))))


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////data/webhooks.db", "sqlite"),
        ("postgresql://user:word@db:5432/webhooks", "postgresql+psycopg"),
        ("postgres://user:word@db/webhooks", "postgresql+psycopg"),
        ("postgresql+psycopg2://user:word@db/webhooks", "postgresql+psycopg"),
    ],
)
def test_a_database_is_named_without_its_driver(url, driver):
    assert read_settings({**GOOD, "WEBHOOKS_DATABASE_URL": url}).database.drivername == driver


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"WEBHOOKS_ENDPOINT_KEYS": ""}, "WEBHOOKS_ENDPOINT_KEYS must be set"),
        ({"WEBHOOKS_PULL_TOKEN": " "}, "WEBHOOKS_PULL_TOKEN must be set"),
        (dict.fromkeys(GOOD, ""), "WEBHOOKS_ENDPOINT_KEYS and WEBHOOKS_PULL_TOKEN must be set"),
        ({"WEBHOOKS_ENDPOINT_KEYS": "good,s3cret/key"}, "WEBHOOKS_ENDPOINT_KEYS: .* key 2 of 2"),
        ({"WEBHOOKS_ENDPOINT_KEYS": ","}, "WEBHOOKS_ENDPOINT_KEYS: .* there is none"),
        ({"WEBHOOKS_PULL_TOKEN": "s3cret token"}, "WEBHOOKS_PULL_TOKEN: "),
        ({"WEBHOOKS_DATABASE_URL": "mysql://user:s3cret@db/x"}, "WEBHOOKS_DATABASE_URL must begin with sqlite:///"),
        ({"WEBHOOKS_DATABASE_URL": "s3cret"}, "WEBHOOKS_DATABASE_URL must begin with sqlite:///"),
        ({"WEBHOOKS_DATABASE_URL": "sqlite://"}, "WEBHOOKS_DATABASE_URL must name a file"),
        ({"WEBHOOKS_DATABASE_URL": "sqlite:///:memory:"}, "WEBHOOKS_DATABASE_URL must name a file"),
        ({"WEBHOOKS_RETENTION_DAYS": "s3cret"}, "WEBHOOKS_RETENTION_DAYS must be a number of days above 0"),
        ({"WEBHOOKS_RETENTION_DAYS": "0"}, "WEBHOOKS_RETENTION_DAYS must be a number of days above 0"),
        ({"WEBHOOKS_RETENTION_DAYS": "nan"}, "WEBHOOKS_RETENTION_DAYS must be a number of days above 0"),
    ],
)
def test_an_unusable_setting_is_named_by_its_variable_and_never_printed(changed, said):
    with pytest.raises(SettingsError, match=said) as raised:
        read_settings(GOOD | changed)

    assert "s3cret" not in str(raised.value)
