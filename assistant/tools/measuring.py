"""What a price comes to per unit of measure."""

from __future__ import annotations

from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk, DeskError
from assistant.facts import Sheet, labels, money, subject_of
from assistant.measures import Measure, Size, size_as
from assistant.tools.result import Report, Result, Runtime, Sku, run, values_of
from assistant.wording import Language


@tool(response_format="content_and_artifact")
def unit_price(
    sku: Sku,
    per: Annotated[Measure, Field(description="The unit of the price; `piece` for one of a pack.")],
    runtime: Runtime,
    size: Annotated[float | None, Field(description="How much is in one, where the name says not.")] = None,
    size_unit: Annotated[Measure | None, Field(description="The unit of `size`.")] = None,
    price: Annotated[float | None, Field(description="Another price than the one now.")] = None,
) -> Result:
    """The price per kilo, ounce, litre, metre or piece of one product, by the size that its name states.

    Example: {"status": "ok", "language": "en", "item": {"sku": "TEA-ORG-100", "name": "Organic Green Tea 100
    g", "per": "oz", "facts": {"price_now": "$9.50", "size": "100 g", "asked_size": "3.527 oz", "unit_price":
    "$2.69"}}}
    """

    def report(desk: Desk, language: Language) -> Report:
        product = desk.outlet(sku)
        name = product.name or product.sku
        stated = [name, *product.aliases]
        own = Size(size, size_unit) if size and size_unit else None
        found = own or next((it for text in stated if (it := size_as(text, per))), None)
        amount = found and found.over(per)
        if not found or not amount:
            raise DeskError("no_size", name=name, unit=labels(language)["measures"][per])
        now = product.price if price is None else price
        sheet = Sheet(
            f"{subject_of(product.sku, product.store)}.per_{per}",
            language,
            currency=product.currency,
            section="unit_price",
        )
        units = labels(language)["measures"]
        sheet.price("price_now", now, label=labels(language)["facts"]["current_price"])
        unit = "units" if found.measure == "piece" else "count"
        sheet.add("size", f"{found.amount:g} {units[found.measure]}", None, unit)
        sheet.add("asked_size", f"{amount:.4g} {units[per]}", None, unit)
        sheet.add("per", units[per], None, "count", labels(language)["unit_price"]["asked_size"])
        each = now / amount
        text = money(each, product.currency, language, decimals=None if each >= 1 else 4 if each < 0.1 else 3)
        label = labels(language)["unit_price"]["unit_price"].format(unit=units[per])
        sheet.add("unit_price", text, each, product.currency or "money", label)
        item = {
            "sku": product.sku,
            "name": name,
            "currency": product.currency,
            "per": per,
            "converted": found.measure != per and abs(amount - 1) > 1e-9,
            "facts": values_of(sheet.facts),
        }
        return Report({"status": "ok", "item": item}, sheet.facts, names=stated, skus=[product.sku])

    return run(runtime, report)
