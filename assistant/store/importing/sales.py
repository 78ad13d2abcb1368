"""From a file's cells to rows of sales, and what is wrong with which row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from assistant.store.importing.columns import ColumnMatch, Platform, nearest
from assistant.store.importing.dates import read_dates
from assistant.store.importing.reading import Cells, listed
from assistant.store.importing.report import LISTED, SetAside, bad_rows_error, problem
from assistant.store.importing.values import (
    BLANK,
    SHARED_SIGNS,
    Mark,
    decimal_marks,
    read_numbers,
    read_promo,
)
from policy.history import HistoryNote

MONEY = ("price", "line_total", "cost", "competitor_price")
COUNTS = ("units", "stock", "views", "rating")
_UNDONE = frozenset(
    {"refunded", "voided", "cancelled", "canceled", "cancelled by seller", "returned", "failed"}
    | {"已退款", "退款成功", "已取消", "交易关闭", "已关闭", "storniert"}
)
"""Order states, casefolded, whose sales did not stand."""
FOOTER_WITHIN = 10
"""Rows at the end among which totals and remarks are looked for."""
_FOOTERS = ("total", "totals", "grand total", "sum", "summe", "合计", "总计", "小计", "汇总")
_PLAIN_OPTIONS = ("", "regular", "default title", "default", "标准", "默认")


class Sheet:
    """A file's cells by the field they were matched to, while they are being read."""

    def __init__(self, cells: Cells, matches: list[ColumnMatch], platform: Platform | None) -> None:
        self.cells = cells
        self.platform = platform
        self.at = {match.field: match.position for match in matches}
        self.table = cells.table
        self.notes: list[HistoryNote] = []
        self.set_aside: list[SetAside] = []
        """Some of the rows that cannot be read: of each fault the first `LISTED`."""
        if cells.ragged:
            self.note("rows_ragged_skipped", len(cells.ragged), str(cells.ragged[0][0]))
            unknown = dict.fromkeys(("sku", "store", "date", "column"), "")
            self.set_aside += [
                SetAside(row=row, why="ragged", found=text, **unknown) for row, text in cells.ragged[:LISTED]
            ]

    def note(self, code: str, count: int, detail: str = "") -> None:
        self.notes.append(HistoryNote(code, count, detail))

    def raw(self, field: str) -> pd.Series | None:
        """The cells of a field as they are in the file."""
        return self.table[self.at[field]] if field in self.at else None

    def text(self, field: str) -> pd.Series | None:
        """The cells of a field as text; blank where there is nothing."""
        column = self.raw(field)
        return None if column is None else as_text(column)

    def keep(self, rows: pd.Series | NDArray) -> None:
        """Go on with these rows only."""
        self.table = self.table[rows]


def as_text(column: pd.Series) -> pd.Series:
    """Cells as text without outer spaces; 12.0 from a spreadsheet is `12`, and nothing is the empty text."""

    def written(value: Any) -> str:
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        text = "" if pd.isna(value) else str(value).strip()
        return "" if text.casefold() in BLANK - {"na", "none", "null"} else text

    texts = {value: written(value) for value in column.unique()}
    # Looked up one by one: pandas would make floats of the keys, and so the same of two long numbers.
    return column.map(texts.get).fillna("").astype("str")


def read_sales(sheet: Sheet, *, file: str, skip_bad_rows: bool) -> pd.DataFrame:
    """One row per row of the file, with canonical column names; the index is the row's number in the file.

    Raises
    ------
    HistoryError
        For missing columns; for dates whose order nothing decides; for prices in several currencies; and,
        unless `skip_bad_rows`, one error for all rows without product, date, units or price.
    """
    _require(sheet, file)
    _drop_footers(sheet)
    _drop_undone(sheet)
    rows = len(sheet.table)
    products = _products(sheet)
    dates = _dates(sheet, file)
    numbers, bad = _numbers(sheet, file)

    units = numbers["units"]
    if (event := sheet.text("event")) is not None:
        units = units.abs().where(event.str.casefold() != "refund", -units.abs())
    if "price" in numbers:
        price = numbers["price"]
    else:
        price = numbers["line_total"].abs() / units.abs().where(units != 0)
    frame = products.assign(date=dates, price=price, units=units)
    for field in ("cost", "competitor_price", "stock", "views", "rating"):
        if field in numbers:
            frame[field] = numbers[field]
    if (promo := sheet.raw("promo")) is not None:
        frame["promo"] = read_promo(promo, mark=_mark(sheet))

    if sheet.platform is not None:  # gifts and fully discounted items are part of a till's log
        free = (frame["price"] == 0) & (frame["units"] > 0)
        if free.any():
            sheet.note("free_items", int(free.sum()))
            frame, bad = frame[~free], {field: marks[~free] for field, marks in bad.items()}
    return _checked(sheet, frame, bad, file=file, rows=rows, skip_bad_rows=skip_bad_rows)


