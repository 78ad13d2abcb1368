"""Promotions: lift by cause, what they leave behind, and the best depth, on markets where these are known."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from known_markets import COST, constant_elasticity, promoted

from policy import PricingPipeline, Rules
from policy.decision.aftermath import aftermath
from policy.decision.given import QuestionError
from policy.decision.promotion import Promotion, promotion
from policy.history import canonical_history
from policy.model.panel import make_panel

FREE = Rules(max_change=None, min_margin=None)


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


def ask(pipe: PricingPipeline, frame: pd.DataFrame, **options: object) -> Promotion:
    options.setdefault("rules", FREE)
    return promotion(pipe.product(frame, sku="A"), **options)  # type: ignore[arg-type]


def dips(*, dip: float, seeds: range) -> list:
    found = []
    for seed in seeds:
        frame, report = canonical_history(promoted("A", np.random.default_rng(seed), lift=0.3, dip=dip))
        found.append(aftermath(make_panel(frame, report.period).history, elasticity=-2.0))
    return found


@pytest.mark.parametrize("dip", [0.0, 0.25])
def test_a_dip_after_promotions_is_measured(dip: float) -> None:
    found = dips(dip=dip, seeds=range(20))
    truth = np.expm1(-dip)
    assert np.mean([a.change.mean for a in found]) == pytest.approx(truth, abs=0.01)
    # An interval of 80 %, widened for shocks that these markets do not have.
    assert np.mean([a.change.low <= truth <= a.change.high for a in found]) >= 0.8
    assert {a.promotions for a in found} == {7}


def test_too_few_promotions_say_nothing() -> None:
    frame, report = canonical_history(promoted("A", np.random.default_rng(0), lift=0.3, weeks=25))
    found = aftermath(make_panel(frame, report.period).history, elasticity=-2.0)
    assert (found.promotions, found.change) == (2, None)


def test_lift_is_split_into_price_and_promotion(pipe: PricingPipeline) -> None:
    # A quarter less sells 0.75^-2 = 1.78 times as much, and a flag of 0.4 makes that 1.49 times more. The
    # base leans to what promotions usually do (a flag of 0.35), so it is held to ranks and wide bounds.
    shares = {}
    for lift in (0.0, 0.4):
        answer = ask(pipe, promoted("A", np.random.default_rng(1), lift=lift), depth=0.25, periods=2)
        found = answer.lift
        assert found is not None and "promotion_not_learned" not in answer.cautions
        assert found.total.mean == pytest.approx(found.of_price.mean + found.of_flag.mean, rel=1e-6)
        before = answer.none.units.mean
        shares[lift] = found.of_flag.mean / (before + found.of_price.mean)
        assert 0.3 < found.of_price.mean / before < 1.1
        json.dumps(asdict(answer), allow_nan=False)
    assert 0.0 < shares[0.0] < 0.6 * shares[0.4] and shares[0.4] < 0.6


def test_an_effect_that_was_never_seen_is_not_counted(pipe: PricingPipeline) -> None:
    frame = constant_elasticity("A", np.random.default_rng(1))
    answer = ask(pipe, frame, depth=0.2, periods=2)
    assert answer.asked is not None and answer.lift is not None
    assert {"promotion_not_learned", "after_not_known"} <= set(answer.cautions)
    assert answer.lift.total == answer.lift.of_price
    assert answer.after.change is None and answer.asked.gain == answer.asked.net_gain
    cut = pipe.what_if(frame, sku="A", price=answer.asked.price, periods=2)
    assert answer.asked.totals.units.mean == pytest.approx(cut.total_at.units.mean, rel=0.02)


def test_what_is_given_away_and_what_is_needed_are_arithmetic(pipe: PricingPipeline) -> None:
    answer = ask(pipe, promoted("A", np.random.default_rng(1), lift=0.4), depth=0.25, periods=2)
    assert answer.asked is not None and answer.lift is not None and answer.given_away is not None
    now, then = answer.current_price, answer.asked.price
    assert then == pytest.approx(0.75 * now, abs=0.01)
    assert answer.given_away == pytest.approx(answer.none.units.mean * (now - then))
    assert answer.lift.needed == pytest.approx(answer.none.units.mean * ((now - COST) / (then - COST) - 1))


def test_sales_brought_forward_come_off_the_gain(pipe: PricingPipeline) -> None:
    answer = ask(pipe, promoted("A", np.random.default_rng(1), lift=0.4, dip=0.4), depth=0.25, periods=1)
    assert answer.asked is not None and answer.after.value is not None
    assert answer.after.value.high < 0
    assert answer.asked.net_gain.mean == pytest.approx(answer.asked.gain.mean + answer.after.value.mean)
    width = answer.asked.net_gain.high - answer.asked.net_gain.low
    assert width >= answer.asked.gain.high - answer.asked.gain.low


def test_the_best_depth_is_the_best_of_those_that_rules_permit(pipe: PricingPipeline) -> None:
    frame = promoted("A", np.random.default_rng(1), lift=0.6)
    free, strict = ask(pipe, frame, periods=2), ask(pipe, frame, periods=2, rules=Rules(max_change=0.1))
    assert free.asked is None and free.lift is None
    assert len(free.depths) > len(strict.depths) == 2
    assert [d.depth for d in free.depths] == sorted(d.depth for d in free.depths)
    assert free.best is not None
    assert free.best.net_gain.mean == max(d.net_gain.mean for d in free.depths)
    assert max(d.depth for d in strict.depths) <= 0.1 + 1e-9


def test_no_depth_pays_where_demand_hardly_answers(pipe: PricingPipeline) -> None:
    frame = constant_elasticity("A", np.random.default_rng(2), elasticity=-0.6, level=300.0)
    answer = ask(pipe, frame, periods=2, depth=0.2)
    assert answer.best is None and answer.depths
    assert answer.asked is not None and answer.asked.gain.mean < 0 and answer.asked.chance < 0.2


def test_a_depth_that_breaks_rules_is_answered_and_named(pipe: PricingPipeline) -> None:
    frame = promoted("A", np.random.default_rng(1), lift=0.4)
    answer = ask(pipe, frame, depth=0.5, periods=1, rules=Rules(max_change=0.2, min_margin=0.3))
    assert answer.asked is not None
    assert answer.broken_rules and set(answer.broken_rules) <= {"max_change", "min_margin"}
    assert ask(pipe, frame, depth=0.1, periods=1, rules=Rules()).broken_rules == ()


@pytest.mark.parametrize("depth", [0.0, 1.0, 20.0, -0.1])
def test_a_depth_is_a_share(pipe: PricingPipeline, depth: float) -> None:
    with pytest.raises(QuestionError, match="`depth` must be"):
        ask(pipe, constant_elasticity("A", np.random.default_rng(1)), depth=depth)
