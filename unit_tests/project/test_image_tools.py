"""What a build of the images is told of this machine."""

from pathlib import Path

import pytest

from tools.images.base import STAND_IN
from tools.images.build import TARGETS, image_name
from tools.images.pip_access import ca_bundle, pip_conf


def test_a_build_asks_the_index_that_this_machine_asks_and_trusts_its_authorities():
    settings = {"index-url": "https://index.example/simple", "proxy": "http://proxy.example:3128", "no-color": "true"}

    assert pip_conf({**settings, "cert": "/here/ca.pem"}, with_bundle=True) == (
        "[global]\n"
        "index-url = https://index.example/simple\n"
        "proxy = http://proxy.example:3128\n"
        "cert = /run/secrets/ca_bundle\n"
    )


def test_a_folder_of_this_machine_is_no_index_of_a_build():
    assert pip_conf({"extra-index-url": "file:///here/simple /there/simple"}, with_bundle=False) == "[global]\n"


def test_the_authorities_that_pip_is_told_to_trust_come_before_those_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told, requests = tmp_path / "pip.pem", tmp_path / "requests.pem"
    for bundle in (told, requests):
        bundle.touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(requests))

    assert ca_bundle({"cert": str(told)}) == told
    assert ca_bundle({"cert": "/nowhere/ca.pem"}) == requests


def test_the_stand_in_and_what_is_built_on_it_have_names_that_no_registry_takes():
    names = [STAND_IN, *(image_name(target) for target in TARGETS)]

    assert [name for name in names if not name.startswith("localhost/")] == []
    assert "not-for-release" in STAND_IN