def _require(sheet: Sheet, file: str) -> None:
    """Every canonical column has a source, or one error names what was found and what to rename."""
    header, at = sheet.cells.header, sheet.at
    lacking = [field for field in ("date", "units") if field not in at]
    lacking += [] if at.keys() & {"price", "line_total"} else ["price"]
    lacking += [] if at.keys() & {"sku", "name"} else ["sku"]
    if not lacking:
        return
    if sheet.platform is not None and sheet.platform.lacks is not None:
        raise problem(f"platform_lacks_{sheet.platform.lacks}", file=file, platform=sheet.platform.title)
    taken = set(at.values())
    free = [name for i, name in enumerate(header) if i not in taken]
    near = {field: nearest(field, free) for field in lacking}
    proposals = ", ".join(f"'{name}' → {field}" for field, name in near.items() if name)
    raise problem(
        "file_columns_missing_near" if proposals else "file_columns_missing",
        file=file,
        missing=", ".join(lacking),
        found=listed(header),
        **({"proposals": proposals} if proposals else {}),
    )


def _drop_footers(sheet: Sheet) -> None:
    """Rows after the last dated one, such as totals and remarks."""
    cells = sheet.table.iloc[-FOOTER_WITHIN:].apply(as_text)
    dates = cells[sheet.at["date"]]
    undated = (dates == "")[::-1].cumprod()[::-1].astype(bool)
    words = cells.apply(lambda column: column.str.casefold().str.rstrip(":："))
    summed = words.isin(_FOOTERS).any(axis=1)
    sparse = (cells != "").sum(axis=1) <= 2
    at_end = undated | (cells.index == cells.index[-1])
    footer = at_end & (summed | (sparse & undated))
    if footer.any() and len(sheet.table) > footer.sum():
        sheet.note("footer_rows", int(footer.sum()), str(cells.index[footer][0]))
        sheet.keep(~sheet.table.index.isin(cells.index[footer]))


def _drop_undone(sheet: Sheet) -> None:
    """Orders that were refunded or cancelled; what is said of an order stands on its first line only."""
    undone = pd.Series(False, index=sheet.table.index)
    for field in ("status", "cancelled"):
        if (column := sheet.text(field)) is None:
            continue
        column = _along_order(sheet, column)
        undone |= column.str.casefold().isin(_UNDONE) if field == "status" else column != ""
    if undone.any():
        sheet.note("orders_undone", int(undone.sum()))
        if undone.all():
            raise problem("all_undone", rows=f"{len(undone):,}")
        sheet.keep(~undone)


def _along_order(sheet: Sheet, column: pd.Series) -> pd.Series:
    orders = sheet.text("order")
    if orders is None:
        return column
    return column.mask(column == "").groupby(orders).ffill().fillna("")


def _products(sheet: Sheet) -> pd.DataFrame:
    """Product, store, name, category and currency, as text."""
    columns: dict[str, pd.Series] = {}
    if (store := sheet.text("store")) is not None:
        columns["store"] = store
    sku, name, option = sheet.text("sku"), sheet.text("name"), sheet.text("option")
    if name is not None and option is not None:
        told = ~option.str.casefold().isin(_PLAIN_OPTIONS)
        name = name.where(~told, name + " / " + option)
    if sku is None:
        assert name is not None
        sheet.note("sku_from_name", len(name))
        sku = name
    elif name is not None and (sku == "").any():
        if borrowed := int(((sku == "") & (name != "")).sum()):
            sheet.note("sku_from_name", borrowed)
        sku = sku.where(sku != "", name)
    columns["sku"] = sku
    if name is not None:
        columns["name"] = name.mask(name == "")
    if (category := sheet.text("category")) is not None:
        columns["category"] = category.mask(category.str.casefold().isin(("", "none")))
    if (currency := sheet.text("currency")) is not None:
        currency = _along_order(sheet, currency).str.upper()
        columns["currency"] = currency.mask(currency == "")
    return pd.DataFrame(columns)


def _dates(sheet: Sheet, file: str) -> pd.Series:
    column = sheet.raw("date")
    assert column is not None
    if (time := sheet.text("time")) is not None and time.str.contains(":").any():
        column = as_text(column).str.replace(r"[ T]00:00:00$", "", regex=True) + " " + time
        column = column.str.strip()
    dates = read_dates(column)
    if dates.ambiguous is not None:
        text, day_first, month_first = dates.ambiguous
        raise problem(
            "dates_ambiguous",
            file=file,
            text=text,
            day_first=f"{day_first:%Y-%m-%d}",
            month_first=f"{month_first:%Y-%m-%d}",
        )
    if dates.order is not None:
        sheet.note(f"dates_{dates.order}", len(column))
    return dates.values


def _mark(sheet: Sheet) -> Mark | None:
    """The decimal mark all numbers of the file agree on; None where nothing shows it or they differ."""
    texts = [column for field in (*MONEY, *COUNTS) if (column := sheet.raw(field)) is not None]
    marks = decimal_marks(texts)
    return marks.pop() if len(marks) == 1 else None


