"""What the records say of the assistant's own work: past forecasts, and who or what set a price."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.facts import Sheet, labels, moment
from assistant.shop_facts import SECTION, counted, product_record_facts, record_facts
from assistant.tools.pricing import MOST_ITEMS
from assistant.tools.result import Report, Result, Runtime, Sku, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from assistant.store import Product
    from assistant.store.records import AuditEntry, Decision

MOST_SUGGESTIONS = 3
MOST_EVENTS = 8
MOST_PRICES = 4
"""Longest lists of an audit."""
ROUTINE = "decisions_saved"
"""Written for every suggestion, which the suggestions themselves show."""


@tool(response_format="content_and_artifact")
def track_record(
    runtime: Runtime,
    skus: Annotated[
        list[Sku] | None, Field(description="Exact SKUs; none for the whole shop.", max_length=MOST_ITEMS)
    ] = None,
) -> Result:
    """How good forecasts were: rolled over the last quarter of this shop's own sales, each seeing only what
    came before it, and those really given with earlier suggestions whose period has come.

    `coverage`: share of sales inside the 80 % interval. `error`: average miss of the median forecast as a
    share of sales. `against`: closer, same or further than a regression per product (glm) and the same
    period a season ago (seasonal_naive). `given`: forecasts really given, `given_inside` of them right.
    What a price change earned against the old price cannot be measured. status `not_measured` where history
    is too short.
    Example: {"status": "ok", "language": "en", "facts": {"forecasts": "480", "products": "20", "left_out":
    "1", "coverage": "86%", "error": "25.5%", "interval": "80%", "tested_from": "May 25, 2026", "tested_to":
    "Nov 2, 2026", "ahead": "4 weeks", "given": "0", "given_inside": "0"}, "against": {"glm": "same",
    "seasonal_naive": "closer"}, "rows": [{"sku": "CHG-65W", "name": "65W USB-C Charger", "facts":
    {"forecasts": "24", "coverage": "91.7%", "error": "15.7%"}}]}
    """

    def report(desk: Desk, language: Language) -> Report:
        from policy.history import HistoryError

        wanted = [desk.product(sku).sku for sku in skus or ()]
        try:
            record = desk.records.track_record()
        except HistoryError as error:
            return Report({"status": "not_measured", "code": error.code})
        given = desk.records.foretold()
        if wanted:
            given = [it for it in given if it.sku in wanted]
        facts = record_facts(record, language)
        facts += counted(
            "track_record",
            {"given": len(given), "given_inside": sum(it.inside for it in given)},
            language,
        )
        totals = values_of(facts)
        names = {product.sku: product.name or product.sku for product in desk.store.products()}
        rows: list[dict[str, Any]] = []
        for it in record.by_product:
            if it.sku in wanted:
                own = product_record_facts(it, language)
                facts += own
                rows.append({"sku": it.sku, "name": names[it.sku], "facts": values_of(own)})
        payload = {"status": "ok", "facts": totals, "against": record.against, "rows": rows}
        named = [text for sku in wanted for text in (sku, names[sku])]
        return Report(payload, facts, names=named, skus=wanted)

    return run(runtime, report)


@tool(response_format="content_and_artifact")
def audit(
    runtime: Runtime,
    sku: Annotated[
        str | None, Field(description="Exact SKU; none for the whole shop.", max_length=200)
    ] = None,
    date: Annotated[
        dt.date | None, Field(description="What held by the end of this day, ISO 8601; today if none.")
    ] = None,
) -> Result:
    """From the records: which model, adapter, rules and data gave a price, what the merchant decided, who
    changed what and when, and which prices were charged since when. The newest first.

    `adapter` null: the base model, no adapter of this shop. Hashes are names of versions, not figures.
    Example: {"status": "ok", "language": "en", "sku": "CHG-65W", "name": "65W USB-C Charger", "suggestions":
    [{"decision_id": "D4", "on": "Nov 26, 2026", "by": "assistant", "model": "1f0c...", "adapter": null,
    "rules": "9a7e...", "data": "77b1...", "abstained": null, "verdict": null, "facts": {"price": "$38.35",
    "current_price": "$34.90"}}], "prices": [{"since": "Oct 26, 2026", "price": "$34.90", "source":
    "import"}], "events": [{"on": "Nov 26, 2026", "by": "demo", "action": "import", "label": "sales imported",
    "subject": "demo shop"}], "now": {"model": "1f0c...", "adapter": null}}
    """

    def report(desk: Desk, language: Language) -> Report:
        product = desk.product(sku) if sku else None
        return _audit(desk, product, date, language)

    return run(runtime, report)


def _audit(desk: Desk, product: Product | None, until: dt.date | None, language: Language) -> Report:
    own_sku = product.sku if product else None
    sheet = Sheet("audit", language, section=SECTION)
    names: list[str] = []
    suggestions: list[dict[str, Any]] = []
    facts = []
    found = desk.store.decisions(own_sku, until=until, limit=MOST_SUGGESTIONS) if own_sku else []
    for decision in reversed(found):
        row, own = _suggestion(desk, decision, language)
        suggestions.append(row)
        facts += own
        names += [row[key] for key in ("model", "adapter", "rules", "data") if row[key]]
    events = [
        _event(entry, sheet, place, language)
        for place, entry in enumerate(
            desk.store.audit(MOST_EVENTS, about=own_sku, until=until, without=[ROUTINE])
        )
    ]
    names += [event["subject"] for event in events if event["subject"]]
    prices = _prices(desk, product, until, sheet, language) if product else []
    now = {"model": desk.pipeline.model_hash, "adapter": desk.adapter}
    names += [hash for hash in now.values() if hash]
    payload: dict[str, Any] = {"status": "ok", "suggestions": suggestions, "prices": prices, "events": events}
    payload |= {"now": now}
    if product:
        payload |= {"sku": product.sku, "name": product.name or product.sku}
        names += [product.sku, product.name or ""]
    return Report(
        payload,
        [*facts, *sheet.facts],
        names=list(filter(None, names)),
        skus=[product.sku] if product else [],
        decision_ids=[row["decision_id"] for row in suggestions],
    )


def _suggestion(desk: Desk, decision: Decision, language: Language) -> tuple[dict[str, Any], list[Any]]:
    """One kept suggestion with what it was computed from."""
    record = decision.record
    sheet = Sheet(f"{record['sku']}.{decision.id}", language, currency=record["currency"], section=SECTION)
    on = moment(decision.created_at, language)
    sheet.add("on", on, None, "date")
    if record["abstained"] is None:
        sheet.price("price", record["price"])
    sheet.price("current_price", record["current_price"])
    verdict = desk.store.verdict(decision.id)
    row = {
        "decision_id": decision.id,
        "on": on,
        "by": decision.actor,
        "model": record["model_hash"],
        "adapter": record["adapter_hash"],
        "rules": record["rules_hash"],
        "data": record["history_hash"],
        "abstained": record["abstained"],
        "verdict": verdict.verdict if verdict else None,
        "facts": values_of(fact for fact in sheet.facts if fact.key != "on"),
    }
    return row, sheet.facts


def _event(entry: AuditEntry, sheet: Sheet, place: int, language: Language) -> dict[str, Any]:
    on = moment(entry.at, language)
    words = labels(language)["audit"]
    sheet.add(f"event.{place}.on", on, None, "date", labels(language)[SECTION]["on"])
    row: dict[str, Any] = {
        "on": on,
        "by": entry.actor,
        "action": entry.action,
        "label": words.get(entry.action, entry.action.replace("_", " ")),
        "subject": entry.subject,
    }
    counts = {
        key: entry.detail[key]
        for key in ("rows_added", "rows_changed", "rows_unchanged")
        if entry.action == "import" and isinstance(entry.detail.get(key), int)
    }
    own = counted(f"audit.event.{place}", counts, language)
    sheet.facts += own
    return row | ({"facts": values_of(own)} if own else {})


def _prices(
    desk: Desk, product: Product, until: dt.date | None, sheet: Sheet, language: Language
) -> list[dict[str, Any]]:
    """The newest prices of the ledger, each since when and by what."""
    ledger = desk.store.price_ledger(product.sku)
    if until is not None:
        ledger = ledger[ledger["effective_from"].dt.date <= until]
    rows = []
    own = Sheet(f"{product.sku}.ledger", language, currency=product.currency, section=SECTION)
    words = labels(language)[SECTION]
    for place, row in enumerate(ledger.iloc[::-1].head(MOST_PRICES).to_dict("records")):
        own.day(f"since.{place}", f"{row['effective_from']:%Y-%m-%d}", label=words["since"])
        own.price(f"charged.{place}", float(row["price"]), label=words["charged"])
        since, price = own.facts[-2:]
        source = {key: row[key] for key in ("source", "store")}
        rows.append({"since": since.value, "price": price.value} | source)
    sheet.facts += own.facts
    return rows
