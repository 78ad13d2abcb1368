"""Products priced together: variants at one price, packs cheaper a unit, or the conflict by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from random_rules import TODAY

from policy.decision.bounds import Circumstances, pack_ceiling, pack_floor
from policy.decision.clauses import Freeze, PackOf
from policy.decision.groups import Member, joint_prices
from policy.decision.limits import RulesInfeasible, apply, check, violated
from policy.decision.recommendation import Clamp
from policy.decision.rules import Rules
from policy.decision.settle import Candidate, Settled, settle
from policy.decision.ties import Key, related

FREE = Rules(max_change=None, min_margin=None, allow_below_cost=True)


def near(wanted: float, weight: float = 1.0) -> Callable[[list[float]], NDArray]:
    """Worth of prices that falls off with the squared relative distance from the best one."""
    return lambda prices: 100 - weight * 1000 * np.log(np.array(prices) / wanted) ** 2


def close_to(wanted: float) -> Callable[[list[float]], NDArray]:
    """Worth that falls off with the squared distance: nearest is best, as for each product's own rules."""
    return lambda prices: 100 - 100 * (np.array(prices) - wanted) ** 2


def candidate(
    wanted: float | None,
    *,
    rules: Rules = FREE,
    current: float = 10.0,
    weight: float = 1.0,
    cost: float = 2.0,
    off_sale: bool = False,
) -> Candidate:
    return Candidate(
        rules=rules,
        now=Circumstances(current_price=current, unit_cost=cost, date=TODAY),
        wanted=wanted,
        off_sale=off_sale,
        mean_objective=near(current if wanted is None else wanted, weight),
    )


def settled(**products: Candidate) -> dict[str, Settled]:
    """Of products of one shop, by SKU."""
    return {key[1]: it for key, it in settle({(None, sku): it for sku, it in products.items()}).items()}


TOGETHER = replace(FREE, price_group="mugs")


def pack(units: int, *, of: str = "single", min_saving: float = 0.0, rules: Rules = FREE) -> Rules:
    return replace(rules, pack_of=PackOf(sku=of, units=units, min_saving=min_saving))


# Variants


def test_variants_get_the_price_that_is_best_for_all() -> None:
    # In logs the best common price is the mean of those wanted, weighted as they are worth: 3 to 1.
    result = settled(
        white=candidate(12.0, rules=TOGETHER, weight=3.0), blue=candidate(9.0, rules=TOGETHER, weight=1.0)
    )
    best = float(np.exp((3 * np.log(12) + np.log(9)) / 4))
    assert result["white"].price == result["blue"].price == pytest.approx(best, rel=0.003)
    white = result["white"].price
    assert result["white"].clamps == (Clamp(rule="price_group", before=12.0, after=white),)
    assert result["blue"].verdicts[-1].rule == "price_group"
    assert result["blue"].verdicts[-1].status == "binds"


def test_variants_that_agree_are_left_alone() -> None:
    result = settled(white=candidate(12.0, rules=TOGETHER), blue=candidate(12.0, rules=TOGETHER))
    assert [it.clamps for it in result.values()] == [(), ()]
    assert [it.price for it in result.values()] == [12.0, 12.0]


def test_a_variant_with_tighter_rules_binds_the_others() -> None:
    tight = replace(TOGETHER, max_increase=0.05)
    result = settled(white=candidate(13.0, rules=TOGETHER), blue=candidate(13.0, rules=tight))
    assert result["white"].price == result["blue"].price == 10.5
    assert [clamp.rule for clamp in result["blue"].clamps] == ["max_increase"]


def test_variants_at_two_prices_far_apart_are_kept_and_the_rules_named() -> None:
    step = replace(TOGETHER, max_change=0.10)
    result = settled(white=candidate(10.0, rules=step), blue=candidate(15.0, rules=step, current=15.0))
    for it, current in ((result["white"], 10.0), (result["blue"], 15.0)):
        assert (it.price, it.clamps, it.conflict) == (current, (), ("max_change", "price_group"))
        assert violated(it.verdicts) == ("price_group",)


