"""Files as merchants have them: what is understood, and what is said where nothing can be."""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from assistant.store.importing import Imported, error_text, read_history
from policy.history import HistoryError, canonical_history
from prompts import fill, load, substitute

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data"
"""Real sales tables beside the repository, where a developer has them; never part of it."""

PLAIN = "sku,date,price,units\nmilk,2026-01-05,1.50,10\nmilk,2026-01-12,1.60,8\nmilk,2026-01-19,1.50,11\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "sales.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def codes(imported: Imported) -> set[str]:
    return {note.code for note in (*imported.report.notes, *imported.report.history.notes)}


def understood(imported: Imported) -> dict[str, str]:
    return {match.source: match.field for match in imported.report.columns}


def refused(path: Path, *, skip_bad_rows: bool = False) -> HistoryError:
    with pytest.raises(HistoryError) as error:
        read_history(path, skip_bad_rows=skip_bad_rows)
    # Whatever is said in English is said in Chinese too.
    assert any("\u4e00" <= sign <= "\u9fff" for sign in error_text(error.value, "zh"))
    assert error_text(error.value, "en") == str(error.value)
    return error.value


# --- formats, encodings, delimiters ----------------------------------------------------------------


def test_a_plain_file_comes_in_whole_and_is_known_by_its_content(write: Write) -> None:
    imported = read_history(write(PLAIN))
    assert imported.frame["units"].tolist() == [10, 8, 11]
    assert imported.frame["price"].tolist() == [1.5, 1.6, 1.5]
    report = imported.report
    assert report.sha256 == sha256(PLAIN.encode()).hexdigest()
    assert (report.kind, report.encoding, report.delimiter) == ("csv", "utf-8", ",")
    assert (report.history.period, report.history.gaps) == ("week", "unknown")
    json.dumps(report.to_dict())


def test_every_format_holds_the_same_table(write: Write, tmp_path: Path) -> None:
    plain = read_history(write(PLAIN)).frame
    frame = pd.read_csv(BytesIO(PLAIN.encode()), parse_dates=["date"])
    frame.to_excel(tmp_path / "sales.xlsx", index=False)
    frame.to_parquet(tmp_path / "sales.parquet")
    (tmp_path / "sales.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    (tmp_path / "sales.tsv").write_text(PLAIN.replace(",", "\t"))
    (tmp_path / "no_extension").write_bytes((tmp_path / "sales.xlsx").read_bytes())
    for name in ("sales.xlsx", "sales.parquet", "sales.csv.gz", "sales.tsv", "no_extension"):
        pd.testing.assert_frame_equal(read_history(tmp_path / name).frame, plain)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
def test_chinese_headers_in_every_encoding(write: Write, encoding: str) -> None:
    text = "商品名称,日期,单价,销量\n薰衣草蜡烛,2026年1月5日,￥12.9,1,\n薰衣草蜡烛,2026年1月6日,12 元,3\n"
    imported = read_history(write(text.replace("1,\n", "1\n"), encoding=encoding))
    assert imported.frame["sku"].tolist() == ["薰衣草蜡烛"] * 2
    assert imported.frame["price"].tolist() == [12.9, 12.0]
    assert understood(imported) == {"商品名称": "name", "日期": "date", "单价": "price", "销量": "units"}


def test_western_text_is_not_taken_for_chinese(write: Write) -> None:
    text = "Artikel;Datum;Preis;Menge\nCafé crème;05.01.2026;1,50 €;10\nGlühwein süß;15.01.2026;2,50 €;4\n"
    imported = read_history(write(text, encoding="cp1252"))
    assert imported.report.encoding == "cp1252" and imported.report.delimiter == ";"
    assert imported.frame["sku"].tolist() == ["Café crème", "Glühwein süß"]
    assert imported.frame["price"].tolist() == [1.5, 2.5]
    assert imported.frame["currency"].unique().tolist() == ["EUR"]


def test_lines_may_end_as_on_any_system(write: Write) -> None:
    for end in ("\r\n", "\r"):
        assert len(read_history(write(PLAIN.replace("\n", end))).frame) == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(write: Write, delimiter: str) -> None:
    assert len(read_history(write(PLAIN.replace(",", delimiter))).frame) == 3


def test_of_several_sheets_the_one_with_sales_is_read(tmp_path: Path) -> None:
    book = Workbook()
    book.remove(book.worksheets[0])
    book.create_sheet("Notes").append(["Made by", "the shop"])
    sales = book.create_sheet("Sales 2026")
    sales.append(["Weekly sales"])
    sales.append([])
    sales.append(["SKU", "Week", "Unit price (EUR)", "Qty sold", "In stock?"])
    for day in (5, 12, 19):
        sales.append([1001, pd.Timestamp(2026, 1, day).to_pydatetime(), 2.5, 7, None])
    book.save(tmp_path / "book.xlsx")
    imported = read_history(tmp_path / "book.xlsx")
    assert imported.report.sheet == "Sales 2026" and imported.report.other_sheets == ("Notes",)
    assert imported.frame["sku"].tolist() == ["1001"] * 3 and imported.frame["units"].sum() == 21


# --- cells -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ('"$1,299.00"', 1299.0),
        ('"1.299,00 €"', 1299.0),
        ("￥12.9", 12.9),
        ("12 元", 12.0),
        ("1 299.50", 1299.5),
        ("1'299.50", 1299.5),
        ('"1,29,900.00"', 129900.0),
        ("USD 12.90", 12.9),
        ("MX$2000.00", 2000.0),
        ("1.2万", 12000.0),
        ("１２．５", 12.5),
        (".99", 0.99),
        ('"1,204"', 1204.0),
    ],
)
def test_prices_as_people_write_them(write: Write, written: str, price: float) -> None:
    text = f"sku,date,price,units\nmilk,2026-01-05,{written},3\n"
    assert read_history(write(text)).frame["price"].tolist() == [price]


