"""Which products are priced together."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.report.batches import Batch, batches, newest_first, rules_of_run
from assistant.store import Product, Store
from policy.decision.clauses import PackOf
from policy.decision.rules import Rules


def product(sku: str, store: str | None = None, *, last: int = 1, periods: int = 20) -> Product:
    return Product(
        id=0, sku=sku, store=store, name=None, category=None, currency=None, aliases=(), periods=periods,
        first_date=dt.date(2026, 1, 5), last_date=dt.date(2026, 6, last), price=1.0,
    )  # fmt: skip


def products(count: int) -> list[Product]:
    return [product(f"P{number:03d}") for number in range(count)]


@given(count=st.integers(1, 40), size=st.integers(1, 12), data=st.data())
def test_every_product_is_in_one_batch_with_all_that_its_rules_tie_it_to(
    count: int, size: int, data: st.DataObject
) -> None:
    shop = products(count)
    group = data.draw(st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=count, max_size=count))
    rules = {it.sku: Rules(price_group=name or None) for it, name in zip(shop, group, strict=True)}
    made = list(batches(shop, rules, size=size))
    batch_of = {sku: it.number for it in made for sku in it.skus}
    assert sorted(batch_of) == [it.sku for it in shop]
    assert sum(len(it.skus) for it in made) == count
    for name in set(group) - {""}:
        assert len({batch_of[it.sku] for it, own in zip(shop, group, strict=True) if own == name}) == 1
    largest = max([size, *(group.count(name) for name in set(group) - {""})])
    assert all(it.products <= largest for it in made)
    assert made == list(batches(list(reversed(shop)), rules, size=size))


def test_outlets_of_an_article_stay_together_and_count() -> None:
    shop = [product("A", "north"), product("A", "south"), product("B", "north"), product("C", "north")]
    made = list(batches(shop, dict.fromkeys("ABC", Rules()), size=3))
    assert [(it.skus, it.products) for it in made] == [(("A", "B"), 3), (("C",), 1)]


def test_a_batch_carries_its_rules_and_comes_back_from_json() -> None:
    limits = Rules(max_change=0.1, pack_of=PackOf(sku="A", units=4))
    (made,) = batches([product("A"), product("B")], {"A": Rules(), "B": limits})
    again = Batch.from_dict(made.to_dict())
    assert again == made
    assert Rules.from_dict(again.rules[again.rules_of[1]]) == limits


def test_halves_keep_families_whole_and_end() -> None:
    rules = {"A": Rules(), "B": Rules(price_group="g"), "C": Rules(price_group="g")}
    (made,) = batches([product(sku) for sku in "ABC"], rules)
    halves = made.halves()
    assert halves is not None
    assert [it.skus for it in halves] == [("A",), ("B", "C")]
    assert [it.halves() for it in halves] == [None, None]


def test_the_product_that_sold_last_comes_first() -> None:
    shop = [product("OLD", last=1, periods=90), product("NEW", last=8), product("LONG", last=8, periods=50)]
    assert [it.sku for it in newest_first(shop)] == ["LONG", "NEW", "OLD"]


def test_rules_of_a_run_go_before_the_shops_of_their_scope_only(shop: Store) -> None:
    shop.set_rules({"max_change": 0.15, "min_margin": 0.3}, scope="store", actor="merchant")
    shop.set_rules({"max_change": 0.05}, scope="product", key="PAN-28", actor="merchant")
    layers = {"store": {"max_change": 0.1}, "categories": {}, "products": {"KET-17": {"min_margin": 0.4}}}
    found = rules_of_run(shop, layers)
    assert (found["CHG-65W"].max_change, found["CHG-65W"].min_margin) == (0.1, 0.3)
    assert found["PAN-28"].max_change == 0.05
    assert found["KET-17"].min_margin == 0.4
    assert rules_of_run(shop, None) == shop.rules_for()


@pytest.mark.parametrize("layers", [None, {"store": {}, "categories": {}, "products": {}}])
def test_without_rules_of_its_own_a_run_has_the_shops(shop: Store, layers: dict[str, dict] | None) -> None:
    shop.set_rules({"max_change": 0.15}, scope="store", actor="merchant")
    assert {it.max_change for it in rules_of_run(shop, layers).values()} == {0.15}
