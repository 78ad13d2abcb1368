"""Suites of the published protocols: every baseline takes part, ours join by being named in one place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from policy.evaluation import command, suites
from policy.evaluation.protocols import bandit, contestants, contextual, inventory
from policy.evaluation.protocols.contestants import Ours
from policy.evaluation.protocols.regret import Played, regret_row
from policy.evaluation.tables import RESULTS, inventory_table, read_rows, regret_table


def run(suite: str, out: Path) -> list[dict[str, str]]:
    assert command.main(["--suite", suite, "--quick", "--out", str(out)]) == 0
    return read_rows(out / f"{suite}.csv")


def baselines_of(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in rows if not row["policy"].endswith("(ours)")]


def test_a_row_sums_up_regret_over_the_horizon() -> None:
    # Two periods of three markets: regrets 2, 4 and 12 over the whole horizon.
    played = Played(np.array([[1.0, 1.0], [1.0, 3.0], [6.0, 6.0]]), 2e-6)
    row = regret_row("by hand", "ours", played, seed=1, model_hash="abc", commit="def")
    assert (row["regret"], row["median"], row["markets"], row["horizon"]) == ("6.000", "4.000", "3", "2")
    assert float(row["regret_error"]) == pytest.approx(np.std([2, 4, 12], ddof=1) / np.sqrt(3), abs=1e-3)
    assert float(row["percentile_95"]) == pytest.approx(11.2)
    assert row["microseconds_per_decision"] == "2.0"


def test_every_baseline_plays_the_bandit(tmp_path: Path) -> None:
    rows = run("bandit", tmp_path)
    assert [row["policy"] for row in baselines_of(rows)] == list(bandit.BASELINES)
    assert len(baselines_of(rows)) < len(rows)
    assert {(row["markets"], row["horizon"]) for row in rows} == {("60", "500")}
    assert regret_table(rows).splitlines()[0] == "| policy | five arms, T = 500 |"


def test_ours_join_by_being_named_in_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = Ours({"trained (ours)": bandit.PosteriorUCB}, {"trained (ours)": "123"})
    monkeypatch.setattr(contestants, "on_bandit", lambda: named)
    first, *others = run("bandit", tmp_path)
    assert (first["policy"], first["model_hash"]) == ("trained (ours)", "123")
    # The same markets, luck and draws: the same policy under two names has the same regret.
    (twin,) = [row for row in others if row["policy"] == "Bayes-UCB(2 sigma)"]
    assert twin["regret"] == first["regret"]
    assert twin["model_hash"] != "123"


def test_contextual_suites_play_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = [s for suite in contextual.SUITES.values() for s in suite]
    assert {s.name for s in settings} == {s.name for s in contextual.TUNED}
    monkeypatch.setattr(suites, "QUICK_MARKETS", 4)
    rows = run("contextual", tmp_path)
    names = list(contextual.baselines(contextual.INF_4D))
    assert [(row["protocol"], row["policy"]) for row in baselines_of(rows)] == [
        (setting.name, name) for setting in contextual.SUITES["contextual"] for name in names
    ]
    assert len({row["commit"] for row in rows}) == 1


def test_the_exact_references_play_fewer_markets_where_they_are_slow() -> None:
    makers = {"exact-prior greedy": bandit.UCB, "UCB": bandit.UCB}
    told = suites.Run(weights=None, model_hash="", commit="", quick=False, out=None, paths=(), series=1)
    rows = suites._regret(told, "bandit", bandit.Bandits, makers, Ours(), seed=1, markets=5, fewer=2)
    assert [row["markets"] for row in rows] == ["2", "5"]


def test_inventory_is_told_in_shares_of_the_dynamic_program(tmp_path: Path) -> None:
    rows = run("inventory", tmp_path)
    assert [row["policy"] for row in baselines_of(rows)] == 2 * list(inventory.BASELINES)
    share = {row["policy"]: float(row["share_of_optimum"]) for row in rows if row["horizon"] == "100"}
    assert share["dynamic program (oracle)"] == pytest.approx(1.0, abs=0.03)
    assert share["stock-blind Thompson sampling"] < share["TS-update"] < share["known-demand fluid (oracle)"]
    assert inventory_table(rows).splitlines()[0] == "| policy | inventory, T = 100 | inventory, T = 500 |"


# Regret that an independent implementation measured.
PUBLISHED = {
    ("inf_4d", "ILSE with sign guard"): (13.7, 0.2),
    ("inf_4d", "Gaussian-prior Bayes, greedy"): (4.46, 0.08),
    ("no covariates", "ILSE with sign guard"): (4.72, 0.13),
    ("no covariates", "linear Thompson sampling, c = .05"): (5.59, 0.13),
    ("five arms, T = 500", "UCB(.5)"): (6.9, 0.1),
}


@pytest.mark.parametrize(("protocol", "policy"), PUBLISHED)
def test_committed_baselines_agree_with_the_published_ones(protocol: str, policy: str) -> None:
    rows = [
        row
        for suite in ("contextual", "no-covariates", "bandit")
        for row in read_rows(RESULTS / f"{suite}.csv")
    ]
    (row,) = [row for row in rows if (row["protocol"], row["policy"]) == (protocol, policy)]
    figure, error = PUBLISHED[protocol, policy]
    assert float(row["regret"]) == pytest.approx(
        figure, abs=3.5 * np.hypot(float(row["regret_error"]), error)
    )


def test_what_we_trained_is_ahead_of_every_baseline_but_exact_bayes() -> None:
    for suite in ("contextual", "no-covariates"):
        rows = read_rows(RESULTS / f"{suite}.csv")
        for protocol in {row["protocol"] for row in rows}:
            regret = {r["policy"]: float(r["regret"]) for r in rows if r["protocol"] == protocol}
            ours = min(value for name, value in regret.items() if name.endswith("(ours)"))
            others = [
                v for n, v in regret.items() if not n.endswith("(ours)") and not n.startswith("exact-prior")
            ]
            assert ours < min(others), (protocol, ours)


def test_the_networks_that_ship_know_their_protocols() -> None:
    # Few markets, other seeds than the suites': pretraining is level with Bayes, PPO escapes lock-in.
    settings = {contextual.INF_4D: 6.0, contextual.INF_2D_SQ_MIX: 45.0, contextual.NO_COVARIATES: 5.5}
    for setting, bound in settings.items():
        ours = contestants.on_contextual(setting)
        last = list(ours.policies)[-1]
        regret = contextual.run(setting, {last: ours.policies[last]}, markets=150, seed=3)[last]
        assert regret.sum(axis=1).mean() < bound, setting.name
