"""Rules in the pipeline: verdicts on records, products priced together, what rules read from a history."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from test_pipeline import only, product

from policy import PricingPipeline, Recommendation, Rules
from policy.decision.clauses import CompetitorIndex, PackOf


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


def test_a_record_carries_the_verdicts_on_its_price(pipe: PricingPipeline) -> None:
    record = only(pipe, product("A", elasticity=-1.0, moves=0.3, seed=6), rules=Rules(max_change=0.05))
    verdicts = {it.rule: it.status for it in record.verdicts}
    assert verdicts == {"max_change": "binds", "min_margin": "holds", "below_cost": "holds"}
    assert Recommendation.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    older = {k: v for k, v in record.to_dict().items() if k != "verdicts"}
    assert Recommendation.from_dict(older).verdicts == ()


def test_a_what_if_price_is_held_against_the_same_rules(pipe: PricingPipeline) -> None:
    frame = product("A", moves=0.3, seed=1)
    now = only(pipe, frame)
    rules = Rules(max_change=0.05)
    answer = pipe.what_if(frame, sku="A", price=now.current_price * 1.5, rules=rules)
    assert [it.rule for it in answer.verdicts if it.status == "violated"] == ["max_change"]
    assert "breaks_max_change" in answer.cautions
    taken = only(pipe, frame, rules=rules)
    at_it = pipe.what_if(frame, sku="A", price=taken.price, rules={"A": rules})
    assert at_it.verdicts == taken.verdicts
    assert pipe.what_if(frame, sku="A", price=10.0).verdicts == ()


def test_variants_and_packs_are_priced_together(pipe: PricingPipeline) -> None:
    variants = [product(sku, moves=0.3, seed=seed) for sku, seed in (("WHITE", 1), ("BLUE", 6))]
    four = product("FOUR", price=84.0, cost=32.0, moves=0.3, seed=3)
    history = pd.concat([*variants, four], ignore_index=True)
    together = Rules(price_group="mugs", max_change=None)
    pack = Rules(pack_of=PackOf(sku="BLUE", units=4), max_change=None)
    rules = {"WHITE": together, "BLUE": together, "FOUR": pack}
    apart = {it.sku: it for it in pipe.recommend(history, rules=Rules(max_change=None))}
    assert apart["WHITE"].price != apart["BLUE"].price, "or there is nothing to agree on"
    records = {it.sku: it for it in pipe.recommend(history, rules=rules)}
    assert records["WHITE"].price == records["BLUE"].price
    assert records["FOUR"].price < 4 * records["BLUE"].price
    for record in records.values():
        assert not [it for it in record.verdicts if it.status == "violated"]
    asked = pipe.what_if(history, sku="WHITE", price=records["BLUE"].current_price * 1.1, rules=rules)
    assert "breaks_price_group" in asked.cautions


def test_a_stale_competitor_price_binds_nobody(pipe: PricingPipeline) -> None:
    frame = product("A", moves=0.3, seed=1)
    frame["competitor_price"] = 0.8 * frame["price"].iloc[-1]
    rules = Rules(max_change=None, competitor_index=CompetitorIndex(high=1.0))
    fresh = only(pipe, frame, rules=rules)
    assert fresh.price <= 0.8 * fresh.current_price + 0.005
    frame.loc[frame.index[-3:], "competitor_price"] = np.nan  # three weeks are more than 14 days
    stale = only(pipe, frame, rules=rules)
    (verdict,) = [it for it in stale.verdicts if it.rule == "competitor_index"]
    assert verdict.note == "competitor_stale"


def test_an_emergency_caps_essential_goods_at_the_price_before_it(pipe: PricingPipeline) -> None:
    frame = product("A", elasticity=-1.0, moves=0.3, seed=6)
    since = frame["date"].iloc[-2].date() + dt.timedelta(days=3)  # in the last week but one
    before = float(frame["price"].iloc[-3])
    record = only(pipe, frame, rules=Rules(max_change=None, essential=True, emergency_since=since))
    (verdict,) = [it for it in record.verdicts if it.rule == "essential_cap"]
    assert verdict.high == pytest.approx(1.1 * before, abs=0.0101)
    assert record.price <= 1.1 * before or record.abstained == "rules_infeasible"
