"""The canonical table: clean panels pass untouched, logs become days, and what is wrong is said once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from policy.history import HistoryError, HistoryReport, canonical_history

REAL = Path(__file__).parents[2] / "shared" / "data"
"""Real sales tables beside the repository, where a developer has them; never part of it."""


def panel(*, periods: int = 8, freq: str = "7D", skus: tuple[str, ...] = ("milk", "tea")) -> pd.DataFrame:
    dates = pd.date_range("2024-01-01", periods=periods, freq=freq)
    rows = [
        {"sku": sku, "date": date, "price": 2.0 + i % 2, "units": 10.0 + i}
        for sku in skus
        for i, date in enumerate(dates)
    ]
    return pd.DataFrame(rows)


def log(*, days: int = 30, seed: int = 0) -> pd.DataFrame:
    """Sales at the time they happen: some days have several, Sundays (the shop is closed) none."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in pd.date_range("2024-01-01", periods=days):
        for _ in range(0 if day.day_of_week == 6 else rng.integers(0, 5)):
            minute = pd.Timedelta(minutes=int(rng.integers(540, 1200)))
            rows.append({"sku": "tea", "date": day + minute, "price": 3.0, "units": 1.0})
    return pd.DataFrame(rows)


def notes(report: HistoryReport) -> dict[str, int]:
    return {note.code: note.count for note in report.notes}


# --- clean panels ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("freq", "period"), [("D", "day"), ("7D", "week"), ("MS", "month"), ("ME", "month")])
def test_a_clean_panel_passes_unchanged_and_its_period_is_detected(freq: str, period: str) -> None:
    frame = panel(freq=freq, periods=14)
    table, report = canonical_history(frame)
    pd.testing.assert_frame_equal(table, frame, check_dtype=False)
    assert (report.period, report.gaps, report.products, report.notes) == (period, "unknown", 2, ())
    assert (report.rows_in, report.rows_out, report.first_date[:7]) == (28, 28, "2024-01")


def test_the_order_of_rows_and_columns_does_not_matter_and_the_input_stays_as_it_was() -> None:
    frame = panel()
    shuffled = frame.sample(frac=1, random_state=1)[["units", "date", "sku", "price"]]
    before = shuffled.copy(deep=True)
    pd.testing.assert_frame_equal(canonical_history(shuffled)[0], canonical_history(frame)[0])
    pd.testing.assert_frame_equal(shuffled, before)


def test_the_canonical_table_is_its_own_canonical_table() -> None:
    for frame in (panel(), log(), panel().assign(store=7, cost=1.0, category="food")):
        table, _ = canonical_history(frame)
        again, report = canonical_history(table)
        pd.testing.assert_frame_equal(table, again)
        assert not set(notes(report)) - {"gaps_unknown"}


def test_period_detection_survives_gaps_and_the_shifted_weeks_of_a_new_year() -> None:
    weekly = panel(periods=60).drop(index=[3, 4, 5, 20, 41, 70, 71]).reset_index(drop=True)
    weekly.loc[weekly.index % 9 == 0, "date"] += pd.Timedelta(days=1)
    table, report = canonical_history(weekly)
    assert report.period == "week" and len(table) == len(weekly)
    sparse = panel(periods=300, freq="D").sample(frac=0.3, random_state=0)
    assert canonical_history(sparse)[1].period == "day"


def test_a_single_date_leaves_the_period_to_be_given_or_assumed() -> None:
    frame = panel(periods=1)
    assert "period_assumed" in notes(canonical_history(frame)[1])
    table, report = canonical_history(frame, period="month")
    assert report.period == "month" and "period_assumed" not in notes(report) and len(table) == 2


def test_numbers_as_names_dates_as_text_and_clocks_with_zones() -> None:
    frame = panel(skus=("12",)).assign(sku=12, store=3.0, date=lambda f: f["date"].dt.strftime("%Y-%m-%d"))
    table, _ = canonical_history(frame)
    assert table["sku"].unique().tolist() == ["12"] and table["store"].unique().tolist() == ["3"]
    zoned = panel().assign(date=lambda f: f["date"].dt.tz_localize("Asia/Shanghai"))
    pd.testing.assert_frame_equal(canonical_history(zoned)[0], canonical_history(panel())[0])
    at_noon = panel().assign(date=lambda f: f["date"] + pd.Timedelta(hours=12))
    table, report = canonical_history(at_noon)
    assert len(table) == 16 and report.gaps == "unknown" and notes(report) == {"time_of_day_dropped": 16}


# --- repeats, logs, returns ------------------------------------------------------------------------


