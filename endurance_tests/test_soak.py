"""The destination under every fault at once, and killed: a part of `make soak`."""

from endurance_tests.tools.soak.__main__ import main


def test_every_account_holds_under_all_faults_and_kill_9(capsys):
    code, printed = main(["--records", "2000", "--seeds", "2", "--kills", "4"]), capsys.readouterr().out
    assert code == 0, printed
    assert "Every account holds." in printed
