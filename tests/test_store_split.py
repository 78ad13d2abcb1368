"""A store's sales by time: what is trained on never judges, and what cannot be learned is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from stores import sales

from policy.history import HistoryError, canonical_history
from policy.learning.store.foretold import Foretold
from policy.learning.store.split import Split, split
from policy.model.loading import load_model
from policy.pipeline import PricingPipeline


def parts_of(frame: pd.DataFrame) -> Split:
    table, report = canonical_history(frame)
    return split(table, report.period, seed=1)


def test_the_stretches_follow_each_other_in_time() -> None:
    parts = parts_of(sales(weeks=48))
    dates = parts.dates
    ends = [day for name in ("train", "validation", "test") for day in dates[name]]
    assert ends == sorted(ends) and len(set(ends)) == 6
    # 48 weeks: 12 for the test, 9 of the 36 before it for validation, 27 for training.
    assert set(parts.train.lengths) == {27} and set(parts.before_test.lengths) == {36}
    assert set(parts.whole.lengths) == {48}
    first_test = pd.Timestamp(dates["test"][0])
    assert parts.before_test.history.day.max() < (first_test - pd.Timestamp("1970-01-01")).days


def test_nothing_is_learned_of_a_day_on_which_another_product_is_tested() -> None:
    # Products that came and went: one cut a series would train on days on which others are tested.
    frame = pd.concat(
        [
            sales(products=6, weeks=104),
            sales(products=6, weeks=60, seed=6).assign(sku=lambda table: "gone" + table["sku"]),
            sales(products=6, weeks=40, seed=7).assign(
                sku=lambda table: "new" + table["sku"],
                date=lambda table: table["date"] + pd.to_timedelta(7 * 64, unit="D"),
            ),
        ],
        ignore_index=True,
    )
    parts = parts_of(frame)
    days = {
        name: windows.table["date"].to_numpy()[windows.ahead]
        for name, windows in (("validation", parts.validation), ("test", parts.test))
    }
    last = {
        name: np.datetime64(0, "D") + int(np.nanmax(np.where(np.isfinite(p.price), p.day, np.nan)))
        for name, p in (("train", parts.train.history), ("before", parts.before_test.history))
    }
    assert last["train"] < days["validation"].min() and days["validation"].max() < days["test"].min()
    assert last["before"] < days["test"].min()
    # Those that are gone are learned from and not tested.
    assert len(parts.before_test) == 18
    tested = set(parts.test.table["sku"].to_numpy()[parts.test.origin])
    assert not any(sku.startswith("gone") for sku in tested) and any(sku.startswith("new") for sku in tested)


def test_windows_lie_within_their_stretch() -> None:
    parts = parts_of(sales(weeks=48))
    last_validated = parts.validation.ahead.max(axis=1)
    assert (last_validated < parts.test.first_tested[parts.validation.series]).all()
    assert (parts.test.origin >= parts.test.first_tested[parts.test.series]).all()


def test_forecasts_are_those_of_the_product() -> None:
    # Series of unequal length, so that padding and the order of windows matter.
    frame = sales(products=7, weeks=60)
    frame = frame[~((frame["sku"] == "P01") & (frame["date"] < "2024-05-01"))]
    parts = parts_of(frame)
    model = load_model()
    ours = Foretold(parts.test, "week", context=model.network.config.context).quantiles(model.network)
    pipeline = PricingPipeline(model)
    for window in (0, 5, len(parts.test) - 1):
        start, origin = parts.test.start[window], parts.test.origin[window]
        ahead = parts.test.table.iloc[origin : origin + 4]
        told = pipeline.predict_demand(
            parts.test.table.iloc[start:origin], ahead[["store", "sku", "date", "price", "promo"]]
        )
        assert np.array_equal(ours[window], told[[f"{q / 10:g}" for q in range(1, 10)]].to_numpy())


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (sales(products=1), "few_products"),
        (sales(products=4), "few_products"),
        (sales(weeks=20), "short_series"),
        (sales(moving=False), "prices_still"),
        (
            # A shop whose products have all but four gone.
            pd.concat(
                [
                    sales(products=8, weeks=60),
                    sales(products=4, weeks=104).assign(sku="n" + sales(products=4, weeks=104)["sku"]),
                ]
            ),
            "few_tested",
        ),
        (sales().assign(units=0.0), "nothing_sold"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(frame: pd.DataFrame, code: str) -> None:
    with pytest.raises(HistoryError) as refused:
        parts_of(frame)
    assert refused.value.code == code
    assert any(character.isdigit() for character in str(refused.value)), "say how many"


def test_a_currency_that_changes_half_way_is_refused() -> None:
    frame = sales()
    late = frame["date"] >= "2024-07-01"
    frame.loc[late, "price"] *= 7.1
    with pytest.raises(HistoryError) as refused:
        parts_of(frame)
    assert refused.value.code == "prices_jump"
    assert refused.value.values["date"] == "2024-07-01"
    named = sales().assign(currency=np.where(late, "CNY", "USD"))
    with pytest.raises(HistoryError):
        parts_of(named)


@pytest.mark.parametrize("step", [1, 7])
@pytest.mark.parametrize("lasting", [1, 5, 10, 40])
def test_a_sale_of_everything_is_no_change_of_currency(step: int, lasting: int) -> None:
    frame = sales(weeks=160)
    first = frame["date"].min()
    frame["date"] = first + (frame["date"] - first) / 7 * step
    on_sale = frame["date"].between(
        first + pd.Timedelta(days=60 * step), first + pd.Timedelta(days=(60 + lasting) * step - 1)
    )
    assert on_sale.any()
    frame.loc[on_sale, "price"] *= 0.5
    parts_of(frame)


def test_a_backtest_refuses_the_change_of_currency_too() -> None:
    from policy.evaluation.backtest.report import backtest

    frame = sales()
    frame.loc[frame["date"] >= "2024-07-01", "price"] *= 7.1
    table, report = canonical_history(frame)
    with pytest.raises(HistoryError) as refused:
        backtest(load_model(), table, report.period, file="sales.csv", adapter=None)
    assert refused.value.code == "prices_jump"
