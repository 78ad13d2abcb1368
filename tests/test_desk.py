"""What the tools rest on: finding products, remembering recommendations, saving decisions."""

from __future__ import annotations

import re
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from small_adapters import shelve
from small_networks import tiny_network
from small_shop import INJECTION, ThumbPolicy, history, open_shop

from assistant.adapters import adapter_error_text
from assistant.desk import Desk, DeskError
from assistant.facts import labels
from assistant.store import Store
from assistant.suggesting import Assumed, Limits
from assistant.tools.result import Turn
from assistant.tools.rules import stage_rules
from assistant.tools.targeting import target_price
from assistant.wording import Language
from policy import PricingPipeline
from policy.decision.given import QuestionError
from policy.decision.rules import Rules
from policy.model.adapter_files import AdapterError
from policy.model.shelf import Shelf


@pytest.fixture
def policy() -> ThumbPolicy:
    return ThumbPolicy()


@pytest.fixture
def desk(store: Store, policy: Any) -> Desk:
    return Desk(store, pipeline=policy)


# Finding products


@pytest.mark.parametrize(
    ("phrase", "sku"),
    [
        ("lavender candle", "CAN-LAV-200"),
        ("the lavander candel", "CAN-LAV-200"),
        ("CAN-LAV-200", "CAN-LAV-200"),
        ("can-lav", "CAN-LAV-200"),
        ("price of hdp-bt20 please", "HDP-BT20"),
        ("BT20", "HDP-BT20"),
        ("headfones", "HDP-BT20"),
        ("white mug", "MUG-CER-350W"),
        ("my white mugs", "MUG-CER-350W"),
        ("travel mug", "MUG-TRV-500"),
        ("set of 4 mugs", "BND-MUG4"),
        ("1.7 L kettle", "KET-17"),
        ("kettle 1.0L", "KET-10"),
        ("65w usb-c charger", "CHG-65W"),
        (INJECTION, "INJ-1"),
        ("garden lamp", "INJ-1"),
        ("薰衣草蜡烛", "CAN-LAV-200"),
        ("薰衣草蜡烛现在卖多少合适", "CAN-LAV-200"),
        ("白色马克杯", "MUG-CER-350W"),
        ("350 白色陶瓷马克杯", "MUG-CER-350W"),
        ("blue ceramic mug", "MUG-CER-350B"),
    ],
)
def test_one_clear_match(desk: Desk, phrase: str, sku: str) -> None:
    found = desk.find(phrase)
    assert (found.status, [product.sku for product in found.matches]) == ("ok", [sku])


@pytest.mark.parametrize(
    ("phrase", "skus"),
    [
        ("mug", {"MUG-CER-350W", "MUG-CER-350B", "MUG-TRV-500", "BND-MUG4"}),
        ("price for kettle", {"KET-17", "KET-10"}),
        ("small kettle", {"KET-17", "KET-10"}),
        ("蜡烛", {"CAN-LAV-200", "CAN-PIN-200"}),
        ("杯子", {"MUG-CER-350W", "MUG-CER-350B"}),
    ],
)
def test_several_matches_are_not_chosen_between(desk: Desk, phrase: str, skus: set[str]) -> None:
    found = desk.find(phrase)
    assert found.status == "ambiguous"
    assert {product.sku for product in found.matches} == skus


@pytest.mark.parametrize("phrase", ["mugs", "all mugs", "every mug"])
def test_a_whole_category(desk: Desk, phrase: str) -> None:
    found = desk.find(phrase)
    assert (found.status, found.category, len(found.matches)) == ("category", "mugs", 4)


@pytest.mark.parametrize("phrase", ["unicorn", "the weather and the election", "天气"])
def test_nothing_is_made_to_match(desk: Desk, phrase: str) -> None:
    assert desk.find(phrase).status == "not_found"


def test_an_empty_phrase_means_all(desk: Desk) -> None:
    assert len(desk.find("").matches) == len(desk.store.products())


# Decisions


def test_a_recommendation_is_saved_as_a_decision(desk: Desk, store: Store) -> None:
    (decision,) = desk.recommend(["can-lav-200"])
    assert store.decision(decision.id).record == decision.recommendation.to_dict() | {
        "drivers": [{"name": "elasticity", "contribution": pytest.approx(-1.98)}],
        "clamps": [{"rule": "max_change", "before": 15.84, "after": 16.2}],
        "cautions": [],
        "remedies": [],
    }
    assert desk.recommendation(decision.id) is decision.recommendation


def test_the_same_question_is_computed_and_saved_once(desk: Desk, policy: ThumbPolicy, store: Store) -> None:
    first = desk.recommend(["CAN-LAV-200"])
    assert desk.recommend(["CAN-LAV-200"]) == first
    assert len(policy.calls) == 1
    everything = desk.overview()
    assert len(everything) == len(store.products())
    assert desk.overview() == everything
    assert len(policy.calls) == 2
    assert first[0] in everything
    assert len([entry for entry in store.audit() if entry.action == "decisions_saved"]) == 2


