"""Elasticity from logs: what regressions find by hand, and how a seller who prices by demand misleads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from policy.evaluation.elasticity import (
    OURS,
    REGRESSION,
    REGRESSIONS,
    SETTINGS,
    elasticity_rows,
    log_log,
    log_log_adjusted,
    ridge,
    simulate,
    standard_error_of_median,
)
from policy.evaluation.tables import elasticity_table
from policy.market import Prior, Trajectory
from policy.model.loading import load_model

PERIODS = 60


def log_of(log_price: np.ndarray, log_units: np.ndarray, promo: np.ndarray | float = 0.0) -> Trajectory:
    """One weekly series without noise; log(units + 1/2) is as given."""
    unknown = np.full((1, PERIODS), np.nan)
    return Trajectory(
        price=np.exp(log_price)[None],
        units=np.exp(log_units)[None] - 0.5,
        cost=unknown,
        competitor_price=unknown,
        promo=np.broadcast_to(promo, (1, PERIODS)),
        stock=unknown,
        views=unknown,
        day=20_000 + 7 * np.arange(PERIODS)[None],
        period=np.ones(1, dtype=np.int64),
    )


def random_prices() -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 0.2, PERIODS)


@pytest.mark.parametrize("fit", [log_log, log_log_adjusted])
def test_regressions_find_a_constant_elasticity_behind_random_prices(fit: type) -> None:
    price = random_prices()
    assert fit(log_of(price, 8.0 - 3.0 * price)) == pytest.approx(-3.0)


def test_a_seller_who_prices_by_demand_hides_the_response() -> None:
    # Price follows half of the shock s: log units = s - 2 (s / 2) never move, though elasticity is -2.
    shock = random_prices()
    assert log_log(log_of(0.5 * shock, 8.0 + shock - 2.0 * 0.5 * shock)) == pytest.approx(0.0, abs=1e-9)


def test_trend_season_and_promotion_are_told_apart_from_the_price() -> None:
    time = np.linspace(-1.0, 1.0, PERIODS)
    wave = np.sin(2 * np.pi * (20_000 + 7 * np.arange(PERIODS)) / 365.25)
    promo = (np.arange(PERIODS) % 5 == 0) * 1.0
    price = random_prices() + 0.3 * time - 0.2 * promo
    log = log_of(price, 8.0 - 1.5 * price + time + 0.4 * wave + 0.7 * promo, promo)
    assert log_log_adjusted(log) == pytest.approx(-1.5)
    assert abs(log_log(log)[0] + 1.5) > 0.2


def test_the_ridge_weighs_its_prior_as_an_observation() -> None:
    # Sum of squares 1 against a penalty of 1: half way between -4 in the data and -2.
    price = random_prices()
    price -= price.mean()
    price /= np.sqrt((price**2).sum())
    assert ridge(log_of(price, 8.0 - 4.0 * price)) == pytest.approx(-3.0)


@pytest.mark.parametrize("fit", REGRESSIONS.values())
def test_a_price_that_never_moved_gets_the_usual_elasticity(fit: type) -> None:
    assert fit(log_of(np.ones(PERIODS), 3.0 + random_prices())) == pytest.approx(-2.0)


STEADY = replace(
    Prior(),
    families=("constant_elasticity",),
    stock_chance=0.0,
    regime_chance=0.0,
    memory_chance=0.0,
    competitor_chance=0.0,
    intermittent_chance=0.0,
    log_units=(6.0, 0.5),
    shock_sd=(0.4, 0.6),
    dispersion=(1e-3, 2e-3),
)


def test_the_truth_is_the_markets_own_elasticity() -> None:
    setting = replace(SETTINGS[1], prior=STEADY, markets=50)
    drawn = STEADY.sample(np.random.default_rng(setting.seed), 50, setting.periods + 1)
    assert simulate(setting).truth == pytest.approx(-drawn.demand.elasticity)


def test_endogenous_logs_bias_the_regression_towards_no_response_and_tested_ones_do_not() -> None:
    bias = {}
    for habit in ("endogenous", "random_test"):
        logs = simulate(replace(SETTINGS[0], habit=habit, prior=STEADY, markets=300))
        bias[habit] = float(np.median(log_log(logs.history) - logs.truth))
    assert abs(bias["random_test"]) < 0.1
    assert bias["endogenous"] > 1.0


def test_logs_depend_on_the_seed_alone() -> None:
    first, again = (simulate(replace(SETTINGS[0], markets=5)) for _ in range(2))
    assert (first.history.units == again.history.units).all()
    assert (first.truth == again.truth).all()


def test_the_error_of_a_median_is_what_theory_says() -> None:
    # Of n normal draws: sqrt(pi / 2n).
    values = np.random.default_rng(0).normal(size=40_000)
    assert standard_error_of_median(values) == pytest.approx(np.sqrt(np.pi / 80_000), rel=0.1)


def test_rows_compare_every_estimate_with_the_regression() -> None:
    rows = elasticity_rows(
        load_model().network, [replace(SETTINGS[0], markets=40)], model_hash="abc", commit="def"
    )
    ours, plain = rows[0], rows[1]
    assert [row["estimate"] for row in rows] == [OURS, *REGRESSIONS]
    assert (plain["estimate"], plain["error_over_regression"], plain["cover80"]) == (REGRESSION, "1.000", "")
    ratio = float(ours["mean_error"]) / float(plain["mean_error"])
    assert float(ours["error_over_regression"]) == pytest.approx(ratio, abs=1e-3)
    assert 0 < float(ours["cover80"]) <= 1
    assert (ours["seed"], ours["model_hash"], ours["commit"]) == ("20021", "abc", "def")
    assert elasticity_table(rows).splitlines()[0] == "| estimate | endogenous sellers |"