def test_a_panel_read_twice_counts_once() -> None:
    frame = panel()
    table, report = canonical_history(pd.concat([frame, frame], ignore_index=True))
    pd.testing.assert_frame_equal(table, canonical_history(frame)[0])
    assert notes(report) == {"copies_dropped": 16} and report.gaps == "unknown"
    overlapping, report = canonical_history(pd.concat([frame, frame.iloc[:5]], ignore_index=True))
    pd.testing.assert_frame_equal(overlapping, table)


def test_two_different_rows_of_one_period_add_up_at_the_mean_price_weighted_by_units() -> None:
    extra = pd.DataFrame([{"sku": "tea", "date": pd.Timestamp("2024-01-01"), "price": 4.0, "units": 30.0}])
    table, report = canonical_history(pd.concat([panel(periods=30), extra], ignore_index=True))
    first = table[(table["sku"] == "tea")].iloc[0]
    assert first["units"] == 40.0
    assert first["price"] == pytest.approx((10 * 2.0 + 30 * 4.0) / 40)
    assert notes(report) == {"repeats_added_up": 61}


def test_a_log_becomes_days_its_missing_days_are_zero_and_closed_days_stay_out() -> None:
    frame = log(days=60)
    table, report = canonical_history(frame)
    assert (report.period, report.gaps) == ("day", "zero")
    assert table["units"].sum() == len(frame)
    assert not (table["date"].dt.day_of_week == 6).any()
    first, last = frame["date"].min().normalize(), frame["date"].max().normalize()
    open_days = [d for d in pd.date_range(first, last) if d.day_of_week != 6]
    assert table["date"].tolist() == open_days
    assert (table["units"] == 0).any() and (table["price"] == 3.0).all()
    assert canonical_history(frame, gaps="unknown")[0]["units"].min() > 0


def test_a_log_without_times_is_known_by_its_repeats() -> None:
    # Identical lines are separate sales here: they come in every number, not in pairs.
    frame = log(days=60).assign(date=lambda f: f["date"].dt.normalize())
    table, report = canonical_history(frame)
    assert report.gaps == "zero" and table["units"].sum() == len(frame)


def test_missing_days_sell_nothing_at_the_last_price_until_the_shops_last_day() -> None:
    days = pd.to_datetime(["2024-01-01 09:00", "2024-01-03 10:30", "2024-01-05 11:45"])
    frame = pd.DataFrame({"sku": ["a", "a", "b"], "date": days, "price": [2.0, 3.0, 9.0], "units": 1})
    table, _ = canonical_history(frame)
    a = table[table["sku"] == "a"]
    assert a["units"].tolist() == [1, 0, 1, 0, 0]
    assert a["price"].tolist() == [2, 2, 3, 3, 3]
    assert len(table) == 6  # b starts with its first sale


def test_returns_are_netted_and_never_leave_negative_units() -> None:
    day = pd.Timestamp("2024-01-01 10:00")
    rows = [("a", 0, 5.0, 3), ("a", 0.1, 5.0, -1), ("a", 1, 5.0, -4), ("a", 2, 6.0, 2), ("a", 2.2, 6.0, 2)]
    frame = pd.DataFrame(rows, columns=["sku", "date", "price", "units"])
    frame["date"] = day + pd.to_timedelta(frame["date"], unit="D")
    table, report = canonical_history(frame)
    assert table["units"].tolist() == [2, 0, 4]
    assert table["price"].tolist() == [5, 5, 6]
    excess = [note for note in report.notes if note.code == "returns_exceed_sales"]
    assert [(note.count, note.detail) for note in excess] == [(1, "4")]


def test_a_shorter_period_adds_up_to_whole_ones() -> None:
    # 2024-01-01 is a Monday; 31 days are four whole weeks and three days of a fifth.
    daily = panel(periods=31, freq="D", skus=("tea",)).assign(units=1.0, views=10.0)
    table, report = canonical_history(daily, period="week")
    assert table["units"].tolist() == [7.0] * 4 and table["views"].tolist() == [70.0] * 4
    assert table["date"].dt.day_of_week.unique().tolist() == [0]
    assert notes(report) == {"partial_periods_dropped": 3, "periods_added_up": 28}
    monthly, _ = canonical_history(daily, period="month")
    assert monthly["units"].tolist() == [31.0]
    with pytest.raises(HistoryError, match="one whole month"):
        canonical_history(daily.iloc[3:], period="month")


def test_gaps_of_weeks_and_months_fill_on_their_own_days() -> None:
    for freq in ("7D", "MS", "ME"):
        frame = panel(periods=10, freq=freq, skus=("tea",))
        table, report = canonical_history(frame.drop(index=[4, 5]), gaps="zero")
        assert table["date"].tolist() == frame["date"].tolist()
        assert table["units"].tolist()[4:6] == [0.0, 0.0] and notes(report) == {"gaps_zero": 2}


