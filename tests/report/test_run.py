"""Runs of the report: the same as the whole shop, resumable, one at a time, unstoppable by one product."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from assistant.desk import Desk
from assistant.report import run
from assistant.report.entry import Entry
from assistant.report.pricing import Plan, Pricer
from assistant.report.progress import FORMATS, AlreadyRunning, Made, Progress, ReportError, Stopped, only_run
from assistant.report.run import WORK, make_report
from assistant.store import Store
from policy import PricingPipeline


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SIZE", 6)


def made(shop: Store, out: Path, pipeline: PricingPipeline, **options: Any) -> Made:
    with only_run(shop):
        return make_report(shop, out, pipeline=pipeline, **{"formats": ("json",)} | options)


def priced(shop: Store, pipeline: PricingPipeline, *, size: int, **plan: Any) -> list[Entry]:
    """Every entry, by batches of a size."""
    products, rules = shop.products(), shop.rules_for()
    laid = run._plan(shop, pipeline, products, "profit", None, [])
    pricer = Pricer(shop, pipeline, replace(laid, **plan))
    lines = [
        it for batch in run.batches(products, rules, size=size) for it in pricer.lines(batch).splitlines()
    ]
    return [Entry.from_dict(json.loads(line.split("\t", 1)[1])["entry"]) for line in lines]


def test_the_day_of_a_report_is_that_of_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        try:
            assert run.here("2026-11-22T23:30:00+00:00") == "2026-11-23T07:30:00+08:00"
        finally:
            there.undo()
            time.tzset()


def document(found: Made) -> dict[str, Any]:
    assert found.folder is not None
    return json.loads((found.folder / "report.json").read_text(encoding="utf-8"))


def test_batches_price_as_the_whole_shop_does(shop: Store, pipeline: PricingPipeline) -> None:
    shop.set_rules({"price_group": "mugs"}, scope="category", key="mugs", actor="merchant")
    whole = {it.recommendation.sku: it.recommendation for it in Desk(shop, pipeline=pipeline).overview()}
    found = {it.recommendation.sku: it for it in priced(shop, pipeline, size=4)}
    assert found.keys() == whole.keys()
    for sku, entry in found.items():
        own, there = entry.recommendation, whole[sku]
        assert (own.price, own.abstained, own.clamps) == (there.price, there.abstained, there.clamps)
        assert own.history_hash == there.history_hash
        if own.gain is not None and there.gain is not None:
            assert own.gain.mean == pytest.approx(there.gain.mean, abs=1e-3)
        assert (entry.curve is None) == (own.elasticity is None)
        assert entry.sales.prices[-1] == entry.standing.current_price == own.current_price


def test_an_entry_survives_its_file(shop: Store, pipeline: PricingPipeline) -> None:
    for entry in priced(shop, pipeline, size=30, profile="eu"):
        assert Entry.from_dict(json.loads(json.dumps(entry.to_dict()))) == entry


def test_a_cut_is_checked_against_earlier_prices_as_the_store_does(
    shop: Store, pipeline: PricingPipeline
) -> None:
    found = [it for it in priced(shop, pipeline, size=30, profile="eu") if it.reference is not None]
    assert found
    for entry in found:
        it = entry.recommendation
        assert it.price < it.current_price
        start = pd.Timestamp(it.date).date()
        check = shop.reference_price(it.sku, start=start, profile="eu", planned_price=it.price)
        assert (check.reference_price, check.discount, check.blocked) == (
            entry.reference.price, entry.reference.discount, entry.reference.blocked,  # type: ignore[union-attr]
        )  # fmt: skip


def test_a_killed_run_goes_on_and_gives_the_same_bytes(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = pd.Timestamp("2026-11-23T08:00:00", tz="UTC")

    class Clock(run.dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return at.to_pydatetime()

    monkeypatch.setattr(run.dt, "datetime", Clock)
    shop.close()
    shutil.copytree(tmp_path / "shop", tmp_path / "copy")
    straight = made(Store.open(home=tmp_path / "copy"), tmp_path / "straight", pipeline, formats=FORMATS)

    class Killed(Exception):
        """As a power cut: nothing gets to clean up."""

    def kill_after_two(progress: Progress) -> None:
        if progress.stage == "price" and progress.done >= 12:
            raise Killed

    out = tmp_path / "out"
    with pytest.raises(Killed):
        made(shop, out, pipeline, progress=kill_after_two)
    assert not [it for it in out.iterdir() if it.name != WORK]
    assert shop.reports.made(1) == []
    again = made(shop, out, pipeline, formats=FORMATS)
    assert 0 < again.resumed < again.products == 21
    assert not (out / WORK).exists()
    assert again.folder is not None and straight.folder is not None
    assert again.files == straight.files and {Path(it).suffix[1:] for it in again.files} == set(FORMATS)
    for name in again.files:
        assert (again.folder / name).read_bytes() == (straight.folder / name).read_bytes(), name


def test_a_run_killed_while_printing_keeps_its_suggestions_once(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    def stop_at_write(progress: Progress) -> None:
        if progress.stage == "write" and progress.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(shop, tmp_path / "out", pipeline, progress=stop_at_write)
    assert len(shop.decisions()) == 21
    found = made(shop, tmp_path / "out", pipeline)
    assert len(shop.decisions()) == 21
    assert len(shop.reports.made(9)) == 1
    assert found.resumed == 21 and found.last_report is None


def test_stop_is_heeded_and_what_is_priced_is_kept(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    asked = iter([False, False, False, True])
    with pytest.raises(Stopped):
        made(shop, tmp_path / "out", pipeline, stop=lambda: next(asked, True))
    assert made(shop, tmp_path / "out", pipeline).resumed > 0


def test_a_second_report_knows_the_first(shop: Store, pipeline: PricingPipeline, tmp_path: Path) -> None:
    first = made(shop, tmp_path / "out", pipeline)
    again = made(shop, tmp_path / "out", pipeline)
    assert (first.last_report, first.unchanged) == (None, 0)
    assert (again.last_report, again.unchanged) == (first.made_at, 21)
    assert first.folder is not None and again.folder is not None
    assert again.folder.name == f"{first.folder.name}-2"
    assert len(shop.decisions()) == 21  # what is said again is the same decision
    shop.set_rules({"max_change": 0.02}, scope="product", key="CHG-65W", actor="merchant")
    changed = made(shop, tmp_path / "out", pipeline, since_last=True)
    assert changed.unchanged == 20 and changed.folder is not None
    tables = {it["id"]: it for part in document(changed)["sections"] for it in part["tables"]}
    assert [row["sku"] for row in tables["actions"]["rows"]] == ["CHG-65W"]
    nothing = made(shop, tmp_path / "out", pipeline, since_last=True)
    assert nothing.folder is None and nothing.unchanged == 21
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_what_was_decided_is_in_the_next_report(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    made(shop, tmp_path / "out", pipeline)
    (said,) = shop.decisions("CHG-65W")
    shop.reject_decision(said.id, actor="merchant", reason="not before Christmas")
    found = document(made(shop, tmp_path / "out", pipeline))
    assert "not before Christmas" in json.dumps(found) or '"rejected"' in json.dumps(found).casefold()
    assert shop.reports.verdicts()[said.id].reason == "not before Christmas"


def test_the_shop_may_not_change_under_a_run(shop: Store, pipeline: PricingPipeline, tmp_path: Path) -> None:
    def meddle(progress: Progress) -> None:
        if progress.stage == "price" and progress.done > 6:
            shop.set_rules({"max_change": 0.03}, scope="store", actor="merchant")

    with pytest.raises(ReportError, match="changed while"):
        made(shop, tmp_path / "out", pipeline, progress=meddle)
    assert shop.decisions() == []


def test_two_runs_do_not_meet(shop: Store) -> None:
    with only_run(shop), pytest.raises(AlreadyRunning, match="Another run"), only_run(shop):
        pass
    with only_run(shop):  # it is let go of
        pass


def test_one_broken_product_does_not_stop_the_rest(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    # The importer refuses a product in two currencies; a database that another program wrote may hold one.
    with shop._database.write() as session:
        session.execute(
            sa.text(
                "UPDATE sales SET currency = 'EUR' WHERE date > '2026-10-01' AND product_id IN "
                "(SELECT id FROM products WHERE sku IN ('CHG-65W', 'PAN-28'))"
            )
        )
    found = made(shop, tmp_path / "out", pipeline, languages=("en", "zh"))
    assert (found.products, found.unpriced) == (21, 2)
    assert found.folder is not None
    for language, reason in {"en": "several currencies", "zh": "多种货币"}.items():
        text = (found.folder / language / "report.json").read_text(encoding="utf-8")
        tables = {it["id"]: it for part in json.loads(text)["sections"] for it in part["tables"]}
        why = {row["sku"]: row["why"] for row in tables["not_priced"]["rows"]}
        assert reason in why["CHG-65W"] and reason in why["PAN-28"]


def test_a_broken_product_cannot_spoil_the_others_by_riding_along(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    newest = run.newest_first(shop.products())[0].sku
    with shop._database.write() as session:
        session.execute(
            sa.text(
                "UPDATE sales SET currency = 'EUR' WHERE date > '2026-10-01' AND product_id IN "
                "(SELECT id FROM products WHERE sku = :sku)"
            ),
            {"sku": newest},
        )
    assert made(shop, tmp_path / "out", pipeline).unpriced == 1


def test_a_number_that_is_none_is_the_products_fault(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    appraise = PricingPipeline.appraise

    def broken(self: PricingPipeline, history: pd.DataFrame, **options: Any) -> Any:
        return [
            replace(it, recommendation=replace(it.recommendation, current_price=np.nan))
            if it.recommendation.sku == "PAN-28" else it
            for it in appraise(self, history, **options)
        ]  # fmt: skip

    monkeypatch.setattr(PricingPipeline, "appraise", broken)
    found = made(shop, tmp_path / "out", pipeline, languages=("zh",))
    assert found.unpriced == 1 and "策略无法为它定价（ValueError" in json.dumps(
        document(found), ensure_ascii=False
    )


def test_forecasts_of_earlier_reports_are_held_against_sales(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    whole = shop.history()
    last = whole["date"].max()
    early = Store.open(home=tmp_path / "early")
    early.import_history(whole[whole["date"] < last], source="a.csv", content_hash="a")
    made(early, tmp_path / "out", pipeline)
    # A price of the merchant's own, which no forecast was for.
    its_own = early.decisions()[0].record["sku"]
    whole.loc[(whole["date"] == last) & (whole["sku"] == its_own), "price"] *= 1.5
    early.import_history(whole, source="b.csv", content_hash="b")
    found = priced(early, pipeline, size=8, judged_since="2000-01-01T00:00:00+00:00")
    judged = [it for entry in found for it in entry.foretold]
    assert judged and {it.date for it in judged} == {f"{last:%Y-%m-%d}"}
    (other,) = [it for it in found if it.recommendation.sku == its_own]
    assert (other.elsewhere, other.foretold) == (1, ())
    assert all(not it.elsewhere for it in found if it.foretold)
    sold = whole[whole["date"] == last].set_index("sku")["units"]
    assert all(it.sold == sold[it.sku] for it in judged)
    assert all(entry.earlier is not None for entry in found)


def test_an_empty_shop_and_a_folder_that_cannot_be_written_are_one_clear_line(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReportError, match="no sales yet"):
        made(Store.open(home=tmp_path / "empty"), tmp_path / "out", pipeline)
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"cannot be written to .*file"):
        made(shop, tmp_path / "file", pipeline)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("assistant.report.printing.print_report", full)
    with pytest.raises(ReportError, match=r"No space left on device.*\n?.*--out"):
        made(shop, tmp_path / "out", pipeline)


def test_a_shop_whose_plan_was_kept_by_json_has_the_same_plan(shop: Store, pipeline: PricingPipeline) -> None:
    plan = run._plan(shop, pipeline, shop.products(), "revenue", "china", [])
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert (plan.period, plan.outlets) == ("week", False)


def test_progress_counts_products_and_says_how_long_it_takes(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    told: list[Progress] = []
    made(shop, tmp_path / "out", pipeline, progress=told.append)
    pricing = [it for it in told if it.stage == "price"]
    assert [it.done for it in pricing] == sorted(it.done for it in pricing)
    assert (pricing[0].done, pricing[0].seconds_left) == (0, None)
    assert (pricing[-1].done, pricing[-1].total, pricing[-1].seconds_left) == (21, 21, 0.0)
    assert list(dict.fromkeys(it.stage for it in told)) == ["plan", "price", "record", "write"]
