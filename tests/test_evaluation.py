"""The benchmark: the oracle has zero regret, baselines do what theory says, committed results are honest."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policy.decision.policies import Oracle, best_known_price
from policy.evaluation import command, suites
from policy.evaluation.baselines import ILSE, KeepPrice, LinearThompson
from policy.evaluation.benchmark import (
    AFTER_PPO,
    LESS_ELASTIC_PRIOR,
    MORE_ELASTIC_PRIOR,
    SHIFTED_PRIOR,
    SUITES,
    UNSEEN_PRIOR,
    Stage,
    play,
    ppo_hash,
    regret_rows,
    score_row,
)
from policy.evaluation.tables import (
    RESULTS,
    has_markers,
    markdown_table,
    markers,
    plain_table,
    read_rows,
    write_readme,
    write_rows,
)
from policy.evaluation.unseen import UNSEEN_FAMILIES, UnseenCurves, UnseenMarkets
from policy.learning.calibrate import standardised_errors
from policy.market import Observation, Prior, Simulator
from policy.market.simulator import Outcome
from policy.model.loading import load_model

ROOT = Path(__file__).parent.parent
SMALL = replace(SUITES["fresh"][0], markets=60, horizon=15)


def test_the_oracle_has_zero_regret() -> None:
    score = play(SMALL, Oracle)
    assert score.captured == pytest.approx(1.0)
    assert score.regret == pytest.approx(0.0)


@pytest.mark.parametrize("make", [KeepPrice, ILSE, LinearThompson])
def test_nobody_beats_the_oracle(make: type) -> None:
    assert (play(SMALL, lambda simulator: make()).captured <= 1 + 1e-9).all()


def test_policies_meet_the_same_luck() -> None:
    first, second = (play(SMALL, lambda simulator: KeepPrice()).captured for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("stock_chance", [0.0, 0.3])
@pytest.mark.parametrize("logged", [0, 5])
def test_the_best_profit_is_that_of_a_search_in_every_period(stock_chance: float, logged: int) -> None:
    # Buyers who remember and competitors who follow in most markets: what one policy charged is no guide to
    # what another could earn.
    prior = replace(Prior(), stock_chance=stock_chance, memory_chance=0.7, competitor_chance=0.9)
    suite = replace(SMALL, prior=prior, logged=logged)
    searched = []

    class Searching(ILSE):
        def __init__(self, simulator: Simulator):
            super().__init__()
            self._simulator = simulator

        def act(self, observation: Observation) -> np.ndarray:
            best = best_known_price(self._simulator)
            searched.append(self._simulator.expected_profit(best[:, None])[:, 0])
            return super().act(observation)

        def observe(self, observation: Observation, outcome: Outcome) -> None:
            super().observe(observation, outcome)
            if observation.t >= logged:
                searched[-1] -= outcome.expected_profit

    stage = Stage(suite)
    stage.play(lambda simulator: KeepPrice())
    found = stage.play(Searching)
    forgone = np.stack(searched, axis=1)
    steps = np.diff(found.regret, axis=1, prepend=0.0)
    # Regret is profit forgone over one scale a market.
    scale = forgone.sum(axis=1) / found.regret[:, -1]
    inside = found.regret[:, -1] < 2 * suite.horizon
    assert forgone[inside] == pytest.approx((steps * scale[:, None])[inside])


def test_a_stage_may_be_played_again() -> None:
    stage = Stage(replace(SMALL, logged=3))
    first, other, again = (
        stage.play(lambda simulator, make=make: make()) for make in (ILSE, KeepPrice, ILSE)
    )
    assert (first.captured == again.captured).all() and (first.captured != other.captured).any()


def test_regret_adds_up_to_the_profit_not_captured() -> None:
    score = play(SMALL, lambda simulator: KeepPrice())
    assert score.regret.shape == (60, 15)
    assert (np.diff(score.regret, axis=1) >= -1e-9).all()
    assert score.regret[:, -1] == pytest.approx(15 * (1 - score.captured))


def test_results_carry_standard_errors_and_settings() -> None:
    score = play(SMALL, lambda simulator: KeepPrice())
    row = score_row(SMALL, "keep price", score, model_hash="abc", commit="def")
    assert float(row["standard_error"]) == pytest.approx(score.captured.std(ddof=1) / 60**0.5, abs=1e-4)
    assert float(row["regret"]) == pytest.approx(15 * (1 - float(row["profit_captured"])), abs=2e-3)
    assert (row["seed"], row["model_hash"], row["commit"]) == ("20001", "abc", "def")
    *_, last = regret_rows(SMALL, "keep price", score)
    assert last["period"] == "15"
    assert float(last["regret"]) == pytest.approx(float(row["regret"]), abs=1e-3)


def test_shifted_ranges_lie_beyond_the_training_prior() -> None:
    seen = Prior()
    assert SHIFTED_PRIOR.shock_sd[0] >= seen.shock_sd[1]
    assert SHIFTED_PRIOR.dispersion[0] >= seen.dispersion[1]
    assert np.mean(SHIFTED_PRIOR.cost_ratio) > np.mean(seen.cost_ratio) + 0.2

    def elasticity(prior: Prior) -> np.ndarray:
        return prior.sample(np.random.default_rng(0), 4000, 1).demand.elasticity

    assert np.quantile(elasticity(MORE_ELASTIC_PRIOR), 0.1) > np.quantile(elasticity(seen), 0.84)
    assert np.quantile(elasticity(LESS_ELASTIC_PRIOR), 0.9) < np.quantile(elasticity(seen), 0.14)


def unseen_curves(family: str, *, elasticity: float, n: int = 1, **more: float) -> UnseenCurves:
    numbers = {"cross_elasticity": 0.0, "share": 0.5, "weight": 0.5, "cliff": 1.5, "drop": 0.4} | more
    drawn = UNSEEN_PRIOR.sample(np.random.default_rng(0), n, 1).demand
    return replace(
        drawn,
        family=np.full(n, UNSEEN_FAMILIES.index(family)),
        elasticity=np.full(n, elasticity),
        **{name: np.full(n, value) for name, value in numbers.items()},
    )


@pytest.mark.parametrize(
    ("family", "elasticity", "multiplier", "relative"),
    [
        # Half of the visitors buy: 1 / (1/2 + 1/2 m^2) at m = 2.
        ("hill", 1.0, 2.0, 0.4),
        # A log-normal willingness to pay of median 1 and deviation 1 has elasticity phi(0) / Phi(0).
        ("probit", 2 * 0.39894228, np.e, 2 * 0.15865525),
        ("cliff", 2.0, 1.4, 1.4**-2),
        ("cliff", 2.0, 1.6, 0.6 * 1.6**-2),
    ],
)
def test_unseen_demand_by_hand(family: str, elasticity: float, multiplier: float, relative: float) -> None:
    curves = unseen_curves(family, elasticity=elasticity)
    found = np.exp(curves.log_demand(np.array([[1.0, multiplier]]), np.ones((1, 1))))
    assert found[0] == pytest.approx([1.0, relative], rel=1e-4)


@pytest.mark.parametrize("family", UNSEEN_FAMILIES)
def test_unseen_demand_falls_with_price_from_its_stated_elasticity(family: str) -> None:
    curves, one = unseen_curves(family, elasticity=2.5, n=200), np.ones((200, 1))
    prices = np.broadcast_to(np.geomspace(0.5, 2.0, 61), (200, 61))
    assert (np.diff(curves.log_demand(prices, one), axis=1) <= 1e-12).all()
    up, down = (curves.log_demand(one * np.exp(step), one) for step in (1e-5, -1e-5))
    assert (down - up) / 2e-5 == pytest.approx(2.5, rel=1e-4)


def test_unseen_markets_hold_every_unseen_family_and_stay_so() -> None:
    markets = UNSEEN_PRIOR.sample(np.random.default_rng(0), 400, 3)
    assert np.bincount(markets.demand.family).min() > 60
    taken = markets.take(np.array([7, 2]))
    assert isinstance(taken, UnseenMarkets)
    prices = np.array([[0.7, 1.4]]) * markets.reference_price[:, None]
    none = np.zeros(400)
    units = markets.log_mean_units(1, prices, none + 1, none)
    few = taken.log_mean_units(1, prices[[7, 2]], none[:2] + 1, none[:2])
    assert few == pytest.approx(units[[7, 2]])


def committed() -> list[dict[str, str]]:
    return read_rows(RESULTS / "fresh.csv")


def test_the_embedded_weights_are_those_that_were_measured() -> None:
    base = load_model().digest[:12]
    assert {line["model_hash"] for line in committed()} == {base, f"{base}+{ppo_hash()}"}


def test_the_embedded_policy_beats_the_baselines_it_must() -> None:
    for suite in {line["suite"] for line in committed()}:
        captured = {x["policy"]: float(x["profit_captured"]) for x in committed() if x["suite"] == suite}
        ours = captured.pop("in-context policy (ours)")
        # The same weights, other ways to act.
        del captured["oracle"], captured["its price head alone"], captured[AFTER_PPO]
        assert ours > max(captured.values()), (suite, captured)


@pytest.mark.parametrize("page", [ROOT / "README.md", RESULTS / "README.md"])
def test_pages_show_the_committed_results(page: Path) -> None:
    text = page.read_text()
    shown = re.findall(r"<!-- results:(\S+) -->", text)
    assert shown
    for name in shown:
        start, end = markers(name)
        table = text.split(start)[1].split(end)[0].strip()
        assert table == markdown_table(RESULTS / f"{name}.csv"), name


def test_every_suite_has_its_table_on_a_page() -> None:
    pages = (ROOT / "README.md").read_text() + (RESULTS / "README.md").read_text()
    assert [name for name in suites.SUITES if not has_markers(pages, name)] == ["prior", "tuning"]


def test_the_readme_is_renewed_between_its_markers_only(tmp_path: Path) -> None:
    readme, results = tmp_path / "README.md", tmp_path / "made.csv"
    write_rows(results, [{"policy": "ours", "mean_regret": "3.2", "seed": "1", "commit": "abc"}])
    start, end = markers("made")
    readme.write_text(f"before {start} old {end} after")
    write_readme(readme, results)
    table = "| policy | mean regret |\n| --- | --- |\n| ours | 3.2 |"
    assert readme.read_text() == f"before {start}\n{table}\n{end} after"
    assert plain_table([{"seed": "1", "a_b": "2"}]) == "| a b |\n| --- |\n| 2 |"
    readme.write_text("no place")
    with pytest.raises(ValueError, match="lacks the markers"):
        write_readme(readme, results)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--suite", "fresh", "nonsense"], "invalid choice: 'nonsense'"),
        (["--suite", "forecast"], "at least one folder"),
        (["--readme", "README.md"], "needs --out"),
        (["--figures", "figures"], "needs --out"),
        (["--series", "0"], "not a whole number"),
        (["--out", __file__], "is a file; name a folder"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_the_command_checks_the_readme_before_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("no place")
    with pytest.raises(SystemExit):
        command.main(["--suite", "fresh", "--out", str(tmp_path), "--readme", str(tmp_path / "README.md")])
    assert "lacks <!-- results:fresh -->" in capsys.readouterr().err


def test_its_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from policy.evaluation import command\n"
        "try: command.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'pandas', 'torch', 'transformers', 'matplotlib', 'lightgbm'}\n"
        "print(*(heavy & set(sys.modules)), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--suite" in run.stdout
    assert run.stderr.strip() == ""


def test_a_suite_writes_its_results_and_regret_over_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = (replace(SMALL, name="first", horizon=2), replace(SMALL, name="second", horizon=2, logged=1))
    monkeypatch.setitem(SUITES, "fresh", tiny)
    monkeypatch.setattr(suites, "QUICK_MARKETS", 6)
    assert command.main(["--suite", "fresh", "--quick", "--out", str(tmp_path / "new")]) == 0
    scores, regret = (read_rows(tmp_path / "new" / f) for f in ("fresh.csv", "fresh_regret.csv"))
    assert {row["suite"] for row in scores} == {"first", "second"}
    assert {row["markets"] for row in scores} == {"6"}
    assert len(regret) == 2 * len(scores)


@pytest.mark.slow
def test_figures_show_every_policy_but_the_oracle(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from policy.evaluation.figures import captured_figure, draw_figures

    suites = [replace(SMALL, name=name, horizon=3) for name in ("a", "b", "c")]
    names = {"policy (ours)": KeepPrice, "oracle": Oracle}
    scores, regret = [], []
    for suite in suites:
        for name, make in names.items():
            score = play(suite, make if name == "oracle" else lambda simulator: KeepPrice())
            scores.append(score_row(suite, name, score, model_hash="", commit=""))
            regret.extend(regret_rows(suite, name, score))
    write_rows(tmp_path / "made.csv", scores)
    write_rows(tmp_path / "made_regret.csv", regret)
    drawn = draw_figures(tmp_path, "made", tmp_path / "figures")
    kinds = [f"made_{what}.{kind}" for what in ("regret", "captured") for kind in ("png", "svg")]
    assert [path.name for path in drawn] == kinds
    assert all(path.stat().st_size > 1000 for path in drawn)
    panels = captured_figure(scores).axes
    assert [axes.get_title() for axes in panels] == ["a", "b", "c"]
    assert [len(axes.patches) for axes in panels] == [1, 1, 1]


@pytest.mark.slow
def test_intervals_hold_the_truth_four_times_in_five() -> None:
    # Measured on one seed and kept with the weights; checked here on markets of another.
    network = load_model().network
    kept = network.config.calibration
    assert kept
    for name, errors in standardised_errors(network, seed=77, markets=800, periods=40).items():
        assert 0.75 < (errors <= kept[name]).mean() < 0.85, name
