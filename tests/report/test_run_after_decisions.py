"""The report after one that was decided upon: what was approved, rejected or is gone, told by the shop."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from assistant.cli_reports import summary
from assistant.report.progress import Made, only_run
from assistant.report.run import make_report
from assistant.store import Decision, Store, decisions
from assistant.store.reports import Reports
from assistant.store.reviews import Ruled
from assistant.wording import LANGUAGES
from policy import PricingPipeline
from policy.decision.recommendation import Recommendation


def made(shop: Store, out: Path, pipeline: PricingPipeline, **options: Any) -> Made:
    with only_run(shop):
        return make_report(shop, out, pipeline=pipeline, formats=("json",), **options)


def tables(found: Made, language: str = "") -> dict[str, list[dict[str, Any]]]:
    assert found.folder is not None
    said = json.loads((found.folder / language / "report.json").read_text(encoding="utf-8"))
    return {it["id"]: it["rows"] for part in said["sections"] for it in part["tables"]}


def imported(shop: Store, rows: pd.DataFrame, name: str) -> None:
    shop.import_history(rows, source=f"{name}.csv", content_hash=name)


@pytest.fixture
def week_before(shop: Store, tmp_path: Path) -> tuple[Store, pd.DataFrame]:
    """The demo shop as it stood a week ago, and the whole of its sales."""
    whole = shop.history()
    early = Store.open(home=tmp_path / "early")
    imported(early, whole[whole["date"] < whole["date"].max()], "early")
    return early, whole


def suggested(shop: Store) -> dict[str, Decision]:
    """Suggestions to change a price by more than a rounding, by SKU."""
    said = [it for it in shop.decisions() if not it.record["abstained"]]
    return {it.record["sku"]: it for it in said if abs(it.record["change"]) > 0.02}


def _at(moment: dt.datetime) -> type[dt.datetime]:
    """A clock that stands."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return moment

    return Clock


