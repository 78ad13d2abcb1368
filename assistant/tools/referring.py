"""Which earlier price and which percentage a price cut may be announced with."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk, DeskError
from assistant.planning_facts import reference_facts
from assistant.tools.asking import Outlet
from assistant.tools.result import Report, Result, Runtime, Sku, about_one, run, values_of
from assistant.wording import Language


@tool(response_format="content_and_artifact")
def reference_price(
    sku: Sku,
    runtime: Runtime,
    price: Annotated[float | None, Field(description="The price planned.", gt=0)] = None,
    was_price: Annotated[float | None, Field(description="An earlier price to be shown.", gt=0)] = None,
    start: Annotated[
        str | None, Field(description="First day of that price, ISO 8601; today if none.")
    ] = None,
    region: Annotated[
        Literal["eu", "china"], Field(description="eu: lowest of 30 days; china: lowest deal of 7 days.")
    ] = "eu",
    store: Outlet = None,
) -> Result:
    """The lowest prior price from the shop's own records, and the largest percentage that may be announced.
    No legal advice.

    Where `blocked` is set no comparison with an earlier price may be shown.
    Example: {"status": "ok", "language": "en", "item": {"sku": "THR-WOOL", "name": "Wool Throw 130x170",
    "region": "eu", "blocked": null, "notes": ["prices_by_week"], "facts": {"reference_price": "$89.00",
    "planned_price": "$79.00", "was_price": "$99.00", "whole_percent": "11%", "window_first": "Oct 24, 2026",
    "window_last": "Nov 22, 2026"}, "used": [{"first": "Nov 2, 2026", "price": "$89.00"}]}}
    """

    def report(desk: Desk, language: Language) -> Report:
        product = desk.outlet(sku, store)
        today, _ = desk.records.clock
        try:
            day = today if start is None else dt.date.fromisoformat(start)
        except ValueError as error:
            raise DeskError("bad_date") from error
        it = desk.store.reference_price(
            product.sku,
            start=day,
            profile=region,
            planned_price=price,
            was_price=was_price,
            store=product.store,
        )
        facts = reference_facts(product.sku, it, product.currency, language)
        values = values_of(facts)
        item = {
            "sku": product.sku,
            "name": product.name or product.sku,
            "store": product.store,
            "currency": product.currency,
            "region": region,
            "blocked": it.blocked,
            "notes": list(it.notes),
            "used": [
                {"first": values[f"used_first.{i}"], "price": values[f"used_price.{i}"]}
                for i in range(1, len(it.used) + 1)
            ],
            "facts": {key: value for key, value in values.items() if "." not in key},
        }
        return Report({"status": "ok", "item": item}, facts, **about_one(product))

    return run(runtime, report)
