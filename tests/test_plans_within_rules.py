"""Plans obey, or name, rules that ask for more than price and cost: day, market, rival, emergency."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from known_markets import COST, constant_elasticity

from policy import PricingPipeline, Rules
from policy.decision.clauses import BelowCostException, CompetitorIndex, Freeze, MarketMinimum
from policy.decision.clearance import Clearance, clearance
from policy.decision.given import QuestionError
from policy.decision.price_test import price_test
from policy.decision.product import Product
from policy.decision.promotion import Promotion, promotion
from policy.decision.what_would_make import what_would_make
from policy.evaluation.backtest.replay import WithinRules
from policy.market import Observation

NOW = 20.0
"""The last price of the history; it ends on 1 March 2026."""
WEEKS = [dt.date(2026, 3, 2) + dt.timedelta(weeks=i) for i in range(8)]

MINIMUM = Rules(minimum_by_market=(MarketMinimum(market="DE", price=19.5),))
INDEX = Rules(competitor_index=CompetitorIndex(low=0.98))
EMERGENCY = Rules(essential=True, emergency_since=WEEKS[0] - dt.timedelta(weeks=1))


def frozen(week: int) -> Rules:
    return Rules(freezes=(Freeze(start=WEEKS[week], end=WEEKS[week] + dt.timedelta(days=6)),))


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="module")
def product(pipe: PricingPipeline) -> Product:
    frame = constant_elasticity("A", np.random.default_rng(1), store="DE", competitor_price=NOW)
    frame.loc[frame.index[-2:], "price"] = [NOW / 1.1, NOW]
    return pipe.product(frame, sku="A")


FORBIDDING = [(frozen(0), "freeze"), (MINIMUM, "map"), (INDEX, "competitor_index")]


def promoted(product: Product, rules: Rules, **options: Any) -> Promotion:
    return promotion(product, depth=0.1, rules=rules, **options)


@pytest.mark.parametrize(("rules", "name"), FORBIDDING)
def test_a_promotion_names_the_rule_and_no_depth_breaks_it(product: Product, rules: Rules, name: str) -> None:
    assert promoted(product, Rules()).broken_rules == ()
    found = promoted(product, rules)
    assert (found.broken_rules, found.depths, found.best) == ((name,), (), None)


def test_a_freeze_counts_on_the_day_on_which_the_promotion_begins(product: Product) -> None:
    assert promoted(product, frozen(1)).broken_rules == ()
    assert promoted(product, frozen(1), start=WEEKS[1]).broken_rules == ("freeze",)
    assert promoted(product, frozen(1), periods=2).broken_rules == ()  # the price does not change then


def excepted(until: dt.date) -> Rules:
    """A price below 19 rests on the exception: it leaves less than half of itself over a cost of 9.5."""
    granted = BelowCostException(granted_by="Ann", reason="expires", until=until, floor=0.5)
    return Rules(min_margin=0.5, below_cost_exception=granted)


def test_a_promotion_may_not_outlast_the_exception_that_it_rests_on(product: Product) -> None:
    over = {"periods": 2, "unit_cost": 9.5}
    lasting = promoted(product, excepted(WEEKS[1]), **over)
    ended = promoted(product, excepted(WEEKS[0]), **over)
    assert lasting.broken_rules == () and lasting.depths
    assert ended.broken_rules == ("min_margin",)
    assert all(outcome.price >= 19.0 for outcome in ended.depths)


def paths(found: Clearance) -> list[list[float]]:
    return [[step.price for step in path.steps] for path in (found.plan, found.best, found.surest)]


def cleared(product: Product, rules: Rules, **options: Any) -> Clearance:
    return clearance(product, periods=6, stock=900.0, rules=rules, **options)


def test_a_clearance_changes_no_price_in_a_freeze(product: Product) -> None:
    free = cleared(product, Rules())
    assert any(path[0] < NOW for path in paths(free))
    assert all(path[0] == NOW for path in paths(cleared(product, frozen(0))))
    for path in paths(cleared(product, frozen(2))):
        assert path[2] == path[1]
    whole = Rules(freezes=(Freeze(start=WEEKS[0], end=WEEKS[7]),))
    still = cleared(product, whole)
    assert (still.lowest_price, still.limited_by) == (NOW, "rules")
    assert all(set(path) == {NOW} for path in paths(still))


@pytest.mark.parametrize(("rules", "least"), [(MINIMUM, 19.5), (INDEX, 0.98 * NOW)])
def test_a_clearance_goes_no_lower_than_market_and_rival_permit(
    product: Product, rules: Rules, least: float
) -> None:
    found = cleared(product, rules)
    assert min(map(min, paths(found))) >= least - 0.005
    assert found.lowest_price == pytest.approx(least, abs=0.011) and found.limited_by == "rules"


def test_a_clearance_rests_on_an_exception_only_while_it_lasts(product: Product) -> None:
    ended = cleared(product, excepted(WEEKS[2]), unit_cost=9.5)
    assert min(map(min, paths(ended))) >= 19.0 - 0.005 and ended.lowest_price >= 19.0 - 0.005
    assert min(map(min, paths(cleared(product, excepted(WEEKS[7]), unit_cost=9.5)))) < 19.0


def test_one_period_has_one_step(product: Product) -> None:
    # From 20 and by a fifth at most a step, 16 is the lowest of one period, 12.80 of two.
    for periods, lowest in ((1, 16.0), (2, 12.8)):
        found = clearance(product, periods=periods, stock=900.0, low=11.0)
        assert (found.lowest_price, found.limited_by) == (lowest, "rules")


@pytest.mark.parametrize(
    ("rules", "arms"),
    [(Rules(), [18.0, 22.0]), (MINIMUM, [19.5, 22.0]), (INDEX, [19.6, 22.0]), (EMERGENCY, [18.0, 20.0])],
)
def test_a_price_test_stays_within_rules(product: Product, rules: Rules, arms: list[float]) -> None:
    # Before the emergency the price was 20 / 1.1, so that now it stands at the cap.
    found = price_test(product, rules=rules)
    assert [arm.price for arm in found.arms] == pytest.approx([p for p in arms if p != NOW])
    assert not [caution for caution in found.cautions if caution.startswith("breaks_")]


def test_no_test_begins_in_a_freeze_and_one_that_meets_a_freeze_says_so(product: Product) -> None:
    with pytest.raises(QuestionError) as error:
        price_test(product, rules=frozen(0))
    assert error.value.code == "no_price_permitted"
    later = price_test(product, rules=Rules(freezes=(Freeze(start=WEEKS[1], end=WEEKS[7]),)))
    assert "breaks_freeze" in later.cautions


@pytest.mark.parametrize(("rules", "name"), FORBIDDING)
def test_test_prices_of_ones_own_are_held_against_rules(product: Product, rules: Rules, name: str) -> None:
    assert f"breaks_{name}" in price_test(product, prices=[17.5], rules=rules).cautions
    assert f"breaks_{name}" not in price_test(product, prices=[17.5], rules=Rules()).cautions


@pytest.mark.parametrize(("rules", "name"), FORBIDDING)
def test_rules_that_forbid_a_price_are_named_and_can_be_imagined_away(
    product: Product, rules: Rules, name: str
) -> None:
    found = what_would_make(product, price=17.0, rules=rules)
    assert found.forbidden_by == (name,)
    assert found.without_these == what_would_make(product, price=17.0, rules=Rules()).recommended


def test_the_laws_cap_is_named_and_not_imagined_away(product: Product) -> None:
    found = what_would_make(product, price=22.0, rules=EMERGENCY)
    assert (found.forbidden_by, found.without_these) == (("essential_cap",), None)


@pytest.mark.parametrize(
    ("rules", "price"),
    [
        (Rules(max_change=None, max_increase=0.02), 22.0),
        (Rules(max_change=None, max_decrease=0.02), 17.0),
        (Rules(highest_price=20.5), 22.0),
        (Rules(lowest_price=19.5), 17.0),
    ],
)
def test_the_merchants_own_limits_can_be_imagined_away(product: Product, rules: Rules, price: float) -> None:
    found = what_would_make(product, price=price, rules=rules)
    without = what_would_make(product, price=price, rules=Rules(max_change=rules.max_change))
    assert len(found.forbidden_by) == 1
    assert found.without_these == without.recommended


def test_a_what_if_is_judged_on_the_first_day_asked_about(pipe: PricingPipeline) -> None:
    frame = constant_elasticity("A", np.random.default_rng(1))
    asked: dict[str, Any] = {"sku": "A", "price": 18.0, "rules": frozen(1)}
    assert "breaks_freeze" in pipe.what_if(frame, start=WEEKS[1], **asked).cautions
    for elsewhere in (WEEKS[0], WEEKS[2]):
        assert "breaks_freeze" not in pipe.what_if(frame, start=elsewhere, **asked).cautions


class Wants:
    """Wants one price for everything."""

    def __init__(self, price: float) -> None:
        self._price = price

    def act(self, observation: Observation) -> np.ndarray:
        return np.full_like(observation.last_price, self._price)


def test_a_replay_keeps_to_the_rules_of_each_day(product: Product) -> None:
    rules = Rules(freezes=frozen(1).freezes, competitor_index=CompetitorIndex(high=1.0))
    policy = WithinRules(Wants(22.0), rules, [product.circumstances(rules)])  # type: ignore[arg-type]

    def charged(week: int, rival: float) -> float:
        unknown = np.array([np.nan])
        observation = Observation(
            t=week,
            day=np.array([(WEEKS[week] - dt.date(1970, 1, 1)).days]),
            period=np.array([1]),
            last_price=np.array([NOW]),
            unit_cost=np.array([COST]),
            competitor_price=np.array([rival]),
            promo=unknown,
            stock=unknown,
            price_low=np.array([5.0]),
            price_high=np.array([40.0]),
        )
        return float(policy.act(observation)[0])

    assert [charged(0, 30.0), charged(1, 30.0), charged(2, 21.0)] == [22.0, NOW, 21.0]


def test_an_outlets_minimum_is_no_other_outlets(pipe: PricingPipeline) -> None:
    frames = [constant_elasticity("A", np.random.default_rng(1), store=store) for store in ("DE", "US")]
    history = pd.concat(frames, ignore_index=True)
    minimum = Rules(minimum_by_market=(MarketMinimum(market="DE", price=1_000.0),))
    broken = {
        store: promoted(pipe.product(history, sku="A", store=store), minimum).broken_rules
        for store in ("DE", "US")
    }
    assert broken == {"DE": ("map",), "US": ()}