def test_a_variant_without_a_recommendation_holds_the_others() -> None:
    result = settled(white=candidate(12.0, rules=TOGETHER), blue=candidate(None, rules=TOGETHER))
    assert result["white"].price == result["blue"].price == 10.0
    gone = settled(white=candidate(12.0, rules=TOGETHER), blue=candidate(None, rules=TOGETHER, off_sale=True))
    assert gone["white"].price == 12.0, "one that is not sold now does not"
    assert violated(gone["blue"].verdicts) == ("price_group",)


def test_a_frozen_variant_freezes_the_others() -> None:
    frozen = replace(TOGETHER, freezes=(Freeze(start=TODAY, end=TODAY),))
    result = settled(white=candidate(12.0, rules=TOGETHER), blue=candidate(12.0, rules=frozen))
    assert result["white"].price == result["blue"].price == 10.0
    limited = replace(TOGETHER, minimum_advertised_price=11.0)
    result = settled(white=candidate(12.0, rules=limited), blue=candidate(12.0, rules=frozen))
    assert result["white"].conflict == ("freeze", "map", "price_group")


def test_a_change_of_all_that_gains_nothing_is_not_made() -> None:
    # Each wants to move, to opposite sides: together they are worth most where they are.
    result = settled(white=candidate(12.0, rules=TOGETHER), blue=candidate(10.0 / 1.2, rules=TOGETHER))
    assert [(it.price, it.clamps) for it in result.values()] == [(10.0, ()), (10.0, ())]


def test_variants_of_other_outlets_have_prices_of_their_own() -> None:
    keys: list[Key] = [("A", "white"), ("B", "white")]
    result = settle(
        dict(zip(keys, (candidate(12.0, rules=TOGETHER), candidate(9.0, rules=TOGETHER)), strict=True))
    )
    assert [result[key].price for key in keys] == [12.0, 9.0]


# Packs


@pytest.mark.parametrize(
    ("single", "units", "saving", "most"),
    [(12.90, 4, 0.0, 51.59), (10.00, 2, 0.0, 19.99), (10.00, 4, 0.10, 36.00), (0.01, 2, 0.0, 0.01)],
)
def test_a_pack_costs_less_than_so_many_single_ones(
    single: float, units: int, saving: float, most: float
) -> None:
    how = PackOf(sku="single", units=units, min_saving=saving)
    assert pack_ceiling(single, how, 100) == most
    assert pack_floor(most, how, 100) <= single
    assert pack_ceiling(pack_floor(most, how, 100), how, 100) >= most


def test_single_and_pack_share_what_the_rule_costs() -> None:
    # A single one wants 10, a pack of four wants 44: in logs each gives way by half of the 10 %.
    result = settled(single=candidate(10.0), four=candidate(44.0, rules=pack(4), current=38.0))
    single, four = result["single"].price, result["four"].price
    assert four < 4 * single
    assert single == pytest.approx(10 * 1.1**0.5, rel=0.005)
    assert four == pytest.approx(44 / 1.1**0.5, rel=0.005)
    assert [clamp.rule for it in result.values() for clamp in it.clamps] == ["pack", "pack"]
    assert result["four"].verdicts[-1].status == "binds"


def test_a_pack_that_is_cheap_already_is_left_alone() -> None:
    result = settled(single=candidate(12.9), four=candidate(44.0, rules=pack(4), current=44.0))
    assert [it.price for it in result.values()] == [12.9, 44.0]
    assert result["four"].verdicts[-1].high == 51.59
    assert result["single"].verdicts[-1].low == 11.01


def test_a_pack_is_left_alone_where_only_the_variants_disagree() -> None:
    # It would rather cost 43.90, which gains too little to change it; four single ones cost more anyway.
    result = settled(
        white=candidate(12.0, rules=TOGETHER),
        blue=candidate(13.0, rules=TOGETHER),
        four=candidate(43.9, rules=pack(4, of="blue"), current=44.0),
    )
    assert result["white"].price == result["blue"].price
    assert (result["four"].price, result["four"].clamps) == (44.0, ())


