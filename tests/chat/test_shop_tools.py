"""Tools about the shop as a whole: its standing, its data, past forecasts, records, the assistant itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_openai import ChatOpenAI
from scripts import call
from small_shop import ThumbPolicy, history

from assistant.agent import Assistant, name_of
from assistant.embedded import EmbeddedChatModel
from assistant.store import Store
from assistant.whereabouts import whereabouts

Make = Callable[..., Assistant]


def result(assistant: Make, name: str, **arguments: Any) -> dict[str, Any]:
    """What the tool returned to the model, its facts having passed the number check's reading."""
    asked = assistant(call(name, **arguments), AIMessage("Done."))
    asked.ask("go on")
    message = [m for m in asked.messages("default") if isinstance(m, ToolMessage)][-1]
    return dict(json.loads(message.text))


@pytest.fixture
def stocked(home: Path) -> Store:
    """Twelve weeks; the lavender candle piles up, the pine candle stands still, the lamp is sold out."""
    table = history().assign(stock=100.0, competitor_price=np.nan)
    for sku, stock in (("CAN-LAV-200", 900.0), ("INJ-1", 0.0)):
        table.loc[table["sku"] == sku, "stock"] = stock
    last = table["date"].max()
    old = table["date"] < last - np.timedelta64(10, "W")
    table.loc[(table["sku"] == "CAN-PIN-200") & ~old, "units"] = 0.0
    table.loc[table["sku"] == "KET-17", "competitor_price"] = 35.0
    table.loc[table["sku"] == "KET-10", "competitor_price"] = 33.0
    before = table["date"] < last - np.timedelta64(6, "W")
    table.loc[(table["sku"] == "CHG-65W") & before, "competitor_price"] = 34.90
    table.loc[table["sku"] == "KNF-SET5", "cost"] = 140.0
    store = Store.open(home=home)
    store.import_history(table, source="stocked", content_hash="stocked")
    return store


@pytest.fixture
def shop(stocked: Store) -> Make:
    def make(*lines: Any) -> Assistant:
        from scripted_model import Scripted

        policy: Any = ThumbPolicy()
        return Assistant(stocked, model=Scripted(lines=list(lines)), pipeline=policy)

    return make


def test_the_portfolio_names_what_is_wrong_with_stock_and_price(shop: Make) -> None:
    found = result(shop, "catalogue_overview")
    assert {row["sku"]: row["state"] for row in found["stock"]} == {
        "INJ-1": "sold_out",
        "CAN-PIN-200": "dead",
        "CAN-LAV-200": "slow",
    }
    assert [row["sku"] for row in found["below_cost"]] == ["KNF-SET5"]
    assert found["below_cost"][0]["facts"] == {"current_price": "$129.00", "unit_cost": "$140.00"}
    assert [found["facts"][key] for key in ("below_cost", "dead", "slow", "sold_out")] == ["1"] * 4


def test_price_endings_are_counted_over_all_prices(shop: Make) -> None:
    endings = {row["ending"]: row["count"] for row in result(shop, "catalogue_overview")["endings"]}
    # 12.90 twice, 54.90 and 34.90; 24.99, 39.99 and 29.99; the others are whole.
    assert endings == {".00": "6", ".90": "4", ".99": "3"}


def test_the_best_earners_come_first(shop: Make) -> None:
    profits = [row["facts"]["profit_keep"] for row in result(shop, "catalogue_overview")["earners"]]
    amounts = [float(text.strip("$").replace(",", "")) for text in profits]
    assert amounts == sorted(amounts, reverse=True)


def test_position_and_age_of_competitors_prices(shop: Make) -> None:
    found = result(shop, "competitors")
    assert [(row["sku"], row["position"], row["stale"]) for row in found["rows"]] == [
        ("KET-17", "above", False),
        ("CHG-65W", "level", True),
        ("KET-10", "below", False),
    ]
    assert found["facts"] == {
        "known": "3",
        "above": "1",
        "level": "1",
        "below": "1",
        "unknown": "10",
        "stale": "1",
    }
    assert found["rows"][0]["facts"]["price_gap"] == "+14.3%"
    one = result(shop, "competitors", skus=["ket-10"])
    assert [row["sku"] for row in one["rows"]] == ["KET-10"]


def test_products_side_by_side_with_their_stock(shop: Make) -> None:
    items = result(shop, "compare", skus=["CAN-LAV-200", "KET-17"])["items"]
    # Sales of the last eight weeks: two at 30 and six at 20 units.
    assert [(it["facts"]["stock"], it["facts"]["pace"], it["facts"]["cover"]) for it in items] == [
        ("900", "22", "40 weeks"),
        ("100", "22", "4.4 weeks"),
    ]