def test_new_rules_and_new_sales_are_computed_anew(desk: Desk, policy: ThumbPolicy, store: Store) -> None:
    (before,) = desk.recommend(["CAN-LAV-200"])
    store.set_rules(Rules(max_change=0.05), scope="product", key="CAN-LAV-200", actor="test")
    (after,) = desk.recommend(["CAN-LAV-200"])
    assert after.id != before.id
    longer = history(weeks=13)
    store.import_history(longer, source="later", content_hash="later")
    (latest,) = desk.recommend(["CAN-LAV-200"])
    assert latest.recommendation.periods_of_history == 13
    assert len(policy.calls) == 3


def test_what_is_priced_together_is_priced_with_what_it_depends_on(
    desk: Desk, policy: ThumbPolicy, store: Store
) -> None:
    for sku in ("MUG-CER-350W", "MUG-CER-350B"):
        store.set_rules({"price_group": "mugs"}, scope="product", key=sku, actor="test")
    pack = {"pack_of": {"sku": "MUG-CER-350W", "units": 4}}
    store.set_rules(pack, scope="product", key="BND-MUG4", actor="test")
    (blue,) = desk.recommend(["MUG-CER-350B"])
    assert {"MUG-CER-350W", "MUG-CER-350B", "BND-MUG4"} <= set(policy.calls[0])
    assert "MUG-TRV-500" not in policy.calls[0]
    assert desk.recommend(["MUG-CER-350B"]) == [blue]
    # Another limit on the set may move the mugs too.
    store.set_rules(pack | {"max_change": 0.01}, scope="product", key="BND-MUG4", actor="test")
    (again,) = desk.recommend(["MUG-CER-350B"])
    assert again.id != blue.id


def test_a_product_asked_about_alone_is_judged_as_in_the_whole_shop(home: Path) -> None:
    # The pan sold last in week 3 of 40: alone it would look fresh.
    sales = history(weeks=40)
    old = sales["sku"].eq("PAN-28") & (sales["date"] > pd.Timestamp("2026-08-24"))
    store = Store.open(home=home)
    store.import_history(sales[~old], source="s", content_hash="h")
    desk = Desk(store, pipeline=ThumbPolicy())  # type: ignore[arg-type]
    (alone,) = desk.recommend(["PAN-28"])
    assert alone.recommendation.abstained == "stale_data"
    assert alone in desk.overview()
    store.close()


def test_the_overview_begins_with_the_largest_gain(desk: Desk) -> None:
    gains = [it.recommendation.gain.mean for it in desk.overview() if it.recommendation.gain]
    assert gains == sorted(gains, reverse=True)
    assert desk.overview()[-1].recommendation.abstained == "price_never_varied"


# What if


def test_a_price_a_percentage_and_an_amount_are_the_same_question(desk: Desk) -> None:
    asked = [
        desk.what_if("CAN-LAV-200", **change)
        for change in ({"price": 16.2}, {"percent": -10.0}, {"amount": -1.8})
    ]
    assert [it.at.price for it in asked] == pytest.approx([16.2] * 3)


def test_a_change_may_start_from_the_suggested_price_and_from_the_cost_on_record(desk: Desk) -> None:
    # The small shop suggests a tenth less than 18.00, and the candle costs 5.20.
    assert desk.what_if("CAN-LAV-200", percent=10.0, from_suggested="profit").at.price == pytest.approx(17.82)
    assert desk.what_if("CAN-LAV-200", price=17.0, cost_percent=50.0).unit_cost == pytest.approx(7.8)
    with pytest.raises(QuestionError, match="PAN-28"):
        desk.what_if("PAN-28", price=60.0, cost_percent=8.0)  # whose cost is unknown


