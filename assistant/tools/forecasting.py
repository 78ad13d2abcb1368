"""What will sell over the periods ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.facts import Fact, Sheet, count, labels, subject_of
from assistant.planning_facts import cover_facts, forecast_facts, product_forecast_facts
from assistant.series import forecast_series
from assistant.tools.asking import Periods, Start, Until
from assistant.tools.result import Report, Result, Runtime, Sku, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.foresee import Forecast, ForecastSum, ProductForecast

MOST_ROWS = 12
"""Most products listed; sums are of all."""


@tool(response_format="content_and_artifact")
def forecast(
    runtime: Runtime,
    skus: Annotated[list[Sku] | None, Field(description="Exact SKUs; the whole shop where left out.")] = None,
    periods: Periods = None,
    start: Start = None,
    until: Until = None,
    price: Annotated[
        float | None, Field(description="Another price to assume for these products.", gt=0)
    ] = None,
    stock: Annotated[
        float | None, Field(description="Units on hand of one product, if not those on record.", gt=0)
    ] = None,
) -> Result:
    """Units, revenue and profit expected over the next periods, with 80 % intervals, at present prices.

    `items` are products, `total` the sum of all. `left_out` cannot be forecast, `reason` says why. Where
    `cautions` hold stock_below_forecast, demand is larger than the stock on hand; `runs_out` is then the
    start of the period in which it ends, `cover` how long it lasts.
    Example: {"status": "ok", "language": "en", "period": "week", "items": [{"sku": "TEA-ORG-100", "name":
    "Organic Green Tea 100 g", "cautions": [], "facts": {"units": "132", "units_range": "101–165", "revenue":
    "$1,254", "profit": "$818", "periods": "4 weeks", "start": "Nov 23, 2026", "until": "Dec 20, 2026",
    "at_price": "$9.50"}, "rows": [{"date": "Nov 23, 2026", "units": "33", "revenue": "$314", "profit":
    "$205"}, ...]}], "total": {"facts": {...}, "rows": [...]}, "left_out": []}
    """

    def report(desk: Desk, language: Language) -> Report:
        found = desk.forecast(skus, periods=periods, start=start, until=until, price=price)
        items, every = [], list[Fact]()
        products = sorted(found.products, key=lambda it: -it.total.revenue.mean)
        listed = products[: MOST_ROWS if skus is None else None]
        for it in listed:
            facts = product_forecast_facts(it, found, language)
            if skus is not None:
                on_hand = stock or desk.ask(it.sku, lambda product, _: product.stock, store=it.store)
                facts += cover_facts(it, found, on_hand, language)
            every += facts
            items.append(_item(it, facts, found))
        total = _total(found, language) if len(products) > 1 else None
        if total is not None:
            every += total[1]
        payload = {
            "status": "ok",
            "period": found.period,
            "items": items,
            "total": None if total is None else total[0],
            "currencies": len(found.sums),
            "left_out": [
                {"sku": it.sku, "name": it.name or it.sku, "reason": it.reason} for it in found.left_out
            ],
        }
        for left in found.left_out if skus is not None else ():
            sheet = Sheet(subject_of(left.sku, left.store), language)
            reason = labels(language)["abstained"].get(left.reason, left.reason)
            sheet.add("abstained", reason, None, "text")
            every += sheet.facts
        told = [(it.sku, it.name, it.store) for it in products]
        told += [(left.sku, left.name, left.store) for left in found.left_out]
        names = [text for texts in told for text in texts if text]
        series = forecast_series(found, listed)
        return Report(payload, every, names=names, skus=[sku for sku, *_ in told], series=series)

    return run(runtime, report)


def _item(it: ProductForecast, facts: list[Fact], found: Forecast) -> dict[str, Any]:
    values = values_of(facts)
    return {
        "sku": it.sku,
        "name": it.name or it.sku,
        "store": it.store,
        "currency": it.currency,
        "period": found.period,
        "cautions": list(it.cautions),
        "facts": {key: value for key, value in values.items() if "." not in key},
        "rows": _rows(values, len(it.by_period)),
    }


def _total(found: Forecast, language: Language) -> tuple[dict[str, Any], list[Fact]] | None:
    """The sum of all products, where they have one currency."""
    if len(found.sums) != 1:
        return None
    whole: ForecastSum = found.sums[0]
    facts = forecast_facts(whole, found, "forecast.total", language)
    sheet = Sheet("forecast.total", language, section="forecast")
    sheet.add("products", count(whole.products, language), whole.products, "count")
    if whole.without_cost:
        sheet.add("without_cost", count(whole.without_cost, language), whole.without_cost, "count")
    if found.left_out:
        sheet.add("left_out", count(len(found.left_out), language), len(found.left_out), "count")
    values = values_of([*facts, *sheet.facts])
    told = {
        "facts": {key: value for key, value in values.items() if "." not in key},
        "rows": _rows(values, len(whole.by_period)),
        "period": found.period,
    }
    return told, [*facts, *sheet.facts]


def _rows(values: dict[str, str], periods: int) -> list[dict[str, str]]:
    """Period by period, what was formatted for each."""
    keys = ("date", "units", "revenue", "profit")
    rows = [
        {key: values[f"{key}.{i}"] for key in keys if f"{key}.{i}" in values} for i in range(1, periods + 1)
    ]
    return [row for row in rows if row]
