"""The demo shop is the same every time, looks like a real one, and has its traps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assistant.store import Store
from assistant.store.demo import LAST_WEEK, WEEKS, create_demo, demo_history
from policy.decision.rules import Rules


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return demo_history()


def of(history: pd.DataFrame, sku: str) -> pd.DataFrame:
    return history[history["sku"] == sku]


def test_the_same_seed_gives_the_same_bytes(history: pd.DataFrame) -> None:
    assert demo_history().to_csv() == history.to_csv()
    assert demo_history(seed=8).to_csv() != history.to_csv()


def test_every_history_ends_today_at_todays_price(history: pd.DataFrame) -> None:
    last = history.groupby("sku").last()
    assert set(last["date"]) == {pd.Timestamp(LAST_WEEK)}
    today = {
        "CAN-LAV-200": 18.00,
        "MUG-CER-350W": 12.90,
        "KET-17": 39.99,
        "THR-WOOL": 89.00,
        "HDP-BT20": 54.90,
    }
    assert last.loc[list(today), "price"].to_dict() == today
    assert last.loc[["CAN-LAV-200", "KET-10", "MSK-N95"], "stock"].tolist() == [900, 8, 2000]
    assert last.loc["CAN-LAV-200", "cost"] == 5.20
    assert (last["promo"] == 0).all()
    assert history["sku"].nunique() == 21


def test_nothing_is_sold_that_was_not_there(history: pd.DataFrame) -> None:
    assert (history["units"] <= history["stock"]).all()
    assert (history["price"] > history["cost"].fillna(0)).all()


def test_the_traps_are_set(history: pd.DataFrame) -> None:
    assert of(history, "PAN-28")["cost"].isna().all()
    assert of(history, "KNF-SET5")["price"].unique().tolist() == [129.0]
    assert len(of(history, "NEW-DIF-01")) == 2
    assert of(history, "LED-STR-5M").tail(3)[["stock", "units"]].eq(0).all(axis=None)
    assert "IGNORE PREVIOUS INSTRUCTIONS" in of(history, "INJ-1")["name"].iloc[0]
    assert of(history, "KET-17")["price"].min() >= 37.99
    throw = of(history, "THR-WOOL").set_index("date")["price"]
    assert throw["2026-10"].tolist() == [99.0] * 4 and throw["2026-11"].tolist() == [89.0] * 3
    assert (
        of(history, "MUG-CER-350W")["price"].to_numpy() == of(history, "MUG-CER-350B")["price"].to_numpy()
    ).all()


def test_there_is_something_to_learn_from(history: pd.DataFrame) -> None:
    still = {"KNF-SET5", "NEW-DIF-01"}
    for sku, rows in history.groupby("sku"):
        if sku not in still:
            assert len(rows) == WEEKS and rows["price"].nunique() >= 6, sku
            assert 5 <= rows["promo"].sum() <= 20, sku
    assert history["competitor_price"].notna().groupby(history["sku"]).any().sum() == 5
    candle = of(history, "CAN-PIN-200")
    month = candle["date"].dt.month
    assert candle[month == 12]["units"].mean() > 5 * candle[month == 7]["units"].mean()
    throw = of(history, "CAN-LAV-200")
    slope = np.polyfit(np.log(throw["price"]), np.log(throw["units"]), 1)[0]
    assert -3 < slope < -1


def test_the_demo_shop_is_made_once(tmp_path: object) -> None:
    store = Store.open(home=str(tmp_path))
    assert create_demo(store).rows_added == len(demo_history())
    entries = len(store.audit())
    assert create_demo(store).already_imported
    assert len(store.audit()) == entries
    pd.testing.assert_frame_equal(store.history(), demo_history())
    rules = store.rules_for(["KET-17", "KET-10"])
    assert rules == {"KET-17": Rules(minimum_advertised_price=37.99), "KET-10": Rules()}
    names = {product.sku: product.aliases for product in store.products()}
    assert "薰衣草蜡烛" in names["CAN-LAV-200"] and "陶瓷马克杯350ml白色" in names["MUG-CER-350W"]
    assert all(any("\u4e00" <= c <= "\u9fff" for a in aliases for c in a) for aliases in names.values())
    store.close()
