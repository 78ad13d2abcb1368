"""Rules hold for any price a model may ask for, or say which of them cannot hold together."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.decision.bounds import Circumstances
from policy.decision.limits import apply
from policy.decision.recommendation import Clamp
from policy.decision.rules import Rules, RulesInfeasible


def within(
    rules: Rules, price: float, *, current: float, cost: float | None
) -> tuple[float, tuple[Clamp, ...]]:
    return apply(price, rules, Circumstances(current_price=current, unit_cost=cost))


FREE = Rules(max_change=None, min_margin=None, allow_below_cost=True)


def prices(low: float = 0.01, high: float = 1e6) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


rule_sets = st.builds(
    Rules,
    max_change=st.none() | st.floats(0, 1.5),
    min_margin=st.none() | st.floats(0, 0.9),
    allow_below_cost=st.booleans(),
    price_ending=st.none() | st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 5, 9, 9.99, 99]),
    minimum_advertised_price=st.none() | prices(),
)


def broken_rules(rules: Rules, price: float, *, current: float, cost: float | None) -> set[str]:
    """Every active rule checked from its own definition, up to a ten-millionth of the currency."""
    slack, broken = 1e-7, set()
    if rules.max_change is not None and abs(price - current) > rules.max_change * current + slack:
        broken.add("max_change")
    if cost is not None and rules.min_margin is not None and price - cost < rules.min_margin * price - slack:
        broken.add("min_margin")
    if cost is not None and not rules.allow_below_cost and price < cost - slack:
        broken.add("below_cost")
    if rules.minimum_advertised_price is not None and price < rules.minimum_advertised_price - slack:
        broken.add("map")
    if rules.price_ending is not None:
        written = f"{price:.2f}" if rules.price_ending < 1 or rules.price_ending % 1 else f"{price:.2f}"[:-3]
        ending = f"{rules.price_ending:.2f}"[1:] if rules.price_ending < 1 else f"{rules.price_ending:g}"
        if not written.endswith(ending) or not f"{price:.2f}".endswith(f"{rules.price_ending:.2f}"[-3:]):
            broken.add("price_ending")
    return broken


@given(rules=rule_sets, price=prices(), current=prices(), cost=st.none() | prices(0, 1e6))
def test_any_model_price_ends_inside_every_rule_or_names_the_conflict(
    rules: Rules, price: float, current: float, cost: float | None
) -> None:
    try:
        result, clamps = within(rules, price, current=current, cost=cost)
    except RulesInfeasible as conflict:
        assert conflict.rules and set(conflict.rules) <= active(rules, cost)
        assert all(rule in str(conflict) for rule in conflict.rules)
        assert_conflict_is_real(rules, conflict.rules, current=current, cost=cost)
        return
    assert result == round(result, 2) > 0
    assert broken_rules(rules, result, current=current, cost=cost) == set()
    order = ["max_change", "min_margin", "below_cost", "map", "price_ending"]
    assert [order.index(c.rule) for c in clamps] == sorted({order.index(c.rule) for c in clamps})
    assert (clamps[-1].after if clamps else round(price, 2)) == pytest.approx(result, abs=0.011)


def active(rules: Rules, cost: float | None) -> set[str]:
    return {
        name
        for name, on in {
            "max_change": rules.max_change is not None,
            "min_margin": rules.min_margin is not None and cost is not None,
            "below_cost": not rules.allow_below_cost and cost is not None,
            "map": rules.minimum_advertised_price is not None,
            "price_ending": rules.price_ending is not None,
        }.items()
        if on
    }


def assert_conflict_is_real(
    rules: Rules, named: tuple[str, ...], *, current: float, cost: float | None
) -> None:
    """Every price that may be reached breaks one of the named rules (near both ends of the reach)."""
    assert rules.max_change is not None  # without a ceiling, a high enough price satisfies all floors
    high = math.floor(current * (1 + rules.max_change) * 100 + 1e-6)
    low = max(1, math.ceil(current * (1 - rules.max_change) * 100 - 1e-6))
    for cents in {*range(low, min(low + 1000, high + 1)), *range(max(low, high - 1000), high + 1)}:
        assert broken_rules(rules, cents / 100, current=current, cost=cost) & set(named)


@given(price=prices(1, 1000), ending=st.sampled_from([0.0, 0.9, 0.99, 9]))
def test_an_ending_is_the_nearest_one(price: float, ending: float) -> None:
    rules = Rules(max_change=None, min_margin=None, price_ending=ending)
    result, _ = within(rules, price, current=price, cost=None)
    step = 10 if ending >= 1 else 1
    ended = [ending + k * step for k in range(1002)]
    nearest = min((p for p in ended if p > 0), key=lambda p: abs(p - price))
    assert abs(result - price) == pytest.approx(abs(nearest - price), abs=1e-6)


@given(rules=rule_sets, price=prices(), current=prices(), cost=st.none() | prices(0, 1e6))
def test_applying_rules_twice_changes_nothing(
    rules: Rules, price: float, current: float, cost: float | None
) -> None:
    try:
        once, _ = within(rules, price, current=current, cost=cost)
    except RulesInfeasible:
        return
    assert within(rules, once, current=current, cost=cost) == (once, ())


def test_the_trail_says_what_each_rule_did() -> None:
    # 8.00 is within 30 % of 11.00; a 20 % margin on a cost of 10.00 asks 12.50; the next .99 above is 12.99.
    rules = Rules(max_change=0.30, min_margin=0.20, price_ending=0.99)
    price, clamps = within(rules, 8.0, current=11.0, cost=10.0)
    assert price == 12.99
    assert clamps == (
        Clamp(rule="min_margin", before=8.0, after=12.5),
        Clamp(rule="price_ending", before=12.5, after=12.99),
    )


def test_floors_and_largest_change_that_exclude_each_other_are_named() -> None:
    with pytest.raises(RulesInfeasible) as conflict:
        within(Rules(max_change=0.05, min_margin=0.5), 10.0, current=10.0, cost=8.0)
    assert conflict.value.rules == ("max_change", "min_margin")
    with pytest.raises(RulesInfeasible) as conflict:
        within(Rules(max_change=0.02, price_ending=0.99), 10.4, current=10.4, cost=None)
    assert conflict.value.rules == ("max_change", "price_ending")
    with pytest.raises(RulesInfeasible) as conflict:  # 9.99 is under the floor, 10.99 out of reach
        rules = Rules(max_change=0.05, price_ending=0.99, minimum_advertised_price=10.0)
        within(rules, 10.4, current=10.4, cost=1.0)
    assert conflict.value.rules == ("max_change", "map", "price_ending")


@pytest.mark.parametrize(
    ("ending", "price", "expected"),
    [
        (0.99, 4.40, 3.99),  # 3.99 is 0.41 away, 4.99 is 0.59
        (0.99, 4.60, 4.99),
        (0.99, 0.35, 0.99),  # there is no price below it with this ending
        (0.9, 12.3, 11.9),
        (0.0, 12.3, 12.0),
        (9, 133.0, 129.0),
        (9, 135.0, 139.0),
        (9, 134.0, 129.0),  # a tie goes to the smaller change, from 120
        (99, 260.0, 299.0),
        (9.9, 21.0, 19.9),
    ],
)
def test_endings(ending: float, price: float, expected: float) -> None:
    rules = Rules(max_change=None, min_margin=None, price_ending=ending)
    assert within(rules, price, current=120.0, cost=None)[0] == expected


def test_an_ending_never_breaks_a_floor_it_is_next_to() -> None:
    # 4.99 is nearest to 5.00 but under the supplier's floor; 5.99 is within 20 % of 5.00.
    rules = Rules(price_ending=0.99, minimum_advertised_price=5.0)
    assert within(rules, 5.0, current=5.0, cost=1.0)[0] == 5.99


def test_exactly_the_largest_change_is_allowed_in_floating_point() -> None:
    assert within(Rules(), 21.60, current=18.00, cost=None) == (21.6, ())
    assert within(Rules(), 99.0, current=18.00, cost=None)[0] == 21.6


def test_prices_are_in_whole_cents_below_one_too() -> None:
    assert within(FREE, 0.914, current=0.9138, cost=None) == (0.91, ())
    assert within(Rules(max_change=0.10), 0.5, current=0.35, cost=None)[0] == 0.38


def test_unknown_cost_asks_nothing_and_a_known_one_bans_losses() -> None:
    rules = Rules(max_change=None, min_margin=None)
    assert within(rules, 3.0, current=3.0, cost=None)[0] == 3.0
    price, clamps = within(rules, 3.0, current=3.0, cost=4.0)
    assert price == 4.0 and [c.rule for c in clamps] == ["below_cost"]
    assert within(FREE, 3.0, current=3.0, cost=4.0)[0] == 3.0


def test_a_price_that_may_not_move_and_is_no_whole_cent_is_infeasible() -> None:
    with pytest.raises(RulesInfeasible) as conflict:
        within(Rules(max_change=0.0), 3.0, current=3.0527, cost=None)
    assert conflict.value.rules == ("max_change",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_change", -0.1),
        ("max_change", math.nan),
        ("min_margin", 1.0),
        ("min_margin", -0.2),
        ("price_ending", -0.01),
        ("price_ending", 0.995),
        ("minimum_advertised_price", 0.0),
    ],
)
def test_rules_cannot_be_invalid(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Rules.from_dict({name: value})


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_price_that_is_no_price_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="price"):
        within(Rules(), bad, current=1.0, cost=None)


@given(rules=rule_sets)
def test_rules_survive_json_and_keep_their_digest(rules: Rules) -> None:
    copy = Rules.from_dict(json.loads(json.dumps(rules.to_dict())))
    assert copy == rules and copy.digest == rules.digest


def test_digests_differ_where_rules_differ_and_unknown_rules_are_refused() -> None:
    assert Rules().digest != Rules(max_change=0.1).digest
    assert Rules(price_ending=9).digest == Rules(price_ending=9.0).digest
    with pytest.raises(ValueError, match="max_step"):
        Rules.from_dict({"max_step": 0.1})