def test_a_single_one_that_cannot_rise_pulls_the_pack_down() -> None:
    result = settled(single=candidate(None), four=candidate(44.0, rules=pack(4), current=38.0))
    assert result["four"].price == 39.99


def test_a_single_one_whose_own_rules_conflict_keeps_its_price_and_the_pack_goes_by_it() -> None:
    impossible = replace(FREE, max_change=0.1, minimum_advertised_price=20.0)
    result = settled(
        single=candidate(12.0, rules=impossible), four=candidate(44.0, rules=pack(4), current=38.0)
    )
    assert (result["single"].price, result["single"].conflict) == (10.0, ("max_change", "map"))
    assert (result["four"].price, result["four"].conflict) == (39.99, ())


def test_a_pack_whose_floor_is_too_high_is_a_conflict_named_to_both() -> None:
    dear = pack(4, rules=replace(FREE, min_margin=0.5))
    step = replace(FREE, max_change=0.1)
    result = settled(
        single=candidate(10.0, rules=step), four=candidate(60.0, rules=dear, current=38.0, cost=25.0)
    )
    for it in result.values():
        assert it.conflict == ("max_change", "min_margin", "pack")
    assert [it.price for it in result.values()] == [10.0, 38.0]


def test_a_pack_whose_single_is_not_in_the_table_says_so() -> None:
    (it,) = settled(four=candidate(44.0, rules=pack(4), current=38.0)).values()
    assert (it.price, it.verdicts[-1].note) == (44.0, "single_unknown")


def test_packs_in_a_circle_have_no_price() -> None:
    result = settled(
        single=candidate(9.0, rules=pack(2, of="four")), four=candidate(44.0, rules=pack(4), current=38.0)
    )
    assert result["single"].conflict == result["four"].conflict == ("pack",)


def test_packs_of_variants_and_packs_of_packs() -> None:
    result = settled(
        white=candidate(10.0, rules=TOGETHER),
        blue=candidate(11.0, rules=TOGETHER),
        four=candidate(48.0, rules=pack(4, of="blue"), current=40.0),
        case=candidate(150.0, rules=pack(3, of="four", min_saving=0.05), current=110.0),
    )
    prices = {sku: it.price for sku, it in result.items()}
    assert prices["white"] == prices["blue"]
    assert prices["four"] < 4 * prices["blue"]
    assert prices["case"] <= 3 * 0.95 * prices["four"] + 1e-9


def test_what_is_priced_together_directly_or_through_others() -> None:
    rules = {
        "white": TOGETHER,
        "blue": TOGETHER,
        "four": pack(4, of="blue"),
        "case": pack(3, of="four"),
        "kettle": FREE,
        "other": pack(2, of="nowhere"),
    }
    assert related(rules, ["case"]) == {"white", "blue", "four", "case"}
    assert related(rules, ["kettle", "other"]) == {"kettle", "other"}
    assert related(rules, ["gone"]) == {"gone"}


# For any products


@st.composite
def families(draw: st.DrawFn) -> dict[Key, Member]:
    """Two variants and two packs with small prices, so that every price can be tried."""
    ending = st.sampled_from([None, None, 0.5, 0.05, 0.1])
    members: dict[Key, Member] = {}
    usual = draw(st.integers(12, 40))
    for sku, size in (("white", 1), ("blue", 1), ("two", 2), ("three", 3)):
        current = round(usual * draw(st.sampled_from([0.8, 1.0, 1.0, 1.1])) * size) / 100
        rules = Rules(
            max_change=draw(st.sampled_from([0.2, 0.5])),
            min_margin=draw(st.sampled_from([None, 0.2])),
            price_ending=draw(ending),
            price_group="mugs" if size == 1 else None,
            pack_of=PackOf(sku="blue", units=size, min_saving=draw(st.sampled_from([0.0, 0.1])))
            if size > 1
            else None,
        )
        now = Circumstances(
            current_price=current, unit_cost=draw(st.integers(0, 40)) * size / 100, date=TODAY
        )
        wanted = draw(st.integers(5, 60)) * size / 100
        held = draw(st.booleans()) and draw(st.booleans())
        try:
            price = current if held else apply(wanted, rules, now)[0]
        except RulesInfeasible:
            price, held = current, True
        members[None, sku] = Member(rules=rules, now=now, price=price, held=held, value=close_to(wanted))
    return members


