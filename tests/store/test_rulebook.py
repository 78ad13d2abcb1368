"""Rules of store, category and product: combined one by one, proposed, shown, confirmed, audited."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from shops import contents, sales

from assistant.store import RulesProposal, Store, StoreError
from policy.decision.clauses import PackOf
from policy.decision.rules import Rules


@pytest.fixture
def shop(store: Store) -> Store:
    for sku, category in (("A", "tea"), ("B", "tea"), ("C", "mugs")):
        store.import_history(sales(sku=sku, category=category), source="x", content_hash=sku)
    return store


def test_each_rule_is_decided_by_the_nearest_scope_that_names_it(shop: Store) -> None:
    shop.set_rules({"max_change": 0.1, "price_ending": 0.99}, scope="store", actor="Ann")
    shop.set_rules({"max_change": 0.05}, scope="category", key="tea", actor="Ann")
    shop.set_rules({"minimum_advertised_price": 9.5}, scope="product", key="A", actor="Ann")
    assert shop.rules_for(["A", "B", "C"]) == {
        "A": Rules(max_change=0.05, price_ending=0.99, minimum_advertised_price=9.5),
        "B": Rules(max_change=0.05, price_ending=0.99),
        "C": Rules(max_change=0.1, price_ending=0.99),
    }
    assert shop.rules_for() == shop.rules_for(["A", "B", "C"])


def test_rules_kept_whole_by_an_earlier_version_decide_what_they_name(shop: Store, engine: sa.Engine) -> None:
    shop.set_rules({"max_change": 0.1, "price_group": "t"}, scope="category", key="tea", actor="Ann")
    body = {
        "max_change": 0.3, "min_margin": 0.1, "allow_below_cost": False, "price_ending": None,
        "minimum_advertised_price": None,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO rules (scope, key, version, body, digest, actor, created_at) "
                "VALUES ('product', 'A', 1, :body, '6b1', 'Ann', '2026-01-01 00:00:00')"
            ),
            {"body": json.dumps(body)},
        )
    assert shop.rules_for(["A"])["A"] == Rules(max_change=0.3, price_group="t")


def test_a_proposal_shows_the_difference_and_writes_nothing(shop: Store, engine: sa.Engine) -> None:
    shop.set_rules({"max_change": 0.05, "min_margin": 0.2}, scope="category", key="tea", actor="Ann")
    before = contents(engine)
    proposal = shop.propose_rules({"max_change": 0.1}, scope="store")
    assert contents(engine) == before
    assert [(c.scope, c.key, c.field, c.old, c.new) for c in proposal.changes] == [
        ("store", None, "max_change", None, 0.1)
    ]
    # Tea has a limit of its own: only the mugs would be priced otherwise.
    assert [(c.key, c.field, c.old, c.new) for c in proposal.effects] == [("C", "max_change", 0.2, 0.1)]
    assert proposal.skus == ("C",)
    assert shop.rules_for(["C"], proposal=proposal) == {"C": Rules(max_change=0.1)}
    assert shop.rules_for(["C"]) == {"C": Rules()}


def test_a_confirmed_proposal_holds_and_is_audited(shop: Store) -> None:
    shop.set_rules({"max_change": 0.05, "min_margin": 0.2}, scope="store", actor="Ann")
    proposal = shop.propose_rules({"price_ending": 0.99}, unset=["min_margin"], scope="store")
    kept = RulesProposal.from_dict(json.loads(json.dumps(proposal.to_dict())))
    assert kept == proposal
    assert shop.confirm_rules(kept, actor="Bob") == 2
    assert shop.rules_for(["A"])["A"] == Rules(max_change=0.05, price_ending=0.99)
    entry = shop.audit(limit=1)[0]
    assert (entry.actor, entry.action) == ("Bob", "rules_set")
    changes = [(c["field"], c["was_set"], c["old"], c["is_set"], c["new"]) for c in entry.detail["changes"]]
    assert changes == [("min_margin", True, 0.2, False, None), ("price_ending", False, None, True, 0.99)]
    (version,) = shop.rules_in_force()
    assert version.fields == {"max_change": 0.05, "price_ending": 0.99}


def test_a_proposal_that_others_overtook_is_not_carried_out(shop: Store) -> None:
    proposal = shop.propose_rules({"max_change": 0.1}, scope="product", key="A")
    shop.set_rules({"max_change": 0.02}, scope="product", key="A", actor="Ann")
    with pytest.raises(StoreError, match="product 'A' were changed after"):
        shop.confirm_rules(proposal, actor="Bob")
    assert shop.rules_for(["A"])["A"].max_change == 0.02


def test_unsetting_the_last_rule_leaves_the_scope_without_any(shop: Store) -> None:
    shop.set_rules({"max_change": 0.1}, scope="store", actor="Ann")
    proposal = shop.propose_rules({}, unset=["max_change"], scope="store")
    assert proposal.after is None
    shop.confirm_rules(proposal, actor="Ann")
    assert shop.rules_in_force() == [] and shop.rules_for(["A"]) == {"A": Rules()}


def test_rules_with_parts_come_back_as_they_were(shop: Store) -> None:
    fields = {
        "pack_of": {"sku": "A", "units": 4},
        "freezes": [{"start": "2026-11-23", "end": "2026-11-29"}],
        "emergency_since": "2026-11-01",
    }
    proposal = shop.propose_rules(fields, scope="product", key="C")
    shop.confirm_rules(proposal, actor="Ann")
    rules = shop.rules_for(["C"])["C"]
    assert rules.pack_of == PackOf(sku="A", units=4)
    assert rules.freezes[0].end.isoformat() == "2026-11-29"
    assert shop.propose_rules(fields, scope="product", key="C").changes == ()


def test_what_cannot_be_proposed_says_why(shop: Store) -> None:
    for fields, said in (
        ({"max_chnge": 0.1}, "Unknown rules max_chnge"),
        ({"min_margin": 1.2}, "min_margin"),
        ({"pack_of": {"sku": "A", "units": 4}}, "not for a whole store"),
        ({"below_cost_exception": {"reason": "x"}}, "below_cost_exception"),
    ):
        with pytest.raises(StoreError, match=said):
            shop.propose_rules(fields, scope="store")
    with pytest.raises(StoreError, match="no product 'X'"):
        shop.propose_rules({"max_change": 0.1}, scope="product", key="X")
