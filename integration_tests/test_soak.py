"""The soak test, small: every fault at once, and `kill -9`."""

from benchmarks.soak.__main__ import main


def test_every_account_holds(capsys):
    code, printed = main(["--quick"]), capsys.readouterr().out
    assert code == 0, printed
    assert "Every account holds." in printed
