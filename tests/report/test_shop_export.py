"""Approved prices as Shopify, WooCommerce and Amazon import them."""

from __future__ import annotations

import csv
import datetime as dt
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_shop import ThumbPolicy, history

from assistant import cli
from assistant.desk import Desk
from assistant.report.shop_export import SHOPS, ExportError, Shop, export_prices, price_text
from assistant.store import Store
from assistant.store.reviews import ApprovedPrice
from assistant.wording import LANGUAGES, Language
from policy.decision.recommendation import Recommendation

START = dt.date(2026, 10, 26)
"""First day of the period that the small shop's suggestions are for."""


class OutletPolicy(ThumbPolicy):
    """Prices every outlet."""

    def recommend(
        self, history: pd.DataFrame, *, objective: str = "profit", rules: Any = None
    ) -> list[Recommendation]:
        return [
            replace(self._one(str(sku), group, objective, stale=False), store=str(store))
            for (store, sku), group in history.groupby(["store", "sku"], sort=True)
        ]


@pytest.fixture
def ids(store: Store) -> dict[str, str]:
    """Two suggestions are approved, and a price of the merchant's own."""
    policy: Any = ThumbPolicy()
    found = {it.recommendation.sku: it.id for it in Desk(store, pipeline=policy).overview()}
    store.approve_decision(found["CAN-LAV-200"], found["MUG-CER-350W"], actor="Ada")
    store.approve_decision(found["KET-17"], actor="Ada", price=37.5)
    return found


def exported(
    store: Store, shop: Shop, path: Path, *, on: dt.date = START, language: Language = "en", **given: Any
) -> list[list[str]]:
    export_prices(store, shop, path, on=on, language=language, **given)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t" if shop == "amazon" else ","))


def approved(store: Store, on: dt.date = START) -> dict[str, float]:
    return {it.sku: it.price for it in store.reviews.approved_prices(on)[0]}


PRICES = {"CAN-LAV-200": 16.2, "KET-17": 37.5, "MUG-CER-350W": 11.61}


@pytest.mark.usefixtures("ids")
def test_the_prices_approved_are_those_in_force(store: Store) -> None:
    assert approved(store) == PRICES
    in_force, later, superseded = store.reviews.approved_prices(START - dt.timedelta(days=1))
    assert in_force == superseded == [] and {it.sku for it in later} == set(PRICES)


def test_a_price_taken_back_is_not_in_force_and_the_one_before_is(store: Store, ids: dict[str, str]) -> None:
    store.approve_decision(ids["CAN-LAV-200"], actor="Ada", price=17.0)
    assert approved(store)["CAN-LAV-200"] == 17.0  # the newest approval of a day
    store.withdraw_verdict(ids["CAN-LAV-200"], actor="Ada")
    assert "CAN-LAV-200" not in approved(store)
    store.approve_decision(ids["CAN-LAV-200"], actor="Ada")
    assert approved(store)["CAN-LAV-200"] == 16.2


def test_of_two_decisions_the_earlier_holds_again_where_the_later_is_taken_back(
    store: Store, ids: dict[str, str]
) -> None:
    again = store.save_decisions([Desk(store).recommendation(ids["KET-17"])], actor="test")[0]
    store.approve_decision(again, actor="Ada", price=35.0)
    assert approved(store)["KET-17"] == 35.0
    store.withdraw_verdict(again, actor="Ada")
    assert approved(store)["KET-17"] == 37.5


@pytest.mark.usefixtures("ids")
def test_newer_sales_at_another_price_supersede_an_approval(store: Store) -> None:
    newer = pd.DataFrame(history(weeks=13))
    store.import_history(newer, source="a week more", content_hash="newer")
    assert approved(store) == {}  # everything was sold at its old price in the week that was priced


def sold_since(store: Store, **prices: float) -> None:
    """A week more, sold at the price approved but for these (by SKU)."""
    frame = pd.DataFrame(history(weeks=13))
    last = frame[frame["date"] == frame["date"].max()].copy()
    last["price"] = last["sku"].map(PRICES | prices).fillna(last["price"])
    store.import_history(last, source="a week more", content_hash=f"newer {prices}")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("ids")
