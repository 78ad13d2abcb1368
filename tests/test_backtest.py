"""The backtest as a whole: what is asked of the policy, the replay, the report, bad input."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_backtest import WEEKS, panel_of, run, shop, tiny_model

from assistant import cli
from assistant.backtest_text import backtest_text
from policy import PricingPipeline, Rules
from policy.evaluation.backtest.logged import ask, log_of
from policy.evaluation.backtest.replay import PERIODS, POLICIES, replay
from policy.evaluation.backtest.report import Backtest, write_report
from policy.history import HistoryError
from policy.model import loading
from policy.model.loading import LoadedModel


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return tiny_model()


@pytest.fixture(scope="module")
def report(model: LoadedModel) -> Backtest:
    return run(model, shop())


# What is asked of the policy


def test_each_period_is_priced_as_recommend_does_with_the_past_alone(
    model: LoadedModel,
) -> None:
    table = shop()
    asked = ask(model.network, panel_of(table), maximise_profit=True, rules=Rules(), currency=None)
    dates = np.sort(table["date"].unique())
    for week in (WEEKS - 1, WEEKS - 4, WEEKS - 9):
        records = PricingPipeline(model).recommend(table[table["date"] < dates[week]])
        now = asked.take(np.flatnonzero(asked.column == week))
        priced = {f"P{i}": p for i, p in zip(now.row, now.policy_price, strict=True)}
        assert len(priced) >= 7
        for record in records:
            if record.sku in priced:
                assert priced[record.sku] == pytest.approx(record.price, abs=0.011)


def test_what_happens_in_a_period_cannot_change_its_price(model: LoadedModel) -> None:
    table = shop()
    changed = table.copy()
    last = changed["date"] == changed["date"].max()
    changed.loc[last, "units"] *= 5
    changed.loc[last, "price"] *= 1.5
    one, other = (
        ask(model.network, panel_of(t), maximise_profit=True, rules=Rules(), currency=None)
        for t in (table, changed)
    )
    assert other.policy_price == pytest.approx(one.policy_price)


def test_the_last_quarter_of_each_product_is_asked_about(model: LoadedModel) -> None:
    panel = panel_of(shop())
    asked = ask(model.network, panel, maximise_profit=True, rules=Rules(), currency=None)
    assert np.bincount(asked.row).tolist() == [6 if n == WEEKS // 2 else 11 for n in panel.lengths]
    assert asked.earned == pytest.approx((asked.price - 5.0) * asked.units)
    assert (np.abs(asked.policy_price / asked.before - 1) <= 0.2 + 1e-6).all()


def test_the_density_of_prices_drawn_anew_each_week_is_theirs(model: LoadedModel) -> None:
    # Uniform over 0.4 in logs, never kept: a density of 2.5 in the middle, where the mean of prices is known.
    panel = panel_of(shop(products=30, weeks=80))
    asked = ask(model.network, panel, maximise_profit=True, rules=Rules(), currency=None)
    log = log_of(panel, asked)
    middle = np.abs(np.log(asked.price / 10)) < 0.08
    assert log.density[middle].mean() == pytest.approx(2.5, rel=0.12)
    assert (log.support <= 1).all()


def test_a_price_that_is_kept_as_a_rule_has_that_chance(model: LoadedModel) -> None:
    table = shop(products=12, weeks=80)
    # Every second price stands for another week.
    table["price"] = table.groupby("sku")["price"].transform(
        lambda p: p.iloc[(np.arange(len(p)) // 2) * 2].to_numpy()
    )
    panel = panel_of(table)
    asked = ask(model.network, panel, maximise_profit=True, rules=Rules(), currency=None)
    log = log_of(panel, asked)
    kept = asked.price == asked.before
    # One half stands on the price before, the other is spread over 0.4 in logs.
    expected = 0.5 * 0.75 / log.bandwidth + 0.5 * 2.5
    assert log.density[kept].mean() == pytest.approx(expected, rel=0.12)


# The replay


def test_the_oracle_earns_most_and_every_policy_something(model: LoadedModel) -> None:
    panel = panel_of(shop())
    played = replay(
        model.network,
        panel,
        np.random.default_rng(0),
        maximise_profit=True,
        rules=Rules(),
        currency=None,
    )
    assert played is not None
    assert set(played.paths) == set(POLICIES)
    assert all(path.shape == (8, PERIODS) for path in played.paths.values())
    for name in POLICIES:
        assert (played.paths[name] <= played.paths["oracle"] * (1 + 1e-3) + 1e-6).all()


def test_the_replay_is_of_its_seed_alone(model: LoadedModel) -> None:
    panel = panel_of(shop(products=5))
    first, again, other = (
        replay(
            model.network,
            panel,
            np.random.default_rng(s),
            maximise_profit=True,
            rules=Rules(),
            currency=None,
        )
        for s in (1, 1, 2)
    )
    assert first and again and other
    assert (first.paths["policy"] == again.paths["policy"]).all()
    assert not (first.paths["policy"] == other.paths["policy"]).all()


# The report


def test_a_report_says_what_kind_of_evidence_each_part_is(report: Backtest) -> None:
    plain = json.loads(json.dumps(report.to_dict()))
    assert "measured" in plain["forecasts"]["what"]
    assert "not an experiment" in plain["off_policy"]["what"]
    assert "simulated" in plain["replay"]["what"]
    for language, phrase in (("en", "observational, not an experiment"), ("zh", "不是实验")):
        assert phrase in backtest_text(report, language, width=None)


def test_equal_sales_make_equal_reports(report: Backtest, model: LoadedModel) -> None:
    assert run(model, shop()).to_dict() == report.to_dict()


def test_files_hold_a_row_for_each_number(report: Backtest, tmp_path: Path) -> None:
    written = write_report(report, tmp_path)
    assert [path.name for path in written] == ["report.json", "forecasts.csv", "off_policy.csv", "replay.csv"]
    rows = {path.stem: list(csv.DictReader(path.open())) for path in written[1:]}
    assert len(rows["forecasts"]) == report.forecasts.quantiles[:, :, 0].size
    assert len(rows["off_policy"]) == len(report.asked)
    assert len(rows["replay"]) == 7 * PERIODS * len(POLICIES)
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(json.dumps(report.to_dict()))


# What cannot be told


def test_what_an_adapter_has_learned_from_is_no_test_of_it(report: Backtest) -> None:
    first, last = report.tested
    assert not replace(report, adapter_tested_from=first).seen_by_adapter
    flattered = replace(report, adapter_tested_from=last)
    assert flattered.seen_by_adapter
    assert f"its own test begins on {last}" in backtest_text(flattered, "en", width=None)


def test_without_cost_revenue_is_counted_and_said(model: LoadedModel) -> None:
    found = run(model, shop(cost=False))
    assert [result.objective for result in found.off_policy] == ["revenue"]
    assert [outcome.objective for outcome in found.replayed] == ["revenue"]
    assert "more revenue may be less profit" in backtest_text(found, "en", width=None)


def test_constant_prices_get_forecasts_and_nothing_else(model: LoadedModel) -> None:
    found = run(model, shop(constant=True))
    assert found.off_policy[0].refused == "no_rows"
    assert found.replay is None
    text = backtest_text(found, "en", width=None)
    assert "No estimate of profit: there is no period in which the policy would have priced." in text
    assert "Nothing to play for profit" in text


def test_one_product_gets_forecasts_and_nothing_else(model: LoadedModel) -> None:
    found = run(model, shop(products=1))
    assert found.off_policy[0].refused in ("few_products", "outside_support")
    assert found.replay is None
    assert found.forecasts.scores["policy"].rows > 0


def test_too_short_a_history_is_one_clear_error(model: LoadedModel) -> None:
    with pytest.raises(HistoryError, match=r"None of 8 products in sales\.csv has 30 periods of sales"):
        run(model, shop(weeks=20))


def test_where_nothing_was_sold_nothing_is_measured(model: LoadedModel) -> None:
    with pytest.raises(HistoryError, match="Nothing was sold in the last quarter"):
        run(model, shop().assign(units=0.0))


def test_currencies_that_cannot_be_added_are_refused(model: LoadedModel) -> None:
    table = shop()
    table["currency"] = np.where(table["sku"] == "P0", "USD", "EUR")
    with pytest.raises(HistoryError, match="several currencies \\(EUR, USD\\)"):
        run(model, table)


# The command


def test_the_command_prints_a_report_and_writes_it(
    model: LoadedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(loading, "load_model", lambda **options: model)
    file = tmp_path / "sales.csv"
    shop(products=6).to_csv(file, index=False)
    assert cli.main(["backtest", str(file), "--out", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert "not an experiment" in captured.out
    assert "Written to" in captured.err
    assert (tmp_path / "out" / "report.json").exists()
    assert cli.main(["backtest", str(file), "--json", "--language", "zh"]) == 0
    assert json.loads(capsys.readouterr().out)["products_used"] == 6 - 1


def test_the_command_refuses_in_the_language_asked_for(
    model: LoadedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(loading, "load_model", lambda **options: model)
    file = tmp_path / "sales.csv"
    shop(weeks=20).to_csv(file, index=False)
    assert cli.main(["backtest", str(file), "--language", "zh"]) == 1
    assert "没有一个有 30 期销售" in capsys.readouterr().err
