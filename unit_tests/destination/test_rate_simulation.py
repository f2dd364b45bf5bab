"""Connectors that share one allowance: what the documentation promises of them, by a simulated clock."""

import pytest

from test_support.rate_simulation import Outcome, Setting, main, simulate, worst


def worst_of(connectors, says):
    return worst(
        [
            simulate(Setting(connectors, seed=seed, says=says, start_within=start_within))
            for seed in range(4)
            for start_within in (0.0, 300.0)
        ]
    )


@pytest.mark.parametrize("says", ["documented", "retry_after", "bare"])
@pytest.mark.parametrize("connectors", [2, 5, 20])
def test_connectors_of_one_business_use_the_allowance_share_it_and_draw_few_429s(connectors, says):
    outcome = worst_of(connectors, says)

    assert outcome.used >= 0.85
    assert outcome.throttled <= 0.05
    assert outcome.smallest_share >= 0.5


def test_a_connector_alone_uses_the_whole_allowance_and_draws_no_429():
    outcome = worst_of(1, "documented")

    assert outcome.used >= 0.95
    assert outcome.throttled == 0.0


def test_the_simulation_says_what_came_of_it(capsys):
    assert main(["--connectors", "2", "--seeds", "1"]) == 0
    assert capsys.readouterr().out.startswith("  2 connectors: used  9")


def test_the_worst_of_several_runs_is_the_worst_of_each_figure():
    assert worst([Outcome(0.9, 0.1, 0.5), Outcome(0.8, 0.2, 0.6)]) == Outcome(0.8, 0.2, 0.5)