def test_the_whole_file_decides_what_a_mark_means(write: Write) -> None:
    german = "sku;date;price;units\na;2026-01-05;1,50;1.204\na;2026-01-12;1.299;2\n"
    imported = read_history(write(german))
    assert imported.frame["units"].tolist() == [1204, 2]
    assert imported.frame["price"].tolist() == [1.5, 1299.0]
    english = 'sku,date,price,units\na,2026-01-05,1.50,"1,204"\na,2026-01-12,1.299,2\n'
    imported = read_history(write(english))
    assert imported.frame["units"].tolist() == [1204, 2] and imported.frame["price"].tolist() == [1.5, 1.299]
    alone = 'sku,date,price,units\na,2026-01-05,2,"1,204"\na,2026-01-12,2,900\n'
    assert "thousands_assumed" in codes(read_history(write(alone)))


def days(write: Write, *written: str) -> list[str]:
    rows = "".join(f'a,"{text}",2,{i}\n' for i, text in enumerate(written, 1))
    frame = read_history(write("sku,date,price,units\n" + rows), gaps="unknown").frame
    return frame["date"].dt.strftime("%Y-%m-%d").tolist()


@pytest.mark.parametrize(
    "written",
    [
        ("2026-03-04", "2026-03-25"),
        ("2026/3/4", "2026/3/25"),
        ("20260304", "20260325"),
        ("04/03/2026", "25/03/2026"),
        ("03/04/2026", "03/25/2026"),
        ("4.3.26", "25.3.26"),
        ("26/03/04", "26/03/25"),
        ("2026年3月4日", "2026年3月25日"),
        ("Mar-04-26", "Mar-25-26"),
        ("4 March 2026", "25. März 2026"),
        ("March 4, 2026", "Mar 25th, 2026"),
        ("46085", "46106"),
        ("2026-03-04T10:00:00Z", "2026-03-25 23:30:00 +0800"),
        ("2026-03-04 10:00:00 -0500", "2026-03-25 00:30:00 -0400"),
        ("3/4/2026 9:05 PM", "3/25/2026 12:15 AM"),
    ],
)
def test_dates_in_every_order(write: Write, written: tuple[str, str]) -> None:
    assert days(write, *written) == ["2026-03-04", "2026-03-25"]


def test_weeks_and_months_begin_on_their_first_day(write: Write) -> None:
    assert days(write, "2026-W02", "2026-W03") == ["2026-01-05", "2026-01-12"]
    assert days(write, "2026-01", "2026年2月") == ["2026-01-01", "2026-02-01"]


def test_day_or_month_first_is_decided_by_the_column_or_asked_for(write: Write) -> None:
    # Sorted only if the month comes first; and, of twelve, sorted either way but monthly one way.
    assert days(write, "01/05/2026", "01/12/2026", "02/02/2026") == ["2026-01-05", "2026-01-12", "2026-02-02"]
    months = [f"01/{month:02d}/2026" for month in range(1, 13)]
    assert days(write, *months) == [f"2026-{month:02d}-01" for month in range(1, 13)]
    text = "sku,date,price,units\na,03/04/2026,2,1\na,05/06/2026,2,1\n"
    error = refused(write(text))
    assert "03/04/2026 is 2026-04-03 or 2026-03-04" in str(error)


