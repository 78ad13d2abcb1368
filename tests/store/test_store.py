"""What is imported comes out again; the same is never taken in twice, and nothing by half."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from shops import MONDAYS, contents, sales, shop

from assistant.store import Store, StoreError


def test_what_goes_in_comes_out(store: Store) -> None:
    frame = sales(
        store="north", cost=[4.0, np.nan, 4.5, 4.5], promo=[0.0, 0.0, 1.0, 0.0], category="茶", name="绿茶",
        currency="CNY",
    )  # fmt: skip
    store.import_history(frame, source="a.csv", content_hash="1")
    history = store.history()
    assert list(history.columns) == [
        "store", "sku", "date", "price", "units", "cost", "promo", "category", "name", "currency",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(history[frame.columns], frame, check_dtype=False)


def test_histories_come_by_outlet_and_sku_whatever_the_order_of_imports(store: Store) -> None:
    for i, (outlet, sku) in enumerate([("west", "A"), ("east", "B"), ("west", "B"), ("east", "A")]):
        store.import_history(sales(sku=sku, store=outlet), source="x", content_hash=str(i))
    pairs = store.history()[["store", "sku"]].drop_duplicates()
    assert pairs.to_records(index=False).tolist() == [
        ("east", "A"), ("east", "B"), ("west", "A"), ("west", "B"),
    ]  # fmt: skip
    assert set(store.history(["B"])["sku"]) == {"B"}
    assert len(store.history(["unknown"])) == 0


def test_the_same_file_twice_changes_nothing(store: Store, engine: sa.Engine) -> None:
    first = store.import_history(sales(), source="a.csv", content_hash="1")
    before = contents(engine)
    again = store.import_history(sales(), source="renamed.csv", content_hash="1")
    assert (first.rows_added, again.rows_added, again.rows_unchanged) == (4, 0, 4)
    assert again.already_imported and not first.already_imported
    assert contents(engine) == before


def test_an_overlapping_file_adds_only_what_is_new(store: Store) -> None:
    store.import_history(sales(), source="january.csv", content_hash="1")
    later = sales(
        date=MONDAYS + pd.Timedelta(days=14), price=[12.0, 12.0, 12.0, 9.0], units=[3.0, 4.0, 1.0, 2.0]
    )
    result = store.import_history(later, source="february.csv", content_hash="2")
    assert (result.rows_added, result.rows_unchanged, result.rows_changed) == (2, 2, 0)
    assert result.prices_recorded == 1  # 12 -> 9; the 12 was known
    assert store.history()["units"].tolist() == [5, 6, 3, 4, 1, 2]


def test_the_newer_file_wins_and_the_audit_log_keeps_the_old_values(store: Store) -> None:
    store.import_history(sales(name="Tea", cost=4.0), source="a.csv", content_hash="1")
    corrected = sales(units=[5.0, 6.0, 3.0, 40.0], price=[10.0, 11.0, 12.0, 12.0], name="Green tea")
    result = store.import_history(corrected, source="b.csv", content_hash="2", actor="Ann")
    assert (result.rows_changed, result.rows_unchanged) == (2, 2)
    history = store.history()
    assert history["units"].tolist() == [5, 6, 3, 40]
    assert history["cost"].tolist() == [4.0] * 4, "a file without costs erases none"
    entries = {entry.action: entry for entry in store.audit() if entry.actor == "Ann"}
    assert set(entries) == {"import", "sales_changed", "product_changed"}
    assert entries["sales_changed"].detail["rows"] == [
        {"date": "2026-01-12", "old": {"price": 10.0}, "new": {"price": 11.0}},
        {"date": "2026-01-26", "old": {"units": 4.0}, "new": {"units": 40.0}},
    ]
    assert entries["product_changed"].detail["old"] == {"name": "Tea"}
    assert entries["import"].detail["rows_changed"] == 2


def test_a_missing_value_is_filled_in_by_a_later_file(store: Store) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    result = store.import_history(sales(cost=[4.0, np.nan, np.nan, 5.0]), source="b.csv", content_hash="2")
    assert result.rows_changed == 2
    np.testing.assert_array_equal(store.history()["cost"], [4.0, np.nan, np.nan, 5.0])


def test_the_same_bytes_read_another_way_are_another_import(store: Store) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    result = store.import_history(sales(units=[5.0, 6.0, 0.0, 4.0]), source="a.csv", content_hash="1")
    assert (result.already_imported, result.rows_changed) == (False, 1)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (sales().drop(columns="price"), "lacks.*price"),
        (pd.concat([sales(), sales()]), "4 of 8 rows repeat"),
        (sales(price=[10.0, 10.0, 12.0, -1.0]), "price_positive"),
    ],
)
def test_a_table_that_is_not_canonical_leaves_the_store_as_it_was(
    store: Store, engine: sa.Engine, frame: pd.DataFrame, message: str
) -> None:
    before = contents(engine)
    with pytest.raises((ValueError, sa.exc.IntegrityError), match=message):
        store.import_history(frame, source="a.csv", content_hash="1")
    assert contents(engine) == before


def test_an_error_midway_leaves_the_store_as_it_was(
    store: Store, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    before = contents(engine)

    def fail(*_: object, **__: object) -> int:
        raise OSError("the cable was pulled")

    monkeypatch.setattr("assistant.store.ingest.record_prices", fail)
    with pytest.raises(OSError, match="cable"):
        store.import_history(shop(20, 50), source="b.csv", content_hash="2")
    monkeypatch.undo()
    assert contents(engine) == before
    assert store.import_history(shop(20, 50), source="b.csv", content_hash="2").rows_added == 1000


def test_a_killed_import_leaves_the_store_as_it_was(
    store: Store, engine: sa.Engine, url: str, tmp_path: Path
) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    before = contents(engine)
    script = textwrap.dedent(
        """
        import os, signal, sys
        import pandas as pd
        import sqlalchemy as sa
        from assistant.store import Store

        batches = 0

        @sa.event.listens_for(sa.Engine, "after_cursor_execute")
        def kill_in_the_second_batch(connection, cursor, statement, *_):
            global batches
            batches += statement.startswith("INSERT INTO sales")
            if batches == 2:
                print("killed midway", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

        frame = pd.read_pickle(sys.argv[2])
        Store.open(url=sys.argv[1]).import_history(frame, source="big.csv", content_hash="2")
        """
    )
    big = tmp_path / "big.pickle"
    shop(300, 100).to_pickle(big)
    command = [sys.executable, "-c", script, url, str(big)]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (-9, "killed midway\n"), run.stderr
    assert contents(engine) == before
    assert store.import_history(shop(300, 100), source="big.csv", content_hash="2").rows_added == 30_000


def test_threads_import_side_by_side(store: Store) -> None:
    frame = shop(40, 60)
    halves = [frame[frame["date"] < "2020-12-01"], frame[frame["date"] > "2020-06-01"]]  # they overlap
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(
            lambda i: store.import_history(halves[i % 2], source=f"{i}", content_hash=str(i % 2)), range(4)
        )
    assert sum(r.rows_added for r in results) == len(frame)
    pd.testing.assert_frame_equal(store.history()[frame.columns], frame, check_dtype=False)


# Products


def test_products_carry_their_span_price_and_names(store: Store) -> None:
    store.import_history(sales(name="Tea", category="food"), source="a.csv", content_hash="1")
    store.add_aliases({"A": ["绿茶", "green tea"]}, actor="Ann")
    store.add_aliases({"A": ["green tea"]}, actor="Ann")
    (product,) = store.products()
    assert product.aliases == ("green tea", "绿茶")
    assert (product.periods, product.price, product.store) == (4, 12.0, None)
    assert (product.first_date, product.last_date) == (dt.date(2026, 1, 5), dt.date(2026, 1, 26))
    with pytest.raises(StoreError, match="no product 'B'"):
        store.add_aliases({"B": ["x"]}, actor="Ann")


def test_another_currency_is_refused_and_nothing_imported(store: Store, engine: sa.Engine) -> None:
    store.import_history(sales(currency="USD"), source="us.csv", content_hash="1")
    before = contents(engine)
    later = sales(currency="EUR", date=MONDAYS + pd.Timedelta(weeks=9))
    with pytest.raises(StoreError, match="4 of 4 rows of eu"):
        store.import_history(later, source="eu.csv", content_hash="2")
    assert contents(engine) == before