def _numbers(sheet: Sheet, file: str) -> tuple[dict[str, pd.Series], dict[str, pd.Series]]:
    """Numbers by field, and for price and units which cells hold something else."""
    mark = _mark(sheet)
    numbers: dict[str, pd.Series] = {}
    bad: dict[str, pd.Series] = {}
    currencies: set[str] = set()
    for field in (*MONEY, *COUNTS):
        if (column := sheet.raw(field)) is None:
            continue
        read = read_numbers(column, mark=mark)
        numbers[field] = read.values
        if read.ambiguous:
            sheet.note("thousands_assumed", read.ambiguous, _name_of(sheet, field))
        if field in ("price", "line_total"):
            currencies |= read.currencies
        wrong = read.bad | ((read.values < 0) if field in ("cost", "competitor_price", "views") else False)
        if field in ("price", "units", "line_total"):
            bad[field] = read.bad
        elif wrong.any():
            first = column[wrong].iloc[0]
            sheet.note("cells_unreadable", int(wrong.sum()), f"{_name_of(sheet, field)}: '{first}'")
            numbers[field] = read.values.mask(wrong)
    currencies = _without_shared_signs(currencies)
    if len(currencies) > 1 and "currency" not in sheet.at:
        raise problem("file_currencies_mixed", file=file, found=", ".join(sorted(currencies)))
    if len(currencies) == 1 and "currency" not in sheet.at:
        sheet.note("currency_seen", len(sheet.table), currencies.pop())
    return numbers, bad


def _without_shared_signs(currencies: set[str]) -> set[str]:
    """`$` beside CAD means CAD, `¥` beside CNY means CNY."""
    for sign, owners in SHARED_SIGNS.items():
        if sign in currencies and len(currencies & owners) == 1:
            currencies = currencies - {sign}
    return currencies


def _name_of(sheet: Sheet, field: str) -> str:
    return sheet.cells.header[sheet.at[field]]


def _checked(
    sheet: Sheet, frame: pd.DataFrame, bad: dict[str, pd.Series], *, file: str, rows: int, skip_bad_rows: bool
) -> pd.DataFrame:
    """The good rows; one error for all others, unless they are to be set aside."""
    sold = frame["units"] != 0  # without sales, the price may be missing: it is the last known one then
    price_field = "price" if "price" in sheet.at else "line_total"
    tests: list[tuple[str, str, Callable[[], pd.Series]]] = [
        ("no_sku", "sku" if "sku" in sheet.at else "name", lambda: frame["sku"] == ""),
        ("no_date", "date", lambda: frame["date"].isna()),
        ("no_units", "units", lambda: frame["units"].isna()),
        ("no_price", price_field, lambda: ~(frame["price"] > 0) & sold & frame["units"].notna()),
        ("bad_price", price_field, lambda: bad[price_field] & ~sold),
    ]
    problems: list[tuple[str, dict[str, str]]] = []
    broken = pd.Series(False, index=frame.index)
    for code, field, test in tests:
        failed = test()
        if failed.any():
            problems.append((code, _first_place(sheet, frame, failed, field, rows)))
            fresh = frame.index[failed & ~broken][:LISTED]
            sheet.set_aside += [_set_aside(sheet, frame, row, code, field) for row in fresh]
            broken |= failed
    if not problems:
        return frame
    if broken.all():
        raise bad_rows_error(problems, "all_bad")
    if not skip_bad_rows:
        raise bad_rows_error(problems, "some_bad")
    sheet.note("bad_rows_skipped", int(broken.sum()), str(broken.index[broken][0]))
    return frame[~broken]


def _set_aside(sheet: Sheet, frame: pd.DataFrame, row: int, code: str, field: str) -> SetAside:
    cell, moment = sheet.table[sheet.at[field]][row], pd.Timestamp(frame["date"][row])
    return SetAside(
        row=int(row),
        sku=str(frame.at[row, "sku"]),
        store=str(frame.at[row, "store"]) if "store" in frame else "",
        date="" if pd.isna(moment) else f"{moment:%Y-%m-%d}",
        why=code,
        column=_name_of(sheet, field),
        found="" if pd.isna(cell) else str(cell)[:60],
    )


def _first_place(
    sheet: Sheet, frame: pd.DataFrame, failed: pd.Series, field: str, rows: int
) -> dict[str, str]:
    first = failed.index[failed][0]
    cell = sheet.table[sheet.at[field]][first]
    moment = pd.Timestamp(frame["date"][first])
    return {
        "count": f"{int(failed.sum()):,}",
        "rows": f"{rows:,}",
        "column": _name_of(sheet, field),
        "row": str(first),
        "sku": str(frame.at[first, "sku"]) or "?",
        "date": "?" if pd.isna(moment) else f"{moment:%Y-%m-%d}",
        "found": "" if pd.isna(cell) else str(cell)[:60],
    }
