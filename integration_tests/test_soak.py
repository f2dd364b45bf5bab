"""The soak test, small: every fault at once, and `kill -9`."""

import pytest

from benchmarks.soak.__main__ import main


def test_every_account_holds(capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--quick"]) == 0, capsys.readouterr().out
    assert "Every account holds." in capsys.readouterr().out