def test_an_assumed_rise_of_cost_is_one_of_the_last_cost_on_record() -> None:
    table = history()
    bought = Assumed(cost_percent=8.0).in_history(table, ["KET-17"])
    cost = bought.loc[bought["sku"] == "KET-17", "cost"]
    assert cost.iloc[-1] == pytest.approx(22.5 * 1.08) and (cost.iloc[:-1] == 22.5).all()
    with pytest.raises(QuestionError, match="PAN-28"):
        Assumed(cost_percent=8.0).in_history(table, ["PAN-28"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"sku": "NOPE", "price": 1.0}, "unknown_sku"),
        ({"sku": "CAN-LAV-200"}, "one_change"),
        ({"sku": "CAN-LAV-200", "price": 1.0, "percent": 1.0}, "one_change"),
        ({"sku": "CAN-LAV-200", "price": -1.0}, "bad_price"),
        ({"sku": "CAN-LAV-200", "percent": -100.0}, "bad_price"),
        ({"sku": "CAN-LAV-200", "price": float("nan")}, "bad_price"),
        ({"sku": "CAN-LAV-200", "price": 17.0, "store": "Nowhere"}, "no_outlets"),
        ({"sku": "KNF-SET5", "percent": 5.0, "from_suggested": "profit"}, "no_suggestion"),
    ],
)
def test_what_cannot_be_asked_says_why(desk: Desk, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(DeskError) as error:
        desk.what_if(**arguments)
    assert error.value.code == code
    assert error.value.message("en") != error.value.message("zh")


def test_a_limit_that_cannot_be_is_told_in_the_merchants_language(desk: Desk) -> None:
    with pytest.raises(DeskError) as error:
        desk.suggest(["CAN-LAV-200"], limits=Limits(price_ending=0.123), assumed=Assumed())
    told = error.value.message("zh")
    assert labels("zh")["rule_fields"]["price_ending"] in told and not re.search("[A-Za-z]{2,}", told)
    assert "“Price ending”" in error.value.message("en")


def test_an_empty_shop_says_so(home: Path) -> None:
    store = Store.open(home=home)
    with pytest.raises(DeskError, match="empty_shop"):
        Desk(store, pipeline=ThumbPolicy()).overview()  # type: ignore[arg-type]
    store.close()


# The shop's adapters


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_network().save_pretrained(folder)
    return folder


def test_promotion_and_rollback_are_noticed_without_a_restart(store: Store, base: Path) -> None:
    desk = Desk(store, pipeline=PricingPipeline.from_pretrained(str(base)))
    (plain,) = desk.recommend(["CAN-LAV-200"])
    drawn = desk.curve("CAN-LAV-200")
    assert plain.recommendation.adapter_hash is desk.adapter is None
    version = shelve(store.adapters, seed=1, base=base)
    (fitted,) = desk.recommend(["CAN-LAV-200"])
    assert fitted.recommendation.adapter_hash == desk.adapter == version.digest[:16]
    assert store.decision(fitted.id).record["adapter_hash"] == version.digest[:16]
    assert desk.curve("CAN-LAV-200").elasticity != drawn.elasticity
    assert desk.recommend(["CAN-LAV-200"]) == [fitted]  # remembered
    Shelf(store.adapters).rollback()
    (again,) = desk.recommend(["CAN-LAV-200"])
    assert again.recommendation == plain.recommendation
    assert again.id != plain.id  # a decision anew, since another stood in between
    assert desk.curve("CAN-LAV-200").elasticity == drawn.elasticity


def test_shops_share_a_base_but_no_adapter(store: Store, base: Path, tmp_path: Path) -> None:
    shelve(store.adapters, seed=1, base=base)
    one = Desk(store, pipeline=PricingPipeline.from_pretrained(str(base)))
    other = Desk(open_shop(tmp_path / "other"), pipeline=one.warm())
    assert one.recommend(["CAN-LAV-200"])[0].recommendation.adapter_hash is not None
    assert other.recommend(["CAN-LAV-200"])[0].recommendation.adapter_hash is None
    other.store.close()


@pytest.mark.parametrize(("language", "words"), [("en", "rollback"), ("zh", "请回退")])
def test_a_broken_adapter_is_an_answer_that_says_what_to_do(
    store: Store, base: Path, language: Language, words: str
) -> None:
    version = shelve(store.adapters, seed=1, base=base)
    (version.folder / "adapter_model.safetensors").write_bytes(b"")
    desk = Desk(store, pipeline=PricingPipeline.from_pretrained(str(base)))
    with pytest.raises(AdapterError) as refused:
        desk.recommend(["CAN-LAV-200"])
    assert words in adapter_error_text(refused.value, language)


# Loading


def test_the_policy_loads_once_behind_the_chat(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, loads = threading.Event(), []

    def load(future: Future[Any]) -> None:
        loads.append(threading.current_thread().name)
        gate.wait(10)
        future.set_result("policy")

    monkeypatch.setattr("assistant.desk._load", load)
    desk = Desk(store)
    assert not desk.ready
    assert desk.warm() is desk.warm()
    assert not desk.ready
    assert desk.find("lavender candle").status == "ok"
    gate.set()
    assert desk.pipeline == "policy"
    assert loads == ["policy"]
    assert Desk(store, pipeline=desk.warm()).ready


def test_a_policy_that_cannot_load_fails_where_it_is_needed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(future: Future[Any]) -> None:
        future.set_exception(FileNotFoundError("no weights"))

    monkeypatch.setattr("assistant.desk._load", load)
    with pytest.raises(FileNotFoundError, match="no weights"):
        Desk(store).recommend(["CAN-LAV-200"])


def test_what_brings_the_networks_libraries_is_imported_after_the_policy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another thread imports them while it loads: two at once break both, and nothing could be staged.
    class Loading(Exception):
        pass

    def loading(_: Desk) -> PricingPipeline:
        raise Loading

    monkeypatch.setattr(Desk, "pipeline", property(loading))
    for module in ("policy.decision.feasible", "policy.decision.what_would_make"):
        monkeypatch.setitem(sys.modules, module, None)  # an import of it would fail
    turn = Turn(desk=desk, language="en")
    with pytest.raises(Loading):
        stage_rules(turn, scope="store", changes={"max_increase": 0.08})
    runtime: Any = SimpleNamespace(context=turn, tool_call_id="1")
    text, _ = target_price.func(sku="CAN-LAV-200", price=20.0, runtime=runtime)  # type: ignore[attr-defined]
    assert "Loading" in text
