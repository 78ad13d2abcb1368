"""All rules of one product: no price leaves them, and one function says what each makes of any price."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from random_rules import TODAY, circumstances, demands, prices, rule_sets

from policy.decision import bounds as bounds_module
from policy.decision import limits
from policy.decision.bounds import ORDER, Circumstances
from policy.decision.clauses import (
    BelowCostException,
    CompetitorIndex,
    Freeze,
    MarketMinimum,
    PackOf,
    is_european,
)
from policy.decision.limits import RulesInfeasible, apply, check, violated
from policy.decision.recommendation import Clamp, Verdict
from policy.decision.rules import Rules

FREE = Rules(max_change=None, min_margin=None, allow_below_cost=True)
NOW = Circumstances(current_price=10.0, unit_cost=6.0, date=TODAY)


def verdict(rule: str, price: float, rules: Rules, now: Circumstances = NOW) -> Verdict:
    (found,) = [it for it in check(price, rules, now) if it.rule == rule]
    return found


# For any rules


@given(rules=rule_sets, price=prices(), now=circumstances)
def test_any_price_ends_inside_every_rule_or_names_the_conflict(
    rules: Rules, price: float, now: Circumstances
) -> None:
    try:
        result, clamps = apply(price, rules, now)
    except RulesInfeasible as conflict:
        assert conflict.rules and set(conflict.rules) <= set(demands(rules, price, now))
        stays = "freeze" in conflict.rules  # then the current price is the only one, whole cents or not
        for tried in [now.current_price] if stays else _ends(rules, now):
            assert not all(demands(rules, tried, now)[rule] for rule in conflict.rules)
        return
    assert all(demands(rules, result, now).values())
    places = [ORDER.index(clamp.rule) for clamp in clamps]
    assert places == sorted(set(places))
    for clamp in clamps:
        assert demands(rules, clamp.after, now)[clamp.rule] and clamp.after != clamp.before
    if result != now.current_price:
        assert result == pytest.approx(round(result * now.minor_units) / now.minor_units, rel=1e-12)


def _ends(rules: Rules, now: Circumstances) -> list[float]:
    """Every bound of every rule, and the whole minor units beside it."""
    ends = [x for bound in bounds_module.bounds(rules, now) for x in (bound.low, bound.high)]
    finite = [x * now.minor_units for x in ends if math.isfinite(x)]
    whole = {math.floor(x) + step for x in finite for step in (-1, 0, 1, 2)}
    return [x / now.minor_units for x in whole if x > 0]


@given(rules=rule_sets, price=prices(), now=circumstances)
def test_verdicts_are_those_of_the_rules_own_definitions(
    rules: Rules, price: float, now: Circumstances
) -> None:
    for tried in (price, *_ends(rules, now)):
        verdicts = check(tried, rules, now)
        asked = demands(rules, tried, now)
        assert {it.rule for it in verdicts if it.status != "not_applicable"} == set(asked)
        for it in verdicts:
            if it.rule in asked and it.rule != "freeze":
                assert (it.status != "violated") == asked[it.rule], it
        assert [it.rule for it in verdicts] == sorted((it.rule for it in verdicts), key=ORDER.index)


@given(rules=rule_sets, price=prices(), now=circumstances)
def test_an_accepted_price_is_left_alone(rules: Rules, price: float, now: Circumstances) -> None:
    try:
        once, _ = apply(price, rules, now)
    except RulesInfeasible:
        return
    assert violated(check(once, rules, now)) == ()
    assert apply(once, rules, now) == (once, ())


@given(rules=rule_sets, price=prices(), now=circumstances, seed=st.integers(0, 999))
def test_the_price_does_not_depend_on_the_order_of_rules(
    rules: Rules, price: float, now: Circumstances, seed: int
) -> None:
    def result() -> object:
        try:
            return apply(price, rules, now)[0]
        except RulesInfeasible as conflict:
            return set(conflict.rules)

    def shuffled(rules: Rules, now: Circumstances) -> list[bounds_module.Bound]:
        found = bounds_module.bounds(rules, now)
        random.Random(seed).shuffle(found)
        return found

    expected = result()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "bounds", shuffled)
        assert result() == expected


@given(rules=rule_sets, price=prices(), now=circumstances, scale=st.sampled_from([0.1, 10.0, 100.0, 1000.0]))
def test_a_currency_worth_less_changes_no_share(
    rules: Rules, price: float, now: Circumstances, scale: float
) -> None:
    rules = replace(rules, price_ending=None)
    ends = ("minimum_advertised_price", "lowest_price", "highest_price")
    scaled = replace(
        rules,
        **{name: value * scale for name in ends if (value := getattr(rules, name)) is not None},
        minimum_by_market=tuple(replace(it, price=it.price * scale) for it in rules.minimum_by_market),
    )
    names = ("current_price", "unit_cost", "competitor_price", "price_before_emergency")
    money = {name: value * scale for name in names if (value := getattr(now, name)) is not None}
    try:
        one = apply(price, rules, now)[0]
        other = apply(price * scale, scaled, replace(now, **money))[0]
    except RulesInfeasible:
        assume(False)
    # Each is rounded to a whole minor unit of its own.
    assert other / scale == pytest.approx(one, abs=1.01 / now.minor_units * max(1.0, 1 / scale))


@given(rules=rule_sets)
def test_rules_survive_json(rules: Rules) -> None:
    copy = Rules.from_dict(json.loads(json.dumps(rules.to_dict())))
    assert copy == rules and copy.digest == rules.digest


# Rule by rule


def test_rises_and_cuts_have_limits_of_their_own() -> None:
    rules = replace(FREE, max_increase=0.30, max_decrease=0.05)
    assert apply(20.0, rules, NOW) == (13.0, (Clamp(rule="max_increase", before=20.0, after=13.0),))
    assert apply(5.0, rules, NOW) == (9.5, (Clamp(rule="max_decrease", before=5.0, after=9.5),))
    # With a limit on both, the tighter one holds.
    assert apply(20.0, replace(rules, max_change=0.2), NOW)[0] == 12.0


def test_an_exception_lifts_margin_and_ban_down_to_its_own_floor_while_it_lasts() -> None:
    exception = BelowCostException(granted_by="Ann", reason="best before January", until=TODAY, floor=0.75)
    rules = Rules(max_change=None, min_margin=0.2, below_cost_exception=exception)
    assert apply(1.0, rules, NOW) == (4.5, (Clamp(rule="below_cost_floor", before=1.0, after=4.5),))
    assert verdict("min_margin", 4.5, rules).note == "below_cost_exception"
    assert verdict("below_cost_floor", 4.5, rules).status == "binds"
    for later in (TODAY + dt.timedelta(days=1), None):  # on an unknown day it has no force
        now = replace(NOW, date=later)
        assert apply(1.0, rules, now)[0] == 7.5
        assert verdict("below_cost_floor", 7.5, rules, now).note == "exception_not_in_force"


@pytest.mark.parametrize(
    ("outlet", "market", "price"),
    [("DE", None, 9.0), ("de", None, 9.0), ("Main Street", None, 8.0), ("Main Street", "DE", 9.0),
     ("DE", "US", 7.0), (None, None, 8.0)],
)  # fmt: skip
def test_the_suppliers_minimum_is_that_of_the_market(
    outlet: str | None, market: str | None, price: float
) -> None:
    by_market = (MarketMinimum(market="DE", price=9.0), MarketMinimum(market="US", price=7.0))
    rules = replace(FREE, minimum_advertised_price=8.0, minimum_by_market=by_market, market=market)
    assert apply(1.0, rules, replace(NOW, market=outlet))[0] == price


@pytest.mark.parametrize(
    ("market", "currency", "european"),
    [("DE", None, True), ("Shop FR", "USD", True), ("amazon.de", None, True), ("EU", None, True),
     ("Main Street", "EUR", True), ("Main Street", "USD", False), ("US", "USD", False), (None, None, False),
     ("outlet.at.home", None, False), ("de-luxe", None, False), ("UK", "GBP", False)],
)  # fmt: skip
def test_a_minimum_resale_price_in_europe_is_warned_of(
    market: str | None, currency: str | None, european: bool
) -> None:
    assert is_european(market, currency) is european
    now = replace(NOW, market=market, currency=currency)
    note = verdict("map", 10.0, replace(FREE, minimum_advertised_price=9.0), now).note
    assert note == ("resale_price_maintenance" if european else None)


def test_essential_goods_rise_at_most_ten_per_cent_over_the_price_before_the_emergency() -> None:
    rules = replace(FREE, essential=True, emergency_since=TODAY)
    # 9.00 before: 9.90 is the most, though it costs 10.00 already.
    before = replace(NOW, price_before_emergency=9.0)
    assert apply(12.0, rules, before) == (9.9, (Clamp(rule="essential_cap", before=12.0, after=9.9),))
    assert check(9.9, rules, before)[-1].status == "binds"
    # Where the price before is unknown, nothing shows that a rise stays within it.
    assert apply(12.0, rules, NOW)[0] == 10.0
    assert verdict("essential_cap", 10.0, rules).note == "price_before_unknown"
    for off in (replace(rules, emergency_since=None), replace(rules, essential=False)):
        assert apply(12.0, off, before)[0] == 12.0
    tomorrow = replace(rules, emergency_since=TODAY + dt.timedelta(days=1))
    assert verdict("essential_cap", 12.0, tomorrow, before).note == "no_emergency"


def test_the_competitor_binds_only_where_known_and_fresh() -> None:
    rules = replace(FREE, competitor_index=CompetitorIndex(low=0.95, high=1.05, max_age_days=7))
    fresh = replace(NOW, competitor_price=8.0, competitor_age_days=7)
    assert apply(10.0, rules, fresh)[0] == 8.4
    assert apply(5.0, rules, fresh)[0] == 7.6
    for now, note in (
        (replace(fresh, competitor_age_days=8), "competitor_stale"),
        (NOW, "competitor_unknown"),
    ):
        assert apply(10.0, rules, now) == (10.0, ())
        assert verdict("competitor_index", 10.0, rules, now).note == note


def test_a_position_below_the_margin_floor_is_a_conflict_not_a_loss() -> None:
    rules = Rules(max_change=None, min_margin=0.2, competitor_index=CompetitorIndex(high=1.0))
    with pytest.raises(RulesInfeasible) as conflict:
        apply(10.0, rules, replace(NOW, competitor_price=7.0))
    assert conflict.value.rules == ("min_margin", "competitor_index")


def test_in_a_freeze_the_price_stays_to_the_last_digit() -> None:
    rules = replace(FREE, freezes=(Freeze(start=TODAY, end=TODAY, reason="Black Friday"),))
    now = replace(NOW, current_price=12.9333)
    assert apply(15.0, rules, now) == (12.9333, (Clamp(rule="freeze", before=15.0, after=12.9333),))
    assert verdict("freeze", 13.0, rules, now).status == "violated"
    for date, note in ((TODAY + dt.timedelta(days=1), "not_frozen"), (None, "date_unknown")):
        assert verdict("freeze", 15.0, rules, replace(now, date=date)).note == note
    with pytest.raises(RulesInfeasible) as conflict:
        apply(15.0, replace(rules, minimum_advertised_price=14.0), now)
    assert conflict.value.rules == ("freeze", "map")


def test_prices_are_whole_minor_units_of_their_currency() -> None:
    for currency, expected in (("USD", 1234.57), ("JPY", 1235.0), ("KWD", 1234.568), (None, 1234.57)):
        assert apply(1234.5678, FREE, replace(NOW, currency=currency))[0] == expected
    # There is no price of 4.99 yen, and 0.99 yen is none either.
    with pytest.raises(RulesInfeasible) as conflict:
        apply(500.0, replace(FREE, price_ending=0.99), replace(NOW, currency="JPY"))
    assert conflict.value.rules == ("price_ending",)
    assert apply(500.0, replace(FREE, price_ending=9), replace(NOW, currency="JPY"))[0] == 499.0


def test_prices_of_others_bind_to_the_cent() -> None:
    now = replace(NOW, group_price=9.5, pack_ceiling=39.99)
    assert verdict("price_group", 9.5, FREE, now).status == "binds"
    assert verdict("price_group", 9.51, FREE, now).status == "violated"
    assert verdict("pack", 39.99, FREE, now).status == "binds"
    assert verdict("pack", 40.0, FREE, now).status == "violated"
    assert verdict("pack", 40.0, replace(FREE, pack_of=PackOf(sku="A", units=4))).note == "single_unknown"
    assert verdict("price_group", 9.0, replace(FREE, price_group="mugs")).note == "alone_in_group"


def test_a_verdict_says_where_the_rule_stands() -> None:
    rules = Rules(max_change=0.2, min_margin=0.25)
    assert check(12.0, rules, NOW) == (
        Verdict(rule="max_change", status="binds", low=8.0, high=12.0),
        Verdict(rule="min_margin", status="holds", low=8.0),
        Verdict(rule="below_cost", status="holds", low=6.0),
    )
    assert violated(check(7.0, rules, NOW)) == ("max_change", "min_margin")
    assert [it.note for it in check(7.0, rules, Circumstances(current_price=10.0))] == [
        None, "cost_unknown", "cost_unknown",
    ]  # fmt: skip


def test_the_ends_of_a_rule_are_prices_that_can_be_charged() -> None:
    # A margin of 30 % on a cost of 5.00 asks for 7.142857: 7.14 would break it.
    now = replace(NOW, unit_cost=5.0, current_price=9.99)
    rules = Rules(min_margin=0.3, max_change=0.15)
    assert verdict("min_margin", 9.0, rules, now).low == 7.15
    assert verdict("max_change", 9.0, rules, now).high == 11.48
    assert verdict("min_margin", 7.15, rules, now).status == "binds"
    assert verdict("min_margin", 7.14, rules, now).status == "violated"


# Keeping and combining them


def test_digests_of_the_first_version_stay() -> None:
    # As written by earlier versions: decisions on record name their rules by it.
    assert Rules().digest == "63c8fb2b532c2be0"
    assert Rules(max_change=0.1, price_ending=9, minimum_advertised_price=37.99).digest == "f9fa097a31f6ed17"
    assert Rules(essential=True).digest != Rules().digest


def test_rules_kept_by_the_first_version_are_read() -> None:
    body = {
        "max_change": 0.2,
        "min_margin": None,
        "allow_below_cost": True,
        "price_ending": 0.99,
        "minimum_advertised_price": 37.99,
    }
    assert Rules.from_dict(body) == Rules(
        min_margin=None, allow_below_cost=True, price_ending=0.99, minimum_advertised_price=37.99
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_decrease": 1.2}, "max_decrease"),
        ({"max_increase": "10%"}, "must be a number"),
        ({"min_margin": True}, "must be a number"),
        ({"competitor_index": {}}, "`low`, `high` or both"),
        ({"competitor_index": {"low": 1.1, "high": 0.9}}, "low <= high"),
        ({"competitor_index": {"low": 1.1, "max": 2}}, "knows no max"),
        ({"pack_of": {"sku": "A"}}, "lacks units"),
        ({"pack_of": {"sku": "A", "units": 1}}, "at least 2"),
        ({"pack_of": {"sku": "A", "units": 4, "min_saving": 0.95}}, "min_saving"),
        ({"freezes": [{"start": "2026-12-01", "end": "2026-11-01"}]}, "must end after"),
        ({"freezes": [{"start": "soon", "end": "2026-11-01"}]}, "a date such as"),
        ({"emergency_since": "last week"}, "a date such as"),
        ({"minimum_by_market": [{"market": "DE", "price": 1}, {"market": "de", "price": 2}]}, "twice"),
        ({"minimum_by_market": [{"market": "DE", "price": 0}]}, "positive"),
        ({"price_group": " "}, "price_group"),
        (
            {"below_cost_exception": {"granted_by": "", "reason": "x", "until": "2026-11-01", "floor": 0.5}},
            "granted_by",
        ),
        (
            {"below_cost_exception": {"granted_by": "A", "reason": "x", "until": "2026-11-01", "floor": 0}},
            "share of unit cost",
        ),
    ],
)
def test_rules_cannot_be_invalid(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Rules.from_dict(values)


def test_the_nearest_scope_decides_rule_by_rule() -> None:
    shop, category = {"max_change": 0.1, "price_ending": 0.99}, {"max_change": 0.05, "min_margin": None}
    own = {"price_ending": None, "minimum_advertised_price": 37.99}
    assert Rules.layered([]) == Rules()
    assert Rules.layered([shop, category, own]) == Rules(
        max_change=0.05, min_margin=None, price_ending=None, minimum_advertised_price=37.99
    )


def test_what_protects_adds_up_over_scopes() -> None:
    week = {"start": "2026-11-23", "end": "2026-11-29"}
    day = {"start": "2026-12-24", "end": "2026-12-24"}
    shop = {"freezes": [week], "minimum_by_market": [{"market": "DE", "price": 9.0}], "essential": True}
    own = {
        "freezes": [day, week],
        "minimum_by_market": [{"market": "de", "price": 8.0}, {"market": "US", "price": 7.0}],
        "essential": False,
    }
    rules = Rules.layered([shop, own])
    assert [freeze.start.day for freeze in rules.freezes] == [23, 24]
    assert (rules.minimum_in("DE"), rules.minimum_in("US"), rules.essential) == (8.0, 7.0, True)