def test_approved_prices_that_sales_superseded_are_named(
    store: Store, tmp_path: Path, language: Language, capsys: pytest.CaptureFixture[str]
) -> None:
    sold_since(store, **{"KET-17": 39.99})
    assert approved(store) == {sku: price for sku, price in PRICES.items() if sku != "KET-17"}
    out = tmp_path / "prices.csv"
    written = export_prices(store, "woocommerce", out, on=START, language=language)
    (said,) = written.left_out
    assert written.prices == 2
    for part in ("KET-17", "37.50", "39.99", " 1 " if language == "zh" else ": 1."):
        assert part in said
    assert ("approve them again" if language == "en" else "重新采纳") in said
    command = ["report-export", "--for", "woocommerce", "--out", str(out), "--on", START.isoformat()]
    assert cli.main([*command, "--language", language]) == 0
    assert capsys.readouterr().err.strip() == said


@pytest.mark.usefixtures("ids")
def test_where_all_are_superseded_the_refusal_says_so(store: Store, tmp_path: Path) -> None:
    store.import_history(pd.DataFrame(history(weeks=13)), source="a week more", content_hash="newer")
    with pytest.raises(
        ExportError, match=r"No approved price is in force.*\n.*: 3\. The first is “CAN-LAV-200”"
    ):
        exported(store, "woocommerce", tmp_path / "prices.csv")


def test_an_approval_that_another_replaced_or_that_was_taken_back_is_not_superseded(
    store: Store, ids: dict[str, str]
) -> None:
    store.approve_decision(ids["KET-17"], actor="Ada", price=36.0)  # instead of 37.50
    store.withdraw_verdict(ids["CAN-LAV-200"], actor="Ada")
    assert store.reviews.approved_prices(START)[2] == []
    sold_since(store, **{"KET-17": 39.99, "CAN-LAV-200": 18.0})
    (only,) = store.reviews.approved_prices(START)[2]
    assert (only.approved.sku, only.approved.price, only.sold_at) == ("KET-17", 36.0, 39.99)


@pytest.mark.usefixtures("ids")
def test_woocommerce(store: Store, tmp_path: Path) -> None:
    rows = exported(store, "woocommerce", tmp_path / "prices.csv")
    assert rows == [
        ["SKU", "Regular price", "Sale price"],
        ["CAN-LAV-200", "16.20", ""],
        ["KET-17", "37.50", ""],
        ["MUG-CER-350W", "11.61", ""],
    ]


@pytest.mark.usefixtures("ids")
def test_amazon(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "prices.txt"
    rows = exported(store, "amazon", path)
    assert rows[:2] == [["sku", "price", "quantity"], ["CAN-LAV-200", "16.20", ""]]
    assert path.read_bytes().splitlines()[1] == b"CAN-LAV-200\t16.20\t"


NEW = ["Title", "URL handle", "Vendor", "SKU", "Option1 name", "Option1 value", "Price", "Inventory quantity"]
OLD = ["Title", "Handle", "Vendor", "Variant SKU", "Option1 Name", "Option1 Value", "Variant Price",
       "Variant Inventory Qty"]  # fmt: skip


def catalogue(path: Path, heading: list[str], *more: list[str]) -> Path:
    lines = [
        ["Mug, ceramic", "mug", "Us", "MUG-CER-350W", "Colour", "White", "12.90", "5"],
        ["", "mug", "", "MUG-CER-350B", "", "Blue", "12.90", "7"],
        ["", "mug", "", "", "", "", "", ""],
        ["Kettle", "kettle", "Us", "'KET-17", "Title", "Default Title", "39.99", "2"],
        ["Poster", "poster", "Us", "POS-1", "Title", "Default Title", "5.00", "9"],
        *more,
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heading, *lines])
    return path


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize("heading", [NEW, OLD])
def test_shopify_gets_whole_products_of_its_own_export(
    store: Store, tmp_path: Path, heading: list[str]
) -> None:
    rows = exported(
        store, "shopify", tmp_path / "prices.csv", catalogue=catalogue(tmp_path / "export.csv", heading)
    )
    named = dict.fromkeys(["handle", "title", "option name", "option value", "sku", "price"])
    assert len(rows[0]) == len(named) and not any("nventory" in name for name in rows[0])
    assert [dict(zip(named, row, strict=True)) for row in rows[1:]] == [
        dict(zip(named, row, strict=True))
        for row in (
            ["mug", "Mug, ceramic", "Colour", "White", "MUG-CER-350W", "11.61"],
            ["mug", "", "", "Blue", "MUG-CER-350B", "12.90"],  # without it Shopify would lose the variant
            ["kettle", "Kettle", "Title", "Default Title", "'KET-17", "37.50"],
        )
    ]