# --- values that are missing or cannot be meant ----------------------------------------------------


def test_a_period_without_sales_may_lack_a_price_and_keeps_the_last_one() -> None:
    frame = panel(skus=("tea",))
    frame.loc[[0, 3], "units"] = 0.0
    frame.loc[[0, 3], "price"] = [np.nan, 0.0]
    table, report = canonical_history(frame)
    assert len(table) == 7 and table["price"].iloc[2] == frame["price"].iloc[2]
    assert notes(report) == {"price_carried": 1, "unpriced_start_dropped": 1}


def test_costs_and_stocks_that_cannot_be_meant_are_unknown() -> None:
    frame = panel().assign(cost=0.0, stock=-3.0)
    table, report = canonical_history(frame)
    assert table["cost"].isna().all() and (table["stock"] == 0).all()
    assert notes(report) == {"cost_not_positive": 16, "stock_below_zero": 16}


def test_a_promotion_is_one_at_most() -> None:
    frame = panel().assign(promo=[0, 30, 0.5, 1] * 4)
    table, report = canonical_history(frame)
    assert sorted(table["promo"].unique()) == [0.0, 0.5, 1.0]
    assert notes(report) == {"promo_beyond_one": 4}


def change(column: str, value: object, rows: list[int]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def changed(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype({column: object})
        frame[column] = frame[column].mask(frame.index.isin(rows), value)
        return frame

    return changed


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (change("price", "n/a", [4, 9]), "2 of 16 rows have a `price` that is no number; the first is at "
         "index 4, 'milk' on 2024-01-29 ('n/a'). Fix or remove these rows."),
        (change("price", -1.0, [3]), "1 of 16 rows have no positive `price`; the first is at index 3"),
        (change("price", np.inf, [3]), "an infinite `price`"),
        (change("units", None, [8, 9]), "2 of 16 rows have no `units`; the first is at index 8, 'tea'"),
        (change("date", "soon", [1]), "1 of 16 rows have no readable `date`; the first is at index 1"),
        (change("sku", None, [15]), "1 of 16 rows have no `sku`; the first is at index 15"),
        (lambda f: f.assign(cost=-1.0), "16 of 16 rows have a negative `cost`"),
        (lambda f: f.assign(date=20240101), "16 of 16 rows have no readable `date`"),
        (lambda f: f.rename(columns={"units": "unit"}), "no column `units`; its columns are sku, date, "
         "price, unit. Perhaps rename `unit` to `units`."),
        (lambda f: f[["date", "units"]], "no column `sku`, `price`; its columns are date, units"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.assign(units=0.0, price=np.nan), "None of 16 rows has a price"),
        (lambda f: f.assign(currency=["EUR", "USD"] * 8), "2 of 2 products have prices in several "
         "currencies; the first is 'milk' (EUR, USD)"),
        (lambda f: pd.concat([f, f[["price"]]], axis=1), "Several columns are called `price`"),
    ],
)  # fmt: skip
def test_bad_rows_are_counted_and_the_first_is_shown(
    spoil: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    with pytest.raises(HistoryError) as error:
        canonical_history(spoil(panel()))
    assert said in str(error.value)


def test_unknown_columns_are_ignored_and_named() -> None:
    table, report = canonical_history(panel().assign(colour="red", cost=1.0))
    assert list(table.columns) == ["sku", "date", "price", "units", "cost"]
    assert [note.detail for note in report.notes] == ["colour"]


def test_a_million_transactions_take_seconds() -> None:
    rng = np.random.default_rng(0)
    count = 1_000_000
    frame = pd.DataFrame(
        {
            "sku": pd.Series(rng.integers(0, 500, count)).map("sku{:04d}".format),
            "date": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 525_600, count), unit="min"),
            "price": rng.choice([2.5, 3.0, 3.5], count),
            "units": rng.integers(1, 4, count),
        }
    )
    start = pd.Timestamp.now()
    table, report = canonical_history(frame)
    assert (pd.Timestamp.now() - start).total_seconds() < 15
    assert table["units"].sum() == frame["units"].sum() and report.gaps == "zero"
    assert len(table) <= 500 * 366


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sales tables are not on this machine")
@pytest.mark.parametrize("path", sorted(REAL.glob("*/tidy.csv.gz")), ids=lambda p: p.parent.name)
def test_real_panels_keep_their_rows(path: Path) -> None:
    frame = pd.read_csv(path, dtype={"store": str, "sku": str}, parse_dates=["date"])
    table, _ = canonical_history(frame)
    keys = ["store", "sku", "date", "price", "units"]
    expected = frame[keys].sort_values(keys[:3], ignore_index=True)
    pd.testing.assert_frame_equal(table[keys], expected, check_dtype=False)