def test_next_weeks_report_says_what_became_of_this_weeks_decisions(
    week_before: tuple[Store, pd.DataFrame],
    pipeline: PricingPipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, whole = week_before
    made(shop, tmp_path / "out", pipeline)
    moves = suggested(shop)
    never, done, no = list(moves)[:3]
    monday = whole["date"].max().tz_localize("UTC").to_pydatetime()
    with monkeypatch.context() as patched:
        patched.setattr(decisions, "dt", SimpleNamespace(**vars(dt) | {"datetime": _at(monday)}))
        shop.approve_decision(moves[never].id, moves[done].id, actor="merchant")
    shop.reject_decision(moves[no].id, actor="merchant", reason="not before Christmas")
    last = whole["date"] == whole["date"].max()
    for sku, price in (
        (never, moves[never].record["current_price"]),
        (done, moves[done].record["price"]),
        (no, moves[no].record["current_price"]),
    ):
        whole.loc[last & (whole["sku"] == sku), "price"] = price
    imported(shop, whole, "late")
    found = made(shop, tmp_path / "out", pipeline, languages=LANGUAGES)
    for language in LANGUAGES:
        said = tables(found, language)
        assert [it["sku"] for it in said["never_charged"]] == [never]
        assert said["never_charged"][0]["approved_price"] == moves[never].record["price"]
        row = next(it for it in said["actions"] if it["sku"] == no)
        again = moves[no].record["change"] * (row["change"] or 0.0) > 0
        assert ("not before Christmas" in row["reason"]) == again
        assert [it["sku"] for it in said.get("again", [])] == [no] * again
    assert again, "The demo shop has another suggestion now: choose another product."
    # An approval that sales at another price superseded is not exported until it is given again.
    row = next(it for it in said["actions"] if it["sku"] == never)
    day, price = dt.date.fromisoformat(row["date"]), moves[never].record["price"]
    in_force = {it.sku: it.price for it in shop.reviews.approved_prices(day)[0]}
    assert never not in in_force and done in in_force
    own = Ruled(decision_id=row["decision"], ruling="approved", price=price, reason=None, before=None)
    shop.reviews.record([own], actor="merchant", detail={})
    assert price in {it.price for it in shop.reviews.approved_prices(day)[0] if it.sku == never}


def test_the_last_word_on_a_product_counts_and_what_was_taken_back_does_not(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    made(shop, tmp_path / "out", pipeline)
    one, other = list(suggested(shop).values())[:2]
    shop.reject_decision(one.id, actor="merchant", reason="no")
    shop.approve_decision(other.id, actor="merchant", price=7.5)
    (again,) = shop.save_decisions([Recommendation.from_dict(one.record)], actor="chat")
    found = shop.reports.rulings()
    assert set(found) == {(it.record["sku"], None) for it in (one, other)}
    assert found[one.record["sku"], None].verdict.reason == "no"
    assert found[other.record["sku"], None].verdict.price == 7.5
    shop.approve_decision(again, actor="merchant")
    assert shop.reports.rulings()[one.record["sku"], None].verdict.decision_id == again
    shop.withdraw_verdict(again, actor="merchant")
    ruling = shop.reports.rulings()[one.record["sku"], None]
    assert (ruling.verdict.verdict, ruling.suggested) == ("rejected", one.record["price"])


def two_outlets(whole: pd.DataFrame) -> pd.DataFrame:
    """Sales of three products, each in two outlets."""
    few = whole[whole["sku"].isin(sorted(whole["sku"].unique())[:3])]
    return pd.concat([few.assign(store=store) for store in ("North", "South")])


def test_an_outlet_that_is_gone_is_told_from_those_that_are_there(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    chain = Store.open(home=tmp_path / "chain")
    imported(chain, two_outlets(shop.history()), "all")
    one, two, three = sorted({it.sku for it in chain.products()})
    made(chain, tmp_path / "out", pipeline)
    said = {(it.record["sku"], it.record["store"]): it for it in chain.decisions()}
    chat = Recommendation.from_dict(said[three, "South"].record)
    chain.save_decisions([chat], actor="chat")
    chain.save_decisions([replace(chat, price=99.0)], actor="report")  # by a run that broke off
    here = {(it.sku, it.store) for it in chain.products()}
    assert chain.reports.gone(here) == []
    lost = [(two, "North"), (one, "South"), (three, "South")]
    assert chain.reports.gone(here - set(lost)) == [said[key] for key in lost]


def test_reports_of_a_chain_list_each_week_the_outlet_that_has_new_sales(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    whole = two_outlets(shop.history())
    last = whole["date"] == whole["date"].max()
    chain, out = Store.open(home=tmp_path / "chain"), tmp_path / "out"
    imported(chain, whole[~last], "before")
    assert made(chain, out, pipeline, since_last=True).unchanged == 0
    for store in ("South", "North"):
        imported(chain, whole[last & (whole["store"] == store)], store)
        found = made(chain, out, pipeline, since_last=True)
        assert (found.unchanged, found.gone) == (3, 0)
        assert [it["store"] for it in tables(found)["actions"]] == [store] * 3
        assert made(chain, out, pipeline, since_last=True).folder is None


def test_a_shop_that_an_older_version_reported_on_goes_on(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It noted neither what was left without a look nor what was gone, and kept no gains but the aim's.
    def kept(it: Recommendation) -> dict[str, Any]:
        record = to_dict(it)
        return {key: value for key, value in record.items() if key not in ("units_gain", "revenue_gain")}

    def noted(reports: Reports, said: dict[str, Any]) -> None:
        note(reports, {key: said[key] for key in ("made_at", "basis", "last_report")})

    to_dict, note, out = Recommendation.to_dict, Reports.note, tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(Recommendation, "to_dict", kept)
        patched.setattr(Reports, "note", noted)
        made(shop, out, pipeline)
    assert all("units_gain" not in it.record for it in shop.decisions())
    assert "gone" not in shop.reports.made(1)[0]
    assert made(shop, out, pipeline, since_last=True).folder is None
    deleted(shop, "CHG-65W")
    assert made(shop, out, pipeline, since_last=True).gone == 1
    assert made(shop, out, pipeline, since_last=True).folder is None


def deleted(shop: Store, sku: str) -> None:
    """As another program may."""
    with shop._database.write() as session:
        of = "(SELECT id FROM products WHERE sku = :sku)"
        session.execute(sa.text(f"DELETE FROM sales WHERE product_id IN {of}"), {"sku": sku})


def test_a_product_that_is_gone_is_told_once(shop: Store, pipeline: PricingPipeline, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert made(shop, out, pipeline).gone == 0
    deleted(shop, "CHG-65W")
    found = made(shop, out, pipeline, since_last=True)  # nothing else has changed
    assert found.gone == 1 and found.folder is not None
    (row,) = tables(found)["gone"]
    assert (row["sku"], row["last_record"]) == ("CHG-65W", None)
    assert row["earlier_price"] is not None
    for language in LANGUAGES:
        word = {"en": "products are gone", "zh": "商品没有了"}[language]
        (line,) = (it for it in summary(found, language, seconds=1).splitlines() if word in it)
        assert "1" in line
    nothing = made(shop, out, pipeline, since_last=True)
    assert (nothing.folder, nothing.gone) == (None, 0)
    assert "gone" not in tables(made(shop, out, pipeline))


def test_a_product_whose_sales_ended_is_among_those_that_are_gone(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made(shop, out, pipeline)
    whole = shop.history()
    end = whole["date"].max()
    rest = whole[(whole["sku"] != "CHG-65W") & (whole["date"] > end - pd.Timedelta(days=200))]
    moved = rest.assign(date=rest["date"] + pd.Timedelta(days=203))
    imported(shop, moved[moved["date"] > end], "half a year later")
    found = made(shop, out, pipeline)
    (row,) = tables(found)["gone"]
    assert (row["sku"], row["last_record"]) == ("CHG-65W", f"{end:%Y-%m-%d}")
    assert "CHG-65W" not in {it["sku"] for it in tables(found).get("changes", [])}
    assert "gone" not in tables(made(shop, out, pipeline))


def test_a_product_that_cannot_be_read_any_more_is_told_with_its_last_day(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    made(shop, tmp_path / "out", pipeline)
    end = next(it.last_date for it in shop.products() if it.sku == "PAN-28")
    with shop._database.write() as session:
        session.execute(
            sa.text(
                "UPDATE sales SET currency = 'EUR' WHERE date > '2026-10-01' AND product_id IN "
                "(SELECT id FROM products WHERE sku = 'PAN-28')"
            )
        )
    found = made(shop, tmp_path / "out", pipeline)
    (row,) = tables(found)["gone"]
    assert (row["sku"], dt.date.fromisoformat(row["last_record"])) == ("PAN-28", end)
    assert (found.gone, found.unpriced) == (1, 1)


def test_the_manifest_names_the_rules_and_the_libraries(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    def manifest() -> dict[str, Any]:
        folder = made(shop, tmp_path / "out", pipeline).folder
        assert folder is not None
        found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))["manifest"]
        return found

    before, again = manifest(), manifest()
    shop.set_rules({"max_change": 0.02}, scope="product", key="CHG-65W", actor="merchant")
    after = manifest()
    assert before["rules"] == again["rules"] != after["rules"]
    assert before["libraries"]["numpy"] == np.__version__