@pytest.mark.usefixtures("ids")
def test_shopify_says_what_its_catalogue_lacks(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    with pytest.raises(ExportError, match="--catalogue"):
        exported(store, "shopify", path)
    (tmp_path / "sales.csv").write_text("sku,price\nA,1\n")
    with pytest.raises(ExportError, match="has no column handle, title, option1 name, option1 value"):
        exported(store, "shopify", path, catalogue=tmp_path / "sales.csv")
    double = catalogue(tmp_path / "double.csv", NEW, ["Cup", "cup", "", "KET-17", "Title", "x", "1", ""])
    with pytest.raises(ExportError, match="“KET-17” stands at 2 variants"):
        exported(store, "shopify", path, catalogue=double)
    (tmp_path / "latin.csv").write_bytes(b"Title,Handle\n\xe9,x\n")
    with pytest.raises(ExportError, match="UTF-8"):
        exported(store, "shopify", path, catalogue=tmp_path / "latin.csv")
    assert not path.exists()
    written = export_prices(
        store, "shopify", path, on=START, language="zh", catalogue=catalogue(tmp_path / "export.csv", NEW)
    )
    assert written.prices == 2 and "CAN-LAV-200" in written.left_out[0]
    assert "导入之后才会生效" in written.said


@pytest.mark.usefixtures("ids")
def test_prices_that_hold_later_are_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="No approved price is in force on Oct 25, 2026"):
        exported(store, "amazon", tmp_path / "p.txt", on=START - dt.timedelta(days=1))


@pytest.mark.parametrize(("outlets", "currencies", "said"), [
    (["North", "South"], ["USD", "USD"], "“A” has approved prices in 2 outlets (North, South)"),
    (["North", "North"], ["USD", "EUR"], "several currencies (EUR, USD)"),
])  # fmt: skip
def test_a_layout_without_outlets_and_currencies_refuses_several(
    home: Path, tmp_path: Path, outlets: list[str], currencies: list[str], said: str
) -> None:
    one = history()[lambda it: it["sku"].isin(["KET-17", "KET-10"])].copy()
    rows = []
    for sku, outlet, currency in zip(("KET-17", "KET-10"), outlets, currencies, strict=True):
        same = "A" if len(set(outlets)) > 1 else sku
        rows.append(one[one["sku"] == sku].assign(sku=same, store=outlet, currency=currency))
    with closing(Store.open(home=home)) as store:
        store.import_history(pd.concat(rows), source="two", content_hash="two")
        policy: Any = OutletPolicy()
        found = Desk(store, pipeline=policy).overview()
        store.approve_decision(*(it.id for it in found), actor="Ada")
        for shop in SHOPS:
            with pytest.raises(ExportError) as error:
                exported(store, shop, tmp_path / "p.csv", catalogue=tmp_path / "none.csv")
            assert said in str(error.value)
        if len(set(outlets)) > 1:
            rows = exported(store, "woocommerce", tmp_path / "p.csv", outlet="South")
            assert [row[0] for row in rows] == ["SKU", "A"]
            with pytest.raises(ExportError, match="It has: North, South"):
                exported(store, "woocommerce", tmp_path / "p.csv", outlet="East")


@pytest.mark.parametrize(
    ("currency", "printed"), [("USD", "1234.50"), ("JPY", "1234"), ("KWD", "1234.500"), (None, "1234.50")]
)
def test_decimals_are_the_currencys(currency: str | None, printed: str) -> None:
    price = ApprovedPrice(
        decision_id="D1",
        sku="A",
        store=None,
        name=None,
        currency=currency,
        price=1234.5,
        effective_from=START,
    )
    assert price_text(price) == printed


@pytest.mark.usefixtures("ids")
def test_the_command(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "prices.csv"
    command = ["report-export", "--for", "woocommerce", "--out", str(out), "--on", "2026-10-26"]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "Approved prices in prices.csv, in the layout of WooCommerce: 3." in said
    assert "Nothing is live until you import it there" in said
    assert cli.main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prices"] == 3
    assert cli.main(["report-export", "--for", "shopify", "--out", str(out)]) == 1
    assert "--catalogue" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*command[:-1], "Monday"])


@pytest.mark.usefixtures("ids")
def test_a_file_that_cannot_be_written_is_named_as_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder := tmp_path / "taken").mkdir()
    for out, why in ((tmp_path / "missing" / "x.csv", "No such file"), (folder, "Is a directory")):
        assert (
            cli.main(["report-export", "--for", "amazon", "--out", str(out), "--on", START.isoformat()]) == 1
        )
        said = capsys.readouterr().err
        assert f"{out}: {why}" in said and ".part" not in said
    assert [it.name for it in tmp_path.iterdir() if it.name.endswith(".part")] == []
