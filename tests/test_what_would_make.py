"""The reverse question: what is found is what the policy then answers."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from known_markets import COST, constant_elasticity

from policy import PricingPipeline, Rules
from policy.decision.given import QuestionError
from policy.decision.what_would_make import TOLERANCE, Change, WhatWouldMake, what_would_make

FREE = Rules(max_change=None, min_margin=None)


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rival = np.round(19.0 * np.exp(0.1 * rng.normal(size=60)), 2)
    return constant_elasticity("A", rng, competitor_price=rival)


def ask(pipe: PricingPipeline, frame: pd.DataFrame, price: float, rules: Rules = FREE) -> WhatWouldMake:
    return what_would_make(pipe.product(frame, sku="A"), price=price, rules=rules)


def of(answer: WhatWouldMake, name: str) -> Change:
    return next(change for change in answer.changes if change.name == name)


@pytest.mark.parametrize("price", [15.0, 18.5, 24.0])
def test_the_cost_found_makes_the_policy_recommend_the_price(
    pipe: PricingPipeline, frame: pd.DataFrame, price: float
) -> None:
    answer = ask(pipe, frame, price)
    cost = of(answer, "unit_cost")
    assert cost.now == COST and cost.needed is not None and cost.why is None
    assert cost.price == pytest.approx(price, rel=TOLERANCE)
    # A product whose cost has moved there, asked the usual way.
    moved = frame.assign(cost=np.r_[np.full(59, COST), cost.needed])
    (record,) = pipe.recommend(moved, rules=FREE)
    assert record.price == pytest.approx(price, rel=0.03)


def test_a_dearer_price_needs_a_higher_cost_or_less_stock(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    answers = [ask(pipe, frame, price) for price in (18.5, 19.2, 24.0)]
    costs = [of(a, "unit_cost").needed for a in answers]
    stocks = [of(a, "stock").needed for a in answers]
    assert None not in costs and None not in stocks
    assert costs == sorted(costs) and stocks == sorted(stocks, reverse=True)


def test_the_stock_found_makes_the_policy_recommend_the_price(
    pipe: PricingPipeline, frame: pd.DataFrame
) -> None:
    needed = of(ask(pipe, frame, 24.0), "stock").needed
    assert needed is not None
    stocked = frame.assign(stock=np.r_[np.full(59, 4000.0), needed])
    (record,) = pipe.recommend(stocked, rules=FREE)
    assert record.price == pytest.approx(24.0, rel=0.03)


def test_what_no_value_reaches_is_said_with_the_closest(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    rival = of(ask(pipe, frame, 24.0), "competitor_price")
    assert (rival.needed, rival.why) == (None, "not_in_range")
    assert rival.tried[0] <= rival.closest <= rival.tried[1] + 1e-9
    assert rival.price < 24.0
    far = ask(pipe, frame, 90.0)
    assert all(change.needed is None for change in far.changes)


def test_rules_that_stand_in_the_way_are_named(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    answer = ask(pipe, frame, 15.0, Rules(max_change=0.2))
    assert answer.forbidden_by == ("max_change",)
    assert of(answer, "unit_cost").why == "rules"
    assert answer.without_these == pytest.approx(answer.model_price, abs=0.01)
    assert ask(pipe, frame, 20.0, Rules()).forbidden_by == ()


def test_a_change_that_would_not_pay_keeps_the_price(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    # Close to the present price the policy prefers to keep it, whatever the cost.
    current = float(frame["price"].iloc[-1])
    cost = of(ask(pipe, frame, round(current * 0.97, 2)), "unit_cost")
    assert (cost.needed, cost.why) == (None, "gain_not_worthwhile")


def test_inputs_that_are_not_known_are_not_asked(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    bare = ask(pipe, frame.drop(columns=["cost", "competitor_price"]), 24.0)
    assert [change.name for change in bare.changes] == ["stock"]
    json.dumps(asdict(bare), allow_nan=False)


def test_where_the_policy_abstains_nothing_makes_it_recommend(
    pipe: PricingPipeline, frame: pd.DataFrame
) -> None:
    answer = ask(pipe, frame.assign(price=20.0), 18.0)
    assert (answer.abstained, answer.changes, answer.recommended) == ("price_never_varied", (), 20.0)
    with pytest.raises(QuestionError, match="`price` must be a positive number"):
        ask(pipe, frame, -1.0)