def test_groups_of_price_sensitivity_with_their_evidence(assistant: Make) -> None:
    found = result(assistant, "elasticity")
    assert found["facts"] == {"inelastic": "0", "unclear": "0", "elastic": "12", "unknown": "1"}
    knives = next(row for row in found["rows"] if row["sku"] == "KNF-SET5")
    assert (knives["group"], knives["reason"]) == ("unknown", "price_never_varied")
    assert (knives["facts"]["price_changes"], knives["facts"]["tried_range"]) == ("0", "$129.00")
    kettle = next(row for row in found["rows"] if row["sku"] == "KET-17")
    assert kettle["facts"]["response"] == "-1.5%"


def test_what_the_data_lacks_and_what_that_blocks(assistant: Make) -> None:
    found = result(assistant, "data_quality")
    issues = {it["code"]: [product["sku"] for product in it["products"]] for it in found["issues"]}
    assert issues == {"cost_missing": ["PAN-28"], "price_never_varied": ["KNF-SET5"]}
    # 20 units a week at 59.00
    assert found["issues"][0]["facts"]["revenue_concerned"] == "$1,180"
    one = result(assistant, "data_quality", skus=["PAN-28"])
    assert [row["issues"] for row in one["products"]] == [["cost_missing"]]


def test_a_history_too_short_has_no_track_record(assistant: Make) -> None:
    assert result(assistant, "track_record")["status"] == "not_measured"


def test_forecasts_are_rolled_over_the_last_quarter(home: Path) -> None:
    store = Store.open(home=home)
    store.import_history(history(weeks=40), source="long", content_hash="long")
    policy: Any = ThumbPolicy()

    def make(*lines: Any) -> Assistant:
        from scripted_model import Scripted

        return Assistant(store, model=Scripted(lines=list(lines)), pipeline=policy)

    found = result(make, "track_record", skus=["KET-17"])
    # Two windows of four weeks of 13 products; the foretold 12 to 28 miss the cheap weeks' 30, one in four.
    assert (found["facts"]["forecasts"], found["facts"]["coverage"]) == ("104", "76.9%")
    assert found["rows"][0]["facts"]["coverage"] == "75%"


def test_an_audit_tells_what_gave_a_price_and_who_decided(assistant: Make, store: Store) -> None:
    asked = assistant(call("recommend", skus=["KET-17"]), AIMessage("Done."))
    asked.ask("price?")
    (given,) = store.decisions("KET-17")
    store.approve_decision(given.id, actor="anna")
    found = result(assistant, "audit", sku="KET-17")
    (suggestion,) = found["suggestions"]
    assert (suggestion["decision_id"], suggestion["verdict"]) == (given.id, "approved")
    assert suggestion["rules"] == given.record["rules_hash"]
    assert found["events"][0]["action"] == "decision_approved"
    assert found["events"][0]["by"] == "anna"
    assert found["prices"][0]["source"] == "decision"
    before = result(assistant, "audit", sku="KET-17", date="2020-01-01")
    assert (before["suggestions"], before["events"], before["prices"]) == ([], [], [])


def test_readiness_counts_against_what_fine_tuning_needs(assistant: Make) -> None:
    found = result(assistant, "fine_tuning_readiness")
    assert (found["enough"], found["refused"]) == (False, "short_series")
    assert (found["facts"]["long_enough"], found["facts"]["products_needed"]) == ("0", "5")


def test_products_within_a_span_of_prices(assistant: Make) -> None:
    found = result(assistant, "find_products", query="", min_price=50)
    assert {row["sku"] for row in found["matches"]} == {"PAN-28", "KNF-SET5", "HDP-BT20"}


@pytest.mark.parametrize(
    ("address", "leaves"),
    [
        ("http://127.0.0.1:8000/v1", False),
        ("http://localhost:1234/v1", False),
        ("https://api.example.com/v1", True),
    ],
)
def test_text_leaves_this_computer_only_for_a_model_elsewhere(address: str, leaves: bool) -> None:
    model = ChatOpenAI(model="some-model", base_url=address, api_key="none")  # type: ignore[arg-type]
    found = whereabouts(model, name_of(model))
    assert (found.model, found.built_in, found.leaves_computer) == ("some-model", False, leaves)


def test_the_built_in_model_uses_no_network() -> None:
    model = EmbeddedChatModel()
    found = whereabouts(model, name_of(model))
    assert (found.built_in, found.leaves_computer, found.endpoint) == (True, False, None)
