"""Approved prices as files that shops import. Writing one changes nothing: a shop changes when it imports it.

Shopify finds a product by its handle and a variant by its options, and an import without a variant's options
deletes the variants there are. So its file is made of the shop's own product export, product by product, with
the approved prices put in; columns that are left out keep their values there
(https://help.shopify.com/en/manual/products/import-export/using-csv).
WooCommerce matches by SKU and takes a file with the columns that change
(https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Importer-&-Exporter).
Amazon's price and quantity file is tab-separated, by SKU; an empty quantity stays as it is
(https://sellercentral.amazon.com/gp/help/external/200385490).

SKUs are written as they are, since the shop would not know them otherwise: the files are for shops to read,
not for spreadsheets to open.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from babel.numbers import get_currency_precision

from assistant.facts import count, day, labels, money
from assistant.report.review_sheet import WORDS
from assistant.report.whole_file import whole_file
from assistant.store import Store
from assistant.store.reviews import ApprovedPrice, Superseded
from assistant.wording import Language, Wording, printable, wording

Shop = Literal["shopify", "woocommerce", "amazon"]
SHOPS: Mapping[Shop, str] = {"shopify": "Shopify", "woocommerce": "WooCommerce", "amazon": "Amazon"}
"""Shops whose layouts are known, and what each calls itself."""

Place = Literal["app", "terminal"]
"""Where the file is asked for: what is missing is given by a field there, or by an option."""

_SHOPIFY_NAMES = {
    "handle": ("url handle", "handle"),
    "title": ("title",),
    "option1 name": ("option1 name",),
    "option1 value": ("option1 value",),
    "option2 name": ("option2 name",),
    "option2 value": ("option2 value",),
    "option3 name": ("option3 name",),
    "option3 value": ("option3 value",),
    "sku": ("sku", "variant sku"),
    "price": ("price", "variant price"),
}
"""Columns of Shopify's export that its import needs, with what they are and were called, in small letters."""
_SHOPIFY_NEEDS = ("handle", "title", "option1 name", "option1 value", "sku", "price")


class ExportError(ValueError):
    """Prices that cannot be written for a shop; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written, in words."""

    prices: int
    said: str
    """How many prices are where, and how they go live."""
    left_out: tuple[str, ...]
    """Approved prices that are not in the file, a line a reason."""


def export_prices(
    store: Store,
    shop: Shop,
    path: Path,
    *,
    on: dt.date,
    outlet: str | None = None,
    catalogue: Path | None = None,
    place: Place = "terminal",
    language: Language,
) -> Exported:
    """Write the approved prices that are in force on a day in a shop's import layout.

    Parameters
    ----------
    outlet
        Only the prices of this outlet, where the store has several.
    catalogue
        The shop's own product export, which Shopify's layout is made of.

    Raises
    ------
    ExportError
        No approved price is in force, one layout cannot hold them all, or the catalogue does not fit.
    """
    words = wording(language, WORDS)
    in_force, later, superseded = _of_outlet(store, on, outlet, words)
    left_out = [_superseded(superseded, words, language)] if superseded else []
    if not in_force:
        none = words(f"export.{place}.none", day=day(on.isoformat(), language))
        raise ExportError("\n".join([none, *left_out]))
    _require_one_price_each(in_force, place, words, language)
    if later:
        first = min(later, key=lambda it: it.effective_from)
        values = {
            "day": day(on.isoformat(), language),
            "first": day(first.effective_from.isoformat(), language),
        }
        left_out.append(
            words("export.later", count=count(len(later), language), sku=printable(first.sku), **values)
        )
    written = len(in_force)
    match shop:
        case "shopify":
            if catalogue is None:
                raise ExportError(words(f"export.{place}.needs_catalogue"))
            rows, missing = _shopify(in_force, catalogue, words, language)
            if missing:
                values = {"count": count(len(missing), language), "file": catalogue.name}
                left_out.append(words("export.other_sku", sku=printable(missing[0].sku), **values))
            written -= len(missing)
            _write(path, rows, delimiter=",")
        case "woocommerce":
            # An old sale price would go on being charged.
            heading = ["SKU", "Regular price", "Sale price"]
            _write(path, [heading, *([it.sku, price_text(it), ""] for it in in_force)], delimiter=",")
        case "amazon":
            for it in in_force:
                if set(it.sku) & set("\t\r\n"):
                    raise ExportError(words("export.tab_in_sku", sku=printable(it.sku)))
            heading = ["sku", "price", "quantity"]
            _write(path, [heading, *([it.sku, price_text(it), ""] for it in in_force)], delimiter="\t")
    said = words(
        "export.done",
        count=count(written, language),
        file=path.name,
        shop=SHOPS[shop],
        how=words(f"export.{shop}"),
    )
    return Exported(prices=written, said=said, left_out=tuple(left_out))


