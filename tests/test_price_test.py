"""Price tests: textbook lengths, powers that simulations have, and what a test is worth."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from known_markets import COST, REFERENCE, constant_elasticity, known_posterior
from scipy.special import ndtri

from policy import PricingPipeline, Rules
from policy.decision.given import QuestionError
from policy.decision.margin import UnitEconomics
from policy.decision.price_test import (
    MOST_PERIODS,
    PriceTest,
    periods_for_difference,
    periods_for_elasticity,
    price_test,
    worth_of_test,
)

PLAIN = UnitEconomics(unit_cost=COST)


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return constant_elasticity("A", np.random.default_rng(1))


def ask(pipe: PricingPipeline, frame: pd.DataFrame, **options: object) -> PriceTest:
    return price_test(pipe.product(frame, sku="A"), **options)  # type: ignore[arg-type]


def needed(difference: float, sd: float, *, power: float = 0.8, error: float = 0.1) -> int | None:
    values, variances = np.array([[100.0 + difference, 100.0]]), np.full((1, 2), sd**2)
    return periods_for_difference(np.ones(1), values, variances, power=power, error=error)


@pytest.mark.parametrize("power", [0.8, 0.9])
def test_the_length_for_one_curve_is_the_textbooks(power: float) -> None:
    exact = (ndtri(0.95) + ndtri(power)) ** 2 * 2 * 20.0**2 / 15.0**2
    assert needed(15.0, 20.0, power=power) == int(np.ceil(exact))
    assert needed(-15.0, 20.0, power=power) == int(np.ceil(exact))


def test_a_difference_that_is_not_worth_acting_on_is_not_sought() -> None:
    assert needed(0.1, 1e-6) is None
    assert needed(1.0, 100.0) is None  # would take longer than any test proposed
    # Beside a curve that tells, one on which nothing hangs does not lengthen the test.
    values, variances = np.array([[115.0, 100.0], [100.1, 100.0]]), np.full((2, 2), 400.0)
    both = periods_for_difference(np.array([0.5, 0.5]), values, variances, power=0.8, error=0.1)
    assert both == needed(15.0, 20.0)


def test_the_stated_power_is_what_simulated_tests_have() -> None:
    # Poisson demand of elasticity -4: 80 units at 20, 122 at 18; profits of 960 and 1,219 a period.
    posterior = known_posterior(elasticity=-4.0, level=20.0)
    pair = np.array([18.0, REFERENCE])
    units = posterior.component_units(pair[None, :])[0]
    margin = PLAIN.profit(pair)
    n = periods_for_difference(np.ones(1), margin * units, margin**2 * units, power=0.8, error=0.1)
    assert n is not None and 1 < n < MOST_PERIODS
    rng = np.random.default_rng(0)
    sold = rng.poisson(units[0], (20_000, n, 2)) * margin
    difference = sold[..., 0].mean(axis=1) - sold[..., 1].mean(axis=1)
    se = np.sqrt((margin**2 * units[0]).sum() / n)
    told = (difference / se > ndtri(0.95)).mean()
    assert 0.78 < told < 0.9  # the first whole period at which 0.8 is reached


def test_elasticity_is_told_to_the_precision_asked() -> None:
    posterior = known_posterior(level=50.0)
    prices = np.array([18.0, REFERENCE, 22.0])
    n = periods_for_elasticity(posterior, prices, reach=0.5)
    assert n is not None
    units = posterior.component_units(np.array([[18.0, 22.0]]))[0, 0]
    rng = np.random.default_rng(0)
    means = rng.poisson(units, (20_000, n, 2)).mean(axis=1)
    slopes = np.log(means[:, 1] / means[:, 0]) / np.log(22.0 / 18.0)
    assert np.mean(np.abs(slopes + 2.0) <= 0.5) == pytest.approx(0.8, abs=0.04)
    closer = periods_for_elasticity(posterior, prices, reach=0.4)
    assert closer is not None and closer > n
    assert periods_for_elasticity(posterior, prices, reach=0.01) is None


def test_a_test_of_what_is_known_is_worth_nothing() -> None:
    chance, value = worth_of_test(
        known_posterior(),
        np.array([18.0, REFERENCE]),
        np.geomspace(12.0, 30.0, 61),
        economics=PLAIN,
        periods=8,
        rng=np.random.default_rng(0),
    )
    assert (chance, value) == (0.0, 0.0)


def test_a_long_test_is_worth_what_perfect_knowledge_is() -> None:
    # Two curves, equally likely, whose best prices differ; a long test at two prices tells them apart.
    posterior = known_posterior(elasticity=(-1.4, -4.0), weights=(0.5, 0.5))
    candidates = np.geomspace(12.0, 30.0, 61)
    worth = {
        periods: worth_of_test(
            posterior,
            np.array([18.0, 22.0]),
            candidates,
            economics=PLAIN,
            periods=periods,
            rng=np.random.default_rng(0),
        )
        for periods in (1, 40)
    }
    value = PLAIN.profit(candidates) * posterior.component_units(candidates[None, :])[0]
    perfect = value.max(axis=1).mean() - value.mean(axis=0).max()
    assert worth[40][1] == pytest.approx(perfect, rel=0.08)
    assert 0.0 < worth[1][1] < worth[40][1]


def test_a_design_that_adds_up(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    test = ask(pipe, frame)
    current = test.current_price
    assert [round(arm.price / current, 2) for arm in test.arms] == [0.9, 1.1]
    assert test.periods == 3 * test.periods_per_price
    assert len(test.schedule) == min(test.periods, 28)
    for first in range(0, len(test.schedule) - 2, 3):  # every price once a round
        assert {p.price for p in test.schedule[first : first + 3]} == {current, *(a.price for a in test.arms)}
    assert test.cost.mean == pytest.approx(-test.periods_per_price * sum(arm.gain.mean for arm in test.arms))
    assert 0.0 <= test.chance_changed <= 1.0 and test.value_per_period >= 0.0
    if test.cost.mean > 0:
        assert test.pays_back_after == pytest.approx(test.cost.mean / test.value_per_period)
    json.dumps(asdict(test), allow_nan=False)
    assert test == ask(pipe, frame)


def test_what_is_not_known_is_worth_more(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    never = ask(pipe, frame.assign(price=20.0, units=frame["units"].mean().round()))
    often = ask(pipe, frame)
    assert never.value_per_period > often.value_per_period
    assert never.tells in ("elasticity", "profit") and "price_never_varied" in never.cautions
    assert never.periods_for_elasticity is not None


def test_tested_prices_keep_to_rules(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    found = ask(pipe, frame, rules=Rules(max_change=0.04))
    assert all(0.01 <= abs(arm.price / found.current_price - 1) <= 0.04 for arm in found.arms)
    with pytest.raises(QuestionError, match="Rules permit no price near"):
        ask(pipe, frame, rules=Rules(max_change=0.0))
    with pytest.raises(QuestionError, match="Test one or two prices, got 3"):
        ask(pipe, frame, prices=[17.0, 18.0, 21.0])
    with pytest.raises(QuestionError, match="must differ from the present"):
        ask(pipe, frame, prices=[float(frame["price"].iloc[-1])])