def obeyed(members: Mapping[Key, Member], cents: Mapping[str, int]) -> bool:
    """The joint rules by their own definition, prices in cents."""
    if cents["white"] != cents["blue"]:
        return False
    for sku in ("two", "three"):
        how = members[None, sku].rules.pack_of
        assert how is not None
        single = how.units * cents["blue"]
        most = single * (1 - how.min_saving)
        if cents[sku] >= single or cents[sku] > most + 1e-6:
            return False
    return True


def own_prices(member: Member) -> list[int]:
    """Every price in cents that the product's own rules permit, or the one that it keeps."""
    if member.held:
        return [round(member.now.current_price * 100)]
    top = round(member.now.current_price * 160)
    return [c for c in range(1, top) if not violated(check(c / 100, member.rules, member.now))]


def assert_none_are_worth_more(
    members: Mapping[Key, Member], prices: Mapping[str, float], choices: Mapping[str, list[int]]
) -> None:
    """No combination of a grid of this test's own beats the prices."""

    def worth(prices: Mapping[str, float]) -> float:
        return sum(float(members[None, sku].value([price])[0]) for sku, price in prices.items())

    thinned = {sku: it[:: max(1, len(it) // 12)] for sku, it in choices.items()}
    variants = sorted(set(choices["white"]) & set(choices["blue"]))
    for c, two, three in itertools.product(variants, thinned["two"], thinned["three"]):
        cents = {"white": c, "blue": c, "two": two, "three": three}
        if obeyed(members, cents):
            assert worth({sku: x / 100 for sku, x in cents.items()}) <= worth(prices) + 1e-6


@settings(max_examples=150, deadline=None)
@given(members=families(), order=st.permutations(["white", "blue", "two", "three"]))
def test_joint_prices_are_found_wherever_there_are_any(members: dict[Key, Member], order: list[str]) -> None:
    joint = joint_prices(members, worthwhile=0.0)
    prices = {key[1]: joint[key].price if key in joint else it.price for key, it in members.items()}
    cents = {sku: round(price * 100) for sku, price in prices.items()}
    choices = {key[1]: own_prices(it) for key, it in members.items()}
    variants = set(choices["white"]) & set(choices["blue"])
    possible = any(
        obeyed(members, {"white": c, "blue": c, "two": two, "three": three})
        for c in variants
        for two, three in [(min(choices["two"]), min(choices["three"]))]
    )
    conflicts = {it.conflict for it in joint.values() if it.conflict}
    free = [key for key, it in members.items() if not it.held]
    if possible:
        assert not conflicts
        assert obeyed(members, cents)
        assert all(cents[key[1]] in choices[key[1]] for key in members)
        again = {key: replace(it, price=prices[key[1]]) for key, it in members.items()}
        assert joint_prices(again, worthwhile=0.0) == {}
        if joint:
            assert_none_are_worth_more(members, prices, choices)
    elif free:
        (names,) = conflicts
        assert {"price_group", "pack"} & set(names)
        assert all(joint[key].price == members[key].now.current_price for key in free)
    shuffled = {(None, sku): members[None, sku] for sku in order}
    assert joint_prices(shuffled, worthwhile=0.0) == joint


@settings(max_examples=60, deadline=None)
@given(members=families(), wanted=st.lists(st.floats(0.05, 2.0), min_size=4, max_size=4))
def test_no_price_is_given_out_that_breaks_a_rule(members: dict[Key, Member], wanted: list[float]) -> None:
    candidates = {
        key: Candidate(
            rules=it.rules,
            now=it.now,
            wanted=None if it.held else price,
            mean_objective=near(price),
        )
        for (key, it), price in zip(members.items(), wanted, strict=True)
    }
    for key, it in settle(candidates).items():
        if it.price != candidates[key].now.current_price:
            assert violated(it.verdicts) == () and not it.conflict
            assert not it.clamps or it.clamps[-1].after == pytest.approx(it.price)
        if it.conflict:
            assert it.clamps == ()
