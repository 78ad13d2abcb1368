"""A small report made by hand, with names that trip printers up. Numbers are plain and known."""

from __future__ import annotations

from assistant.facts import Fact
from assistant.report.document import Column, Document, Indicator, Page, Section, Table
from assistant.report.entry import Curve, Sales
from assistant.wording import Language

ROWS = (
    {
        "page": "CAN-LAV", "product": "Lavender Candle 蜡烛", "sku": "CAN-LAV", "category": "Candles",
        "current_price": 18.0, "price": 16.69, "change": -0.0728, "profit_gain": 2.94,
        "profit_gain_low": -14.36, "profit_gain_high": 20.24, "units": 21.5, "units_low": 12.0,
        "units_high": 31.0, "status": "open", "reason": "Price sensitivity pulls the price down.",
        "date": "2026-11-23", "decision": "7", "currency": "USD",
    },
    {
        "page": "=cmd()", "product": "=cmd()|' /C calc'!A0", "sku": "=cmd()", "category": None,
        "current_price": 1234.5, "price": 1300.0, "change": 0.0531, "profit_gain": 1250.0,
        "profit_gain_low": 400.0, "profit_gain_high": 2100.0, "units": 1234.0, "units_low": 900.0,
        "units_high": 1600.0, "status": "approved", "reason": "A dearer <b>rival</b> & a floor.",
        "date": "2026-11-23", "decision": "8", "currency": "USD",
    },
    {
        "page": "MUG@北京", "product": "<script>alert(1)</script> 陶瓷杯", "sku": "MUG", "category": "厨房",
        "current_price": 12.9, "price": None, "change": None, "profit_gain": None, "profit_gain_low": None,
        "profit_gain_high": None, "units": 3.4, "units_low": 1.0, "units_high": 6.0, "status": "open",
        "reason": "The price has never changed.", "date": "2026-11-23", "decision": "9", "currency": "USD",
    },
)  # fmt: skip
COLUMNS = (
    Column(key="product", label="Product"),
    Column(key="sku", label="SKU", kind="code"),
    Column(key="current_price", label="Now", kind="price"),
    Column(key="price", label="Suggested", kind="price"),
    Column(key="change", label="Change", kind="change"),
    Column(key="units", label="Units a week", kind="units", low="units_low", high="units_high"),
    Column(
        key="profit_gain",
        label="Profit against keeping",
        kind="total",
        signed=True,
        low="profit_gain_low",
        high="profit_gain_high",
    ),
    Column(key="reason", label="Why"),
    Column(key="date", label="From", kind="date"),
    Column(key="status", label="Status"),
    Column(key="decision", label="Record", kind="code"),
)


def page(row: dict[str, object]) -> Page:
    """A product's page with six weeks of sales and a demand curve of three prices."""
    price = row["price"]
    now = float(str(row["current_price"]))
    fact = Fact(f"{row['page']}.current_price", "current_price", "Current price", f"${now:,.2f}", now, "USD")
    return Page(
        id=str(row["page"]),
        title=str(row["product"]),
        sentences=(f"The price is ${now:,.2f} now.", str(row["reason"])),
        facts=(fact,),
        sales=Sales(
            dates=(*tuple(f"2026-10-{day:02d}" for day in (5, 12, 19, 26)), "2026-11-02", "2026-11-09"),
            prices=(now, now, now * 0.9, now, now, now),
            units=(20.0, 18.0, 31.0, None, 0.0, 22.0),
        ),
        curve=None
        if price is None
        else Curve(
            prices=(now * 0.9, now, now * 1.1),
            units=(25.0, 20.0, 16.0),
            units_low=(15.0, 12.0, 9.0),
            units_high=(36.0, 29.0, 24.0),
        ),
        unit_cost=now / 2,
        current_price=now,
        price=None if price is None else float(str(price)),
        currency="USD",
        period="week",
    )


def document(language: Language = "en") -> Document:
    """The report: a headline, an action table, one page a product."""
    actions = Table(id="actions", title="What to do", columns=COLUMNS, rows=ROWS, note="Profit is a week's.")
    return Document(
        title="Price report" if language == "en" else "定价报告",
        subtitle="Sample shop",
        language=language,
        currency="USD",
        period="week",
        made_at="2026-11-23T08:00:00+00:00",
        sections=(
            Section(
                id="headline",
                title="Headline" if language == "en" else "概要",
                sentences=("Two of three products should change.", "三件商品中两件应调价。"),
                indicators=(Indicator(label="Products", value="3"), Indicator(label="Priced", value="2")),
            ),
            Section(id="actions", title="Actions", tables=(actions,)),
        ),
        pages=tuple(page(dict(row)) for row in ROWS),
        page_count=len(ROWS),
        manifest={"model": "abc123", "inputs": [{"file": "sales.csv", "sha256": "00ff"}]},
    )