def test_promotions_in_words_and_shares(write: Write) -> None:
    rows = zip(("yes", "否", "1", "50%", "", "Summer sale"), range(1, 7), strict=True)
    text = "sku,date,price,units,是否促销\n" + "".join(f"a,2026-01-0{d},2,1,{p}\n" for p, d in rows)
    assert read_history(write(text)).frame["promo"].tolist() == [1, 0, 1, 0.5, 0, 1]


# --- columns ---------------------------------------------------------------------------------------


def test_names_spelling_and_what_is_left(write: Write) -> None:
    header = "Product ID,Order Date,Unit_Price (USD),Quantty,Colour\n"
    text = header + "A1,2026-01-05,2,3,red\nA1,2026-01-12,2,3,red\n"
    imported = read_history(write(text))
    assert [(m.field, m.how) for m in imported.report.columns] == [
        ("sku", "name"),
        ("date", "name"),
        ("price", "name"),
        ("units", "spelling"),
    ]
    assert imported.report.ignored == ("Colour",)


def test_a_total_is_turned_into_a_unit_price_only_where_no_price_is(write: Write) -> None:
    total = "商品编码,日期,数量,金额\nA1,2026-01-05,4,10\nA1,2026-01-12,2,6\n"
    assert read_history(write(total)).frame["price"].tolist() == [2.5, 3.0]
    both = "sku,date,units,price,total\nA1,2026-01-05,4,2.4,10\nA1,2026-01-12,2,3,6\n"
    assert "total" in read_history(write(both)).report.ignored


def test_missing_columns_are_named_with_what_was_found(write: Write) -> None:
    error = refused(write("sku,date,cost,menge stk\nA1,2026-01-05,1,2\n"))
    assert "no column for units, price; its columns are sku, date, cost, menge stk" in str(error)
    assert "'menge stk' → units" in str(error)
    twice = refused(write("sku,date,price,units,Price\nA1,2026-01-05,1,2,3\n"))
    assert "several columns called 'price'" in str(twice)


SHOPIFY = """Name,Financial Status,Currency,Subtotal,Total,Created at,Lineitem quantity,Lineitem name,\
Lineitem price,Lineitem sku
#1050,paid,USD,20.00,22.00,2026-01-06 10:37:30 -0500,1,Wallet,10.00,W1
#1050,,,,,2026-01-06 10:37:30 -0500,2,Mat,5.00,
#1044,refunded,USD,9.00,9.00,2026-01-05 10:36:16 -0500,3,Candle,3.00,C1
#1044,,,,,2026-01-05 10:36:16 -0500,1,Mat,5.00,
#1043,paid,USD,5.00,5.00,2026-01-04 09:00:00 -0500,1,Mat,5.00,
"""


def test_shopify_orders(write: Write) -> None:
    imported = read_history(write(SHOPIFY))
    assert imported.report.platform == "Shopify orders"
    assert {"orders_undone", "sku_from_name", "gaps_zero"} <= codes(imported)
    table = imported.frame
    assert table["sku"].tolist() == ["Mat", "Mat", "Mat", "W1"]
    assert table["units"].tolist() == [1, 0, 2, 1]
    assert table["currency"].unique().tolist() == ["USD"]


SQUARE = """Date,Time,Category,Item,Qty,Price Point Name,SKU,Gross Sales,Discounts,Net Sales,\
Event Type,Location
2026-07-18,12:59:30,None,Latte,1.0,Large,,$8.00,-$2.00,$6.00,Payment,Main
2026-07-18,12:59:30,None,Latte,1.0,Large,,$8.00,-$2.00,$6.00,Payment,Main
2026-07-18,12:58:11,None,Latte,2.0,Large,,$16.00,$0.00,$16.00,Payment,Main
2026-07-18,13:00:00,None,Latte,1.0,Large,,-$8.00,$0.00,-$8.00,Refund,Main
2026-07-18,13:01:00,None,Tea,1.0,Regular,,$3.00,-$3.00,$0.00,Payment,Main
2026-07-18,13:02:00,None,Tea,1.0,Regular,,$3.00,$0.00,$3.00,Payment,Main
"""


def test_square_items_net_of_discounts_and_refunds(write: Write) -> None:
    imported = read_history(write(SQUARE))
    latte, tea = imported.frame.to_dict("records")
    assert (latte["sku"], latte["units"], latte["price"]) == ("Latte / Large", 3, 7.0)
    assert (tea["sku"], tea["units"], tea["price"], tea["currency"]) == ("Tea", 1, 3.0, "USD")
    assert "free_items" in codes(imported)


