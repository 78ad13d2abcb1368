"""Figures along the calendar show the ledger, the sales and the policy's own series, in order."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from assistant.figures import BLUE, VERMILLION
from assistant.figures_dated import clearance_path, forecast_fan, price_history
from assistant.figures_shop import portfolio
from assistant.series import Band, ClearanceSeries, ForecastSeries, from_json, to_json
from policy.decision.recommendation import Interval, Recommendation

WEEKS = ("2026-11-23", "2026-11-30", "2026-12-07")
CLEARANCE = ClearanceSeries(
    subject="CAN-PIN-200.clear",
    currency="USD",
    period="week",
    stock=640.0,
    dates=WEEKS,
    end="2026-12-13",
    prices=(15.2, 12.2, 12.2),
    keep_price=19.0,
    left=Band(mean=(600.0, 500.0, 380.0), low=(560.0, 400.0, 200.0), high=(620.0, 590.0, 540.0)),
    left_keep=Band(mean=(620.0, 590.0, 560.0), low=(600.0, 550.0, 500.0), high=(630.0, 610.0, 600.0)),
)
FORECAST = ForecastSeries(
    subject="CAN-PIN-200.ahead",
    skus=("CAN-PIN-200",),
    store=None,
    period="week",
    dates=WEEKS,
    units=Band(mean=(29.0, 30.0, 31.0), low=(10.0, 9.0, 9.0), high=(54.0, 55.0, 58.0)),
)


def texts(figure) -> str:
    return " ".join(annotation.text for annotation in figure.layout.annotations)


def days(trace) -> list[pd.Timestamp]:
    return [pd.Timestamp(on) for on in trace.x]


@pytest.mark.parametrize("series", [CLEARANCE, FORECAST])
def test_series_come_back_from_json_as_they_were(series) -> None:
    assert from_json(json.loads(json.dumps(to_json(series)))) == series


def test_the_path_begins_with_the_stock_and_ends_with_what_is_left() -> None:
    figure = clearance_path(CLEARANCE, "en")
    (price, left) = (t for t in figure.data if t.mode == "lines" and t.line.color == VERMILLION)
    assert list(price.y) == [15.2, 12.2, 12.2, 12.2] and price.line.shape == "hv"
    assert list(left.y) == [640.0, 600.0, 500.0, 380.0]
    assert days(left)[-1] == pd.Timestamp("2026-12-14")  # the end of the last day
    (band,) = (t for t in figure.data if t.fill == "toself")
    assert list(band.y) == [640.0, 620.0, 590.0, 540.0, 200.0, 400.0, 560.0, 640.0]
    assert texts(figure).count("$12.20") == 1  # a price that goes on is no step


def test_the_fan_opens_where_the_sales_end() -> None:
    past = pd.DataFrame({"date": pd.date_range("2024-01-01", "2026-11-16", freq="7D")})
    past["units"] = range(len(past))
    figure = forecast_fan(FORECAST, past, "zh")
    sold, band, expected = figure.data
    assert days(sold)[-1] < days(expected)[0] == pd.Timestamp("2026-11-23")
    assert len(sold.x) == 26 and sold.y[-1] == len(past) - 1
    assert list(expected.y) == [29.0, 30.0, 31.0] and expected.line.color == BLUE
    assert list(band.y) == [54.0, 55.0, 58.0, 9.0, 9.0, 10.0]
    assert "每周销量" in texts(figure)


def test_the_history_holds_each_price_until_the_next_and_marks_decisions() -> None:
    starts = ["2026-11-02", "2026-11-09", "2026-11-16", "2026-11-16"]
    ledger = pd.DataFrame(
        {
            "store": None,
            "effective_from": [pd.Timestamp(on) for on in starts],
            "price": [18.0, 16.0, 17.0, 17.5],
            "source": ["import", "import", "decision", "decision"],
        }
    )
    history = pd.DataFrame(
        {"date": pd.date_range("2026-11-02", periods=3, freq="7D"), "price": 18.0, "units": [3.0, 5.0, None]}
    )
    figure = price_history(ledger, history, "week", "USD", "en")
    line, decided, sold = figure.data
    assert line.line.shape == "hv" and list(line.y) == [18.0, 16.0, 17.5, 17.5]
    assert days(line)[-1] == pd.Timestamp("2026-11-23")
    assert list(decided.y) == [17.5]  # of two for one day the last recorded holds
    assert list(sold.y) == [3.0, 5.0]  # a week that is not known is no week without sales


def test_each_product_of_the_portfolio_stands_at_its_price_and_change() -> None:
    def one(sku: str, now: float, price: float, gain: float, currency: str = "USD") -> Recommendation:
        return Recommendation(
            sku=sku, store=None, name=f"<b>{sku}", currency=currency, period="week", date="2026-11-23",
            periods_of_history=104, objective="profit", current_price=now, price=price, model_price=price,
            unit_cost=1.0, competitor_price=None, take=None, keep=None,
            gain=Interval(mean=gain, low=gain - 1, high=gain + 1), elasticity=None,
        )  # fmt: skip

    figure = portfolio(
        [one("A", 10, 12, 8), one("B", 20, 16, 2), one("C", 5, 5, 0), one("D", 9, 8, 4, "EUR")], "en"
    )
    assert figure is not None
    raised, cut, kept = figure.data
    assert (raised.x[0], raised.y[0]) == (10, pytest.approx(0.2))
    assert (cut.x[0], cut.y[0]) == (20, pytest.approx(-0.2))
    assert (kept.x[0], kept.y[0]) == (5, 0)
    assert raised.marker.size[0] > cut.marker.size[0] > kept.marker.size[0]
    assert "<b>A" not in raised.text[0] + texts(figure)  # names are never markup
    assert portfolio([], "en") is None