def price_text(price: ApprovedPrice) -> str:
    """A price with its currency's decimals and a point, as all three shops read it."""
    decimals = get_currency_precision(price.currency) if price.currency else 2
    return f"{price.price:.{decimals}f}"


def _of_outlet(
    store: Store, on: dt.date, outlet: str | None, words: Wording
) -> tuple[list[ApprovedPrice], list[ApprovedPrice], list[Superseded]]:
    in_force, later, superseded = store.reviews.approved_prices(on)
    if outlet is None:
        return in_force, later, superseded
    known = sorted({it.store for it in store.products() if it.store})
    if outlet not in known:
        raise ExportError(words("export.unknown_outlet", outlet=outlet, outlets=", ".join(known) or "–"))
    return (
        [it for it in in_force if it.store == outlet],
        [it for it in later if it.store == outlet],
        [it for it in superseded if it.approved.store == outlet],
    )


def _superseded(prices: Sequence[Superseded], words: Wording, language: Language) -> str:
    """How many approved prices no longer hold, which is the first, why, and what to do."""
    first, approved = prices[0], prices[0].approved
    return words(
        "export.superseded",
        count=count(len(prices), language),
        sku=printable(approved.sku),
        price=money(approved.price, approved.currency, language),
        approved_from=day(approved.effective_from.isoformat(), language),
        sold=money(first.sold_at, approved.currency, language),
        since=day(first.since.isoformat(), language),
    )


def _require_one_price_each(
    prices: Sequence[ApprovedPrice], place: Place, words: Wording, language: Language
) -> None:
    """Raise ExportError where a layout without outlets and currencies cannot hold the prices."""
    comma = str(labels(language)["answer"]["comma"])
    counts = Counter(it.sku for it in prices)
    for sku in (sku for sku, times in counts.items() if times > 1):
        outlets = comma.join(sorted(str(it.store or "–") for it in prices if it.sku == sku))
        values = {"count": str(counts[sku]), "outlets": printable(outlets)}
        raise ExportError(words(f"export.{place}.several_outlets", sku=printable(sku), **values))
    currencies = sorted({it.currency or "–" for it in prices})
    if len(currencies) > 1:
        raise ExportError(words(f"export.{place}.several_currencies", currencies=comma.join(currencies)))


def _shopify(
    prices: Sequence[ApprovedPrice], catalogue: Path, words: Wording, language: Language
) -> tuple[list[list[str]], list[ApprovedPrice]]:
    """The file's rows, and the prices whose SKU the catalogue does not have."""
    by_sku = {it.sku: it for it in prices}
    try:
        with catalogue.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            heading = next(lines, [])
            places = _places(heading)
            if absent := [name for name in _SHOPIFY_NEEDS if name not in places]:
                said = str(labels(language)["answer"]["comma"]).join(absent)
                raise ExportError(words("export.not_a_catalogue", file=catalogue.name, columns=said))
            products: dict[str, list[dict[str, str]]] = {}
            for cells in lines:
                row = {name: cells[at] if at < len(cells) else "" for name, at in places.items()}
                if row["option1 value"] or row["price"] or row["title"]:  # not an image's row
                    products.setdefault(row["handle"], []).append(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ExportError(words("export.unreadable", file=catalogue.name)) from error
    found: Counter[str] = Counter()
    rows = []
    for variants in products.values():
        # Shopify puts an apostrophe before some numbers, so that spreadsheets keep their zeros.
        known = [by_sku.get(row["sku"]) or by_sku.get(row["sku"].removeprefix("'")) for row in variants]
        if not any(known):
            continue
        for row, price in zip(variants, known, strict=True):
            if price is not None:
                found[price.sku] += 1
                row["price"] = price_text(price)
            rows.append([row[name] for name in places])
    for sku, times in found.items():
        if times > 1:
            values = {"count": str(times), "file": catalogue.name}
            raise ExportError(words("export.twice_in_catalogue", sku=printable(sku), **values))
    if not found:
        values = {"count": count(len(prices), language), "file": catalogue.name}
        raise ExportError(words("export.no_match", **values))
    missing = [it for it in prices if it.sku not in found]
    return [[heading[at] for at in places.values()], *rows], missing


def _places(heading: Sequence[str]) -> dict[str, int]:
    """Where each column that is needed stands."""
    there = {name.strip().casefold(): at for at, name in reversed(list(enumerate(heading)))}
    places = {
        name: next((there[it] for it in spelt if it in there), None) for name, spelt in _SHOPIFY_NAMES.items()
    }
    return {name: at for name, at in places.items() if at is not None}


def _write(path: Path, rows: Iterator[list[str]] | Sequence[list[str]], *, delimiter: str) -> None:
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        if delimiter == "\t":  # Amazon knows no quotes
            file.writelines("\t".join(row) + "\r\n" for row in rows)
        else:
            csv.writer(file, delimiter=delimiter).writerows(rows)
