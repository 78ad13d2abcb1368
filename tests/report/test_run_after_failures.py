"""What the next run makes of one that failed, and a run of a shop that is broken in part."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assistant.report import run
from assistant.report.checkpoints import Work
from assistant.report.progress import Made, Progress, ReportError, Stopped, only_run
from assistant.report.run import WORK, make_report
from assistant.store import Store
from assistant.store.demo import create_demo
from assistant.store.reports import Reports
from policy import PricingPipeline


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SIZE", 6)


def made(shop: Store, out: Path, pipeline: PricingPipeline, **options: Any) -> Made:
    with only_run(shop):
        return make_report(shop, out, pipeline=pipeline, formats=("json",), **options)


def stopped_in(stage: str, shop: Store, out: Path, pipeline: PricingPipeline) -> None:
    """A run that ends once that stage has come some way."""

    def stop(progress: Progress) -> None:
        if progress.stage == stage and progress.done:
            raise Stopped

    with pytest.raises(Stopped):
        made(shop, out, pipeline, progress=stop)


def broken(shop: Store, skus: Sequence[str], *, currency: str = "EUR") -> None:
    """Make products unreadable: prices in two currencies, which the importer refuses."""
    update = sa.text(
        "UPDATE sales SET currency = :currency WHERE date > '2026-10-01' AND product_id IN "
        "(SELECT id FROM products WHERE sku IN :skus)"
    ).bindparams(sa.bindparam("skus", expanding=True))
    with shop._database.write() as session:
        session.execute(update, {"skus": list(skus), "currency": currency})


def acted_on(found: Made) -> set[str]:
    assert found.folder is not None
    said = json.loads((found.folder / "report.json").read_text(encoding="utf-8"))
    tables = {it["id"]: it for part in said["sections"] for it in part["tables"]}
    return {row["sku"] for row in tables["actions"]["rows"]}


def test_what_was_never_printed_is_not_the_last_report(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = made(shop, out, pipeline)
    shop.set_rules({"max_change": 0.02}, scope="product", key="CHG-65W", actor="merchant")
    stopped_in("write", shop, out, pipeline)  # its suggestions are in the shop; nobody has read them
    shop.set_rules({"max_change": 0.02}, scope="product", key="PAN-28", actor="merchant")
    found = made(shop, out, pipeline, since_last=True)
    assert found.last_report == first.made_at
    assert found.unchanged == 19
    assert acted_on(found) == {"CHG-65W", "PAN-28"}


def test_a_product_that_stays_broken_is_no_news(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    broken(shop, ["CHG-65W"])
    assert made(shop, out, pipeline, since_last=True).unpriced == 1
    again = made(shop, out, pipeline, since_last=True)
    assert (again.folder, again.unpriced, again.unchanged) == (None, 1, 20)
    broken(shop, ["PAN-28"])  # as another program may, which tells nobody
    assert made(shop, out, pipeline, since_last=True).folder is not None


def test_a_product_that_is_readable_again_is_news(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made(shop, out, pipeline)
    broken(shop, ["CHG-65W"])
    assert made(shop, out, pipeline).gone == 1
    broken(shop, ["CHG-65W"], currency="USD")  # as it was
    found = made(shop, out, pipeline, since_last=True)
    assert (found.unchanged, acted_on(found)) == (20, {"CHG-65W"})
    assert made(shop, out, pipeline, since_last=True).folder is None


def test_many_broken_products_do_not_spoil_the_few(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    newest = [it.sku for it in run.newest_first(shop.products())]
    broken(shop, newest[:18])
    found = made(shop, tmp_path / "out", pipeline)
    assert (found.products, found.unpriced) == (21, 18)


def test_a_run_that_another_report_overtook_begins_afresh(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    # Some of its batches would be compared with the report before, some with the one in between.
    stopped_in("price", shop, tmp_path / "out", pipeline)
    between = made(shop, tmp_path / "elsewhere", pipeline)
    found = made(shop, tmp_path / "out", pipeline)
    assert (found.resumed, found.last_report, found.unchanged) == (0, between.made_at, 21)


def test_a_run_killed_while_it_tidies_up_is_not_taken_for_unfinished(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(work: Work) -> None:
        if shop.reports.made(1):
            next(work.folder.glob("batch-*")).unlink()
            raise KeyboardInterrupt
        remove(work)

    remove = Work.remove
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Work, "remove", killed)
        made(shop, tmp_path / "out", pipeline)
    (first,) = shop.reports.made(9)
    found = made(shop, tmp_path / "out", pipeline)
    assert (found.resumed, found.last_report, found.unchanged) == (0, first["made_at"], 21)


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_killed_once_its_report_is_in_place_prints_no_second_one(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(Reports, "note", killed)
            made(shop, out, pipeline)
    (folder,) = (it for it in out.iterdir() if it.name != WORK)
    (folder / "report.json").write_text("looked at meanwhile", encoding="utf-8")
    found = made(shop, out, pipeline)
    assert (found.folder, found.files, found.resumed) == (folder, ("report.json",), 21)
    assert (folder / "report.json").read_text(encoding="utf-8") == "looked at meanwhile"
    assert [it.name for it in out.iterdir()] == [folder.name]
    assert len(shop.reports.made(9)) == 1


@pytest.mark.parametrize("change", ["another language", "folder deleted"])
def test_what_a_killed_run_left_in_place_is_not_taken_for_something_else(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Reports, "note", killed)
        made(shop, out, pipeline)
    (folder,) = (it for it in out.iterdir() if it.name != WORK)
    if change == "another language":
        found = made(shop, out, pipeline, languages=("zh",))
        assert found.folder == out / f"{folder.name}-2"
    else:
        shutil.rmtree(folder)
        found = made(shop, out, pipeline)
        assert found.folder == folder
    assert found.folder is not None and (found.folder / "report.json").is_file()


def test_others_write_to_the_shop_while_a_report_is_recorded(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_RECORDED", 6)
    monkeypatch.setattr("assistant.store.database.WAIT_SECONDS", 0.1)
    chat = Store.open(home=tmp_path / "shop")

    def write(progress: Progress) -> None:
        if progress.stage == "record" and progress.done == 6:
            chat.note("said", {}, actor="merchant")

    assert made(shop, tmp_path / "out", pipeline, progress=write).folder is not None
    assert len(shop.decisions()) == 21


def test_a_run_killed_while_it_records_goes_on_with_the_same_ids(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_RECORDED", 6)
    stopped_in("record", shop, tmp_path / "out", pipeline)
    recorded = [it.id for it in shop.decisions()]
    found = made(shop, tmp_path / "out", pipeline)
    assert found.resumed == 21 and found.last_report is None
    assert [it.id for it in shop.decisions()] == [f"D{number}" for number in range(1, 22)]
    assert 0 < len(recorded) < 21


def test_sales_that_come_once_all_is_priced_are_not_among_the_inputs(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    whole = shop.history()

    def come(progress: Progress) -> None:
        if progress.stage == "record" and progress.done == 0:
            shop.import_history(whole.assign(units=1.0), source="late.csv", content_hash="late")

    found = made(shop, tmp_path / "out", pipeline, progress=come)
    assert found.folder is not None
    said = json.loads((found.folder / "report.json").read_text(encoding="utf-8"))
    assert "late.csv" not in [it["file"] for it in said["manifest"]["inputs"]]


def test_a_batch_that_was_damaged_is_not_left_out_in_silence(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    stopped_in("price", shop, out, pipeline)
    (kept,) = (out / WORK).rglob("batch-*.jsonl")
    kept.write_text("")
    with pytest.raises(ReportError, match=r"6 of 21 products are missing .* Delete it"):
        made(shop, out, pipeline)
    assert shop.decisions() == []


def test_shops_that_report_into_one_folder_keep_apart(
    shop: Store, pipeline: PricingPipeline, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    stopped_in("price", shop, out, pipeline)
    other = Store.open(home=tmp_path / "other")
    create_demo(other)
    assert made(other, out, pipeline).resumed == 0
    assert made(shop, out, pipeline).resumed == 6
    assert not (out / WORK).exists()