def test_exports_without_history_say_what_to_export_instead(write: Write) -> None:
    products = refused(write("Handle,Title,Variant SKU,Variant Price\nshirt,Shirt,S1,50\n"))
    assert "Shopify products: it holds today's prices, no sales. Export the orders" in str(products)
    report = refused(
        write('SKU,Title,Sessions - Total,Units Ordered,Ordered Product Sales\nA,B,"1,204",2,$9\n')
    )
    assert "(Amazon business report) has no date" in str(report)
    dated = 'date,SKU,Sessions - Total,Units Ordered,Ordered Product Sales\n2026-01-05,A,"1,204",2,$9.00\n'
    row = read_history(write(dated)).frame.iloc[0]
    assert (row["price"], row["units"], row["views"]) == (4.5, 2, 1204)


# --- words -----------------------------------------------------------------------------------------


def test_reports_read_in_both_languages(write: Write) -> None:
    report = read_history(write(SHOPIFY)).report
    assert "'Lineitem price' is the unit price" in report.to_text("en")
    assert "“Lineitem price”是单价" in report.to_text("zh")


def test_both_languages_say_the_same_things() -> None:
    english, chinese = (tomllib.loads(load(language, "importing.toml")) for language in ("en", "zh"))
    for section, words in english.items():
        assert words.keys() <= chinese[section].keys()
        for key, sentence in words.items():
            placeholders = {part.split("}")[0] for part in sentence.split("{")[1:]}
            assert {part.split("}")[0] for part in chinese[section][key].split("{")[1:]} == placeholders, key


def test_every_note_and_error_has_its_words() -> None:
    sources = [*(ROOT / "policy/history").glob("*.py"), *(ROOT / "assistant/store/importing").glob("*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    raised = set(re.findall(r'(?:HistoryError|problem)\(\s*"(\w+)"', code))
    noted = set(re.findall(r'(?:HistoryNote|\.note)\(\s*"(\w+)"', code))
    chinese = tomllib.loads(load("zh", "importing.toml"))
    assert raised <= chinese["errors"].keys() and len(raised) > 20
    assert noted <= chinese["notes"].keys() | {"unknown_columns"} and len(noted) > 15


def test_errors_of_the_table_itself_read_in_chinese() -> None:
    frame = pd.DataFrame({"sku": ["a"], "date": ["2026-01-05"], "price": [-1.0], "units": [2]})
    with pytest.raises(HistoryError) as error:
        canonical_history(frame)
    assert "`price` 不是正数" in error_text(error.value, "zh")


def test_typed_columns_of_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "sku": pd.Categorical(["a", "a", "b"]),
            "date": [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 5)],
            "price": [Decimal("1.50"), Decimal("1.60"), Decimal("2.00")],
            "units": pd.array([3, 4, 5], dtype="Int64"),
            "stock": pd.array([3, None, 5], dtype="Int64"),
        }
    )
    frame.to_parquet(tmp_path / "typed.parquet")
    table = read_history(tmp_path / "typed.parquet").frame
    assert table["price"].tolist() == [1.5, 1.6, 2.0] and table["stock"].isna().tolist() == [
        False,
        True,
        False,
    ]


def test_prompts_are_filled_strictly() -> None:
    assert substitute("{price} and {{braces}}", price="{1}") == "{1} and {braces}"
    with pytest.raises(KeyError, match="values for cost, price"):
        substitute("{price} {cost} {units}", units="1", stock="2")
    with pytest.raises(KeyError, match="plain name"):
        substitute("{price:.2f}", price="1")
    with pytest.raises(FileNotFoundError):
        fill("en", "no_such_file.txt")


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sales tables are not on this machine")
@pytest.mark.parametrize("path", sorted(REAL.glob("*/tidy.csv.gz")), ids=lambda p: p.parent.name)
def test_real_tables_load_with_every_row(path: Path) -> None:
    expected = pd.read_csv(path, dtype={"store": str, "sku": str}, parse_dates=["date"])
    expected = expected.sort_values(["store", "sku", "date"], ignore_index=True)
    keys = ["store", "sku", "date", "price", "units"]
    pd.testing.assert_frame_equal(read_history(path).frame[keys], expected[keys], check_dtype=False)


def test_a_day_without_an_order_is_a_day_without_sales(tmp_path: Path) -> None:
    days = [d for d in pd.date_range("2026-01-05", periods=60, freq="D") if d.day % 3]
    lines = "\n".join(f"{d:%Y-%m-%d},Desk,20.00,1" for d in days)
    for header, gaps in (("Order date", "zero"), ("Day", "unknown")):
        path = tmp_path / f"{gaps}.csv"
        path.write_text(f"{header},Product,Unit Price,Qty\n{lines}\n")
        assert read_history(path).report.history.gaps == gaps
