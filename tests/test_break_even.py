"""Break-even against the textbook's formulas."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from known_markets import COST, REFERENCE, constant_elasticity, known_posterior

from policy import PricingPipeline
from policy.decision.break_even import break_even, volume_needed
from policy.decision.given import QuestionError
from policy.decision.margin import UnitEconomics
from policy.model.posterior import Posterior

PLAIN = UnitEconomics(unit_cost=COST)


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return constant_elasticity("A", np.random.default_rng(1))


def test_the_lowest_price_loses_nothing() -> None:
    economics = UnitEconomics(unit_cost=8.0, fee=0.15, shipping=0.5)
    assert economics.break_even == pytest.approx(10.0)
    assert economics.profit(np.array([10.0, 20.0])) == pytest.approx([0.0, 8.5])


@pytest.mark.parametrize("price", [16.0, 18.0, 24.0])
def test_the_change_of_volume_needed_is_the_textbooks(price: float) -> None:
    # -d / (m + d) for a price change d and a unit profit m of 12.
    volume = volume_needed(known_posterior(), PLAIN, price=price, now=REFERENCE)
    d = price - REFERENCE
    assert volume.change_needed == pytest.approx(-d / (12.0 + d))
    assert volume.needed == pytest.approx(80.0 * 12.0 / (12.0 + d), rel=1e-5)
    assert volume.change_expected.mean == pytest.approx((price / REFERENCE) ** -2 - 1, abs=2e-3)


@pytest.mark.parametrize(("elasticity", "chance"), [(-1.5, 0.0), (-4.0, 1.0)])
def test_a_known_curve_reaches_the_volume_or_does_not(elasticity: float, chance: float) -> None:
    # From 20 to 18 takes 20 % more units; elasticity -1.5 brings 17 %, -4 brings 52 %.
    volume = volume_needed(known_posterior(elasticity=elasticity), PLAIN, price=18.0, now=REFERENCE)
    assert volume.chance == chance
    reached = volume.change_needed is not None and volume.change_expected.mean > volume.change_needed
    assert reached == bool(chance)


def test_the_chance_is_between_where_curves_disagree() -> None:
    def chance(weight: float) -> float:
        posterior = known_posterior(level=80.0, elasticity=(-1.5, -4.0), weights=(1 - weight, weight))
        return volume_needed(posterior, PLAIN, price=18.0, now=REFERENCE).chance

    chances = [chance(w) for w in (0.0, 0.1, 0.5, 0.9, 1.0)]
    assert chances == sorted(chances)
    assert 0.5 < chances[2] < 1.0


def test_no_volume_makes_a_loss_per_unit_pay() -> None:
    posterior: Posterior = known_posterior()
    below = volume_needed(posterior, PLAIN, price=7.0, now=REFERENCE)
    assert below.needed is None and below.change_needed is None and below.chance == 0.0
    # From a loss to a profit: whatever is sold is better.
    above = volume_needed(posterior, PLAIN, price=9.0, now=7.0)
    assert (above.needed, above.change_needed, above.chance) == (0.0, -1.0, 1.0)


def test_answers_for_a_product(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    answer = break_even(pipe.product(frame, sku="A"), price=18.0, fee=0.1, shipping=1.0)
    assert answer.lowest_price == pytest.approx(10.0)
    assert answer.at is not None and answer.at.unit_profit == pytest.approx(18.0 * 0.9 - 9.0)
    assert answer.at.margin == pytest.approx(answer.at.unit_profit / 18.0)
    assert answer.volume is not None
    now = answer.now.unit_profit * answer.units_now.mean
    assert answer.volume.needed == pytest.approx(now / answer.at.unit_profit)
    matching = pipe.what_if(frame, sku="A", price=18.0, fee=0.1, shipping=1.0)
    assert answer.volume.gain.mean == pytest.approx(matching.gain.mean)
    assert answer.volume.chance == pytest.approx(matching.chance)
    json.dumps(asdict(answer), allow_nan=False)
    alone = break_even(pipe.product(frame, sku="A"))
    assert alone.at is None and alone.volume is None and alone.lowest_price == COST


def test_without_a_cost_nothing_breaks_even(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    with pytest.raises(QuestionError, match="unit cost of 'A' is unknown"):
        break_even(pipe.product(frame.drop(columns="cost"), sku="A"), price=18.0)
    assert break_even(pipe.product(frame.drop(columns="cost"), sku="A"), unit_cost=5.0).lowest_price == 5.0
