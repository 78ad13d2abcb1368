"""Clearance: exact chances of Poisson demand, the textbook's run-out price, and steps that rules permit."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from known_markets import COST, REFERENCE, constant_elasticity, known_posterior
from scipy.stats import poisson

from policy import PricingPipeline, Rules
from policy.decision.bounds import Circumstances
from policy.decision.clearance import Clearance, ClearancePath, clearance
from policy.decision.given import QuestionError
from policy.decision.joint import Luck
from policy.decision.limits import apply
from policy.decision.markdowns import Found, Ladder, ladder, search
from policy.model.posterior import Posterior

FREE = Rules(max_change=None, min_margin=None, allow_below_cost=True)
DRAWS = 4000


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return constant_elasticity("A", np.random.default_rng(1))


def any_price(price: float, after: float, period: int) -> float:
    return price


def within(rules: Rules, price: float, after: float) -> float:
    return apply(price, rules, Circumstances(current_price=after, unit_cost=COST))[0]


def searched(posterior: Posterior, rungs: Ladder, stock: float, *, wanted: float = 0.8) -> Found:
    luck = Luck.drawn(np.random.default_rng(0), DRAWS, len(posterior.weights))
    return search(posterior, rungs, stock=stock, worth=rungs.prices, wanted_chance=wanted, luck=luck)


def prices(path: ClearancePath) -> list[float]:
    return [step.price for step in path.steps]


@pytest.mark.parametrize("stock", [70, 82, 95])
def test_the_plan_is_the_dearest_price_with_the_chance_wanted(stock: int) -> None:
    # Inelastic demand, known: dearer earns more, so the plan is as dear as the Poisson chance permits.
    posterior = known_posterior(level=80.0, elasticity=-0.5)
    rungs = Ladder(np.array([20.0, 16.0, 12.0]), np.eye(3, dtype=bool)[None])
    rungs.steps[0, 0] = True
    found = searched(posterior, rungs, stock, wanted=0.75)
    chances = poisson.sf(stock - 1, 80 * (rungs.prices / 20.0) ** -0.5)
    assert np.abs(chances - 0.75).min() > 0.03  # no price is a close call
    assert found.plan.tolist() == [rungs.prices[(chances >= 0.75).argmax()]]
    assert found.surest.tolist() == [12.0]


def test_the_best_path_sells_out_at_the_run_out_price() -> None:
    # Gallego and van Ryzin (1994): where demand is elastic the fluid optimum charges the price at which
    # the stock just lasts: 4 x 80 x (p / 20)^-2 = 600 at p = 14.61. Their bound: no policy earns more.
    posterior = known_posterior(periods=4)
    rungs = Ladder(np.geomspace(REFERENCE, 10.0, 24), np.triu(np.ones((4, 24, 24), dtype=bool)))
    found = searched(posterior, rungs, 600.0)
    run_out = REFERENCE * np.sqrt(320 / 600)
    assert found.best.mean() == pytest.approx(run_out, rel=0.04)
    assert (np.diff(found.best) <= 0).all()


def test_more_stock_never_makes_the_plan_dearer() -> None:
    posterior = known_posterior(periods=4, level=(60.0, 100.0), weights=(0.5, 0.5))
    rungs = ladder(REFERENCE, 8.0, periods=4, allowed=any_price)
    means = [searched(posterior, rungs, stock).plan.mean() for stock in (200.0, 300.0, 400.0, 600.0, 900.0)]
    assert means == sorted(means, reverse=True) and means[0] > means[-1]


def test_the_chance_is_a_mixture_over_curves() -> None:
    # At the one price there is, half of the belief sells 120 or more of a Poisson of 80 x 2, half of 40 x 2.
    posterior = known_posterior(periods=2, level=(40.0, 80.0), weights=(0.5, 0.5))
    alone = Ladder(np.array([REFERENCE]), np.ones((2, 1, 1), dtype=bool))
    exact = 0.5 * poisson.sf(119, 80) + 0.5 * poisson.sf(119, 160)
    assert exact == pytest.approx(0.5, abs=0.01)
    for wanted, reached in ((0.4, True), (0.6, False)):
        found = searched(posterior, alone, 120.0, wanted=wanted)
        assert found.plan.tolist() == [REFERENCE] * 2, reached


def test_a_ladder_keeps_to_rules() -> None:
    rules = Rules(max_change=0.1, min_margin=0.2, price_ending=0.99)

    rungs = ladder(20.0, 5.0, periods=4, allowed=lambda price, after, period: within(rules, price, after))
    assert rungs.prices[0] == 20.0
    assert {round(p % 1, 2) for p in rungs.prices[1:]} == {0.99}
    assert rungs.prices.min() >= COST / 0.8
    for i, j in zip(*np.nonzero(rungs.steps.any(axis=0)), strict=True):
        assert i == j or rungs.prices[j] >= rungs.prices[i] * 0.9 - 0.005


def ask(pipe: PricingPipeline, frame: pd.DataFrame, **options: object) -> Clearance:
    return clearance(pipe.product(frame, sku="A"), **options)  # type: ignore[arg-type]


def test_a_dated_plan_that_sells_through(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    answer = ask(pipe, frame, until="2026-05-03", stock=800.0, rules=FREE)
    assert answer.dates[0] == "2026-03-02" and answer.end == "2026-05-03" and len(answer.dates) == 9
    assert answer.reached and answer.plan.chance >= 0.78 > answer.keep.chance
    assert answer.surest.chance >= answer.plan.chance - 0.01
    assert (
        answer.best.profit is not None and answer.plan.profit is not None and answer.keep.profit is not None
    )
    assert answer.best.profit.mean >= answer.plan.profit.mean - 0.01 * abs(answer.plan.profit.mean)
    assert answer.gain.mean == pytest.approx(answer.plan.profit.mean - answer.keep.profit.mean)
    assert answer.gain.low < answer.gain.mean < answer.gain.high
    for path in (answer.plan, answer.keep, answer.best, answer.surest):
        assert prices(path) == sorted(prices(path), reverse=True)
        assert path.units.mean + path.left.mean == pytest.approx(800.0)
        assert path.steps[-1].left == path.left
    json.dumps(asdict(answer), allow_nan=False)


def test_profit_counts_the_whole_stock(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    for salvage in (0.0, 3.0):
        answer = ask(pipe, frame, periods=4, stock=900.0, salvage=salvage)
        keep = answer.keep
        assert keep.profit is not None
        earned = keep.revenue.mean + salvage * keep.left.mean
        assert keep.profit.mean == pytest.approx(earned - COST * 900.0)


def test_what_cannot_be_sold_is_said_in_numbers(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    answer = ask(pipe, frame, until="2026-05-03", stock=3000.0)
    assert not answer.reached and answer.plan.chance < 0.05
    assert answer.plan == answer.surest
    assert answer.plan.left.low > 1000.0
    assert answer.limited_by == "known_range"
    assert ask(pipe, frame, periods=9, stock=3000.0, rules=Rules(max_change=0.02)).limited_by == "rules"
    assert ask(pipe, frame, periods=9, stock=3000.0, low=18.0).limited_by == "given"


@pytest.mark.parametrize(
    "rules",
    [Rules(), Rules(max_change=0.05), Rules(price_ending=0.99), Rules(minimum_advertised_price=17.5)],
)
def test_every_step_is_one_that_rules_permit(
    pipe: PricingPipeline, frame: pd.DataFrame, rules: Rules
) -> None:
    answer = ask(pipe, frame, periods=8, stock=1200.0, rules=rules)
    for path in (answer.plan, answer.best, answer.surest):
        before = prices(answer.keep)[0]
        for price in prices(path):
            if price != before:
                assert within(rules, price, before) == pytest.approx(price)
            before = price


def test_without_cost_there_is_no_profit(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    answer = ask(pipe, frame.drop(columns="cost"), periods=4, stock=500.0)
    assert answer.plan.profit is None and answer.unit_cost is None
    assert "cost_missing" in answer.cautions


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"stock": 100.0}, "no_date"),
        ({"periods": 4}, "stock_missing"),
        ({"periods": 4, "stock": 0.0}, "not_positive"),
        ({"until": "2026-03-05", "stock": 100.0}, "until_too_soon"),
        ({"periods": 4, "stock": 10.0, "salvage": -1.0}, "negative"),
    ],
)
def test_impossible_questions_are_refused(
    pipe: PricingPipeline, frame: pd.DataFrame, options: dict, code: str
) -> None:
    with pytest.raises(QuestionError) as error:
        ask(pipe, frame, **options)
    assert error.value.code == code


def test_the_stock_on_record_is_the_stock(pipe: PricingPipeline) -> None:
    stocked = constant_elasticity("A", np.random.default_rng(1), stock=np.r_[np.full(59, 900.0), 640.0])
    assert ask(pipe, stocked, periods=6).stock == 640.0
