"""A file of sales is imported by chat after a yes to what was shown, and only from folders one may name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from langchain_core.messages import ToolMessage
from scripts import call, says_result, values, written
from small_shop import ThumbPolicy, history

from assistant.agent import Answer, Assistant
from assistant.embedded import EmbeddedChatModel
from assistant.embedded.understanding import understand
from assistant.store import Store

Ask = Callable[[str], Answer]
WEEK = pd.Timedelta(weeks=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "files"
    place.mkdir()
    return place


@pytest.fixture
def ask(store: Store, folder: Path) -> Iterator[Ask]:
    policy: Any = ThumbPolicy()
    one = Assistant(store, model=EmbeddedChatModel(), pipeline=policy, folders=[folder])
    yield one.ask
    one.close()


def next_weeks() -> pd.DataFrame:
    """The last week with the small kettle at 28.50 instead of 29.99, one week more, and a new product."""
    last = history()[lambda it: it["date"] == it["date"].max()]
    following = last.assign(date=last["date"] + WEEK)
    new = following.head(1).assign(sku="COA-CORK-4", name="Cork Coasters")
    last.loc[last["sku"] == "KET-10", "price"] = 28.5
    return pd.concat([last, following, new], ignore_index=True)


def code(assistant: Assistant) -> str:
    """Of the last tool's error."""
    results = [it for it in assistant.messages("default") if isinstance(it, ToolMessage)]
    return str(json.loads(str(results[-1].text))["code"])


def imports(store: Store) -> list[str]:
    return [str(entry.subject) for entry in store.audit() if entry.action == "import"]


# What is asked


@pytest.mark.parametrize(
    ("text", "language", "file"),
    [
        ("import sales.csv", "en", "sales.csv"),
        ("please load /home/me/my shop/sales.xlsx", "en", "/home/me/my shop/sales.xlsx"),
        ("can you read in 'week 47.csv'?", "en", "week 47.csv"),
        ("update the sales with data/week_47.csv.gz", "en", "data/week_47.csv.gz"),
        (r"import C:\shop\prics.xlsx", "en", r"C:\shop\prics.xlsx"),  # not mended to "prices"
        ("here is nov.parquet, import it", "en", "nov.parquet"),
        ("导入 sales.csv", "zh", "sales.csv"),
        ("导入sales.csv", "zh", "sales.csv"),
        ("把 /home/me/销售 11月.xlsx 导进来", "zh", "/home/me/销售 11月.xlsx"),
        ("麻烦读取“十一月.csv”", "zh", "十一月.csv"),
        ("把 /home/me/导入/sales.csv 导进来", "zh", "/home/me/导入/sales.csv"),
        ("把 /data/my_import_of_the_year/a.csv 导入", "zh", "/data/my_import_of_the_year/a.csv"),
    ],
)
def test_a_file_to_import_is_named_in_many_ways(text: str, language: str, file: str) -> None:
    (request,) = understand(text, language=language)
    assert (request.topic, request.file) == ("import", file)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("how do I import sales.csv?", "en"), ("export it as sales.csv", "en"),
        ("download prices.xlsx", "en"),
        ("did the import lose any rows?", "en"), ("what did sales.csv say about the mugs", "en"),
        ("怎么导入 sales.csv", "zh"), ("把建议导出成 prices.xlsx", "zh"),
    ],
)  # fmt: skip
def test_what_asks_for_no_import_imports_nothing(text: str, language: str) -> None:
    assert not [it for it in understand(text, language=language) if it.file]


@pytest.mark.parametrize("text", ["import my sales", "导入数据"])
def test_a_file_that_is_not_named_is_asked_for(ask: Ask, folder: Path, text: str) -> None:
    next_weeks().to_csv(folder / "sales.csv", index=False)
    answer = ask(text)
    assert answer.tool_calls == [] and answer.text.rstrip().endswith(("yes.", "。"))
    assert [it.tool for it in ask("sales.csv").pending] == ["import_sales"]


# What is shown, and done


@pytest.mark.parametrize("text", ["import sales.csv", "把 {folder}/sales.csv 导入"])
def test_an_import_is_shown_first_and_made_after_the_yes(
    ask: Ask, store: Store, folder: Path, text: str
) -> None:
    next_weeks().to_csv(folder / "sales.csv", index=False)
    before = store.history()
    answer = ask(text.format(folder=folder))
    shown = [(row[1], row[2]) for row in values(answer)]
    assert shown[0] == ("13", "14"), "products"
    # Rows added: a week of 13 products and one of the new one; one row corrected, its price replaced.
    assert [after for _, after in shown[2:]] == ["14", "1", "1"]
    text_of_notes = " ".join(answer.pending[0].notes)
    assert "Cork Coasters" in text_of_notes and "29.99" in text_of_notes and "28.50" in text_of_notes
    pd.testing.assert_frame_equal(store.history(), before)
    assert imports(store) == ["small shop"] and written(store) == []

    done = ask("yes")
    assert (done.dropped, done.failed) == ([], None)
    assert imports(store) == ["sales.csv", "small shop"]
    assert len(store.history()) == len(before) + 14
    assert len(store.products()) == 14
    (entry,) = [it for it in store.audit() if it.action == "change_confirmed"]
    assert entry.actor == "merchant" and entry.detail["tool"] == "import_sales"


def test_a_new_product_without_a_name_goes_by_its_sku(ask: Ask, folder: Path) -> None:
    sales = next_weeks()
    sales["name"] = sales["name"].where(sales["sku"] != "COA-CORK-4")
    sales.to_csv(folder / "sales.csv", index=False)
    notes = " ".join(ask("import sales.csv").pending[0].notes)
    assert "COA-CORK-4" in notes and "nan" not in notes


def test_products_are_counted_by_outlet(ask: Ask, folder: Path) -> None:
    sales = next_weeks()
    new = sales[sales["sku"] == "COA-CORK-4"]
    pd.concat([new.assign(store="North"), new.assign(store="South")]).to_csv(folder / "two.csv", index=False)
    answer = ask("import two.csv")
    counted = {fact.key: fact.value for fact in answer.pending[0].facts}
    assert (counted["known"], counted["new"]) == ("0", "2")


def test_prices_follow_the_imported_sales_at_once(ask: Ask, folder: Path) -> None:
    assert "$29.99" in ask("what should I charge for KET-10?").text
    next_weeks().assign(price=lambda it: it["price"].where(it["sku"] != "KET-10", 28.5)).to_csv(
        folder / "sales.csv", index=False
    )
    ask("import sales.csv")
    ask("yes")
    assert "$28.50" in ask("what should I charge for KET-10?").text


def test_a_no_leaves_the_file_alone(ask: Ask, store: Store, folder: Path) -> None:
    next_weeks().to_csv(folder / "sales.csv", index=False)
    ask("import sales.csv")
    ask("no")
    assert imports(store) == ["small shop"]


def test_a_file_that_changed_after_it_was_shown_is_not_imported(ask: Ask, store: Store, folder: Path) -> None:
    table = next_weeks()
    table.to_csv(folder / "sales.csv", index=False)
    ask("import sales.csv")
    table.assign(units=table["units"] + 1).to_csv(folder / "sales.csv", index=False)  # as many rows
    answer = ask("yes")
    assert "Nothing was changed" in answer.text and imports(store) == ["small shop"]


def test_a_file_that_brings_nothing_is_not_staged(ask: Ask, folder: Path) -> None:
    history().to_csv(folder / "sales.csv", index=False)
    answer = ask("import sales.csv")
    assert answer.pending == () and "would change nothing" in answer.text


@pytest.mark.parametrize(
    ("text", "then"), [("import sales.csv", "skip the bad rows"), ("导入 sales.csv", "把坏行放一边")]
)
def test_bad_rows_are_set_aside_only_where_the_merchant_says_so(
    ask: Ask, folder: Path, text: str, then: str
) -> None:
    table = next_weeks().astype({"price": object})
    table.loc[20, "price"] = "n/a"
    table.to_csv(folder / "sales.csv", index=False)
    refused = ask(text)
    assert refused.pending == () and "n/a" in refused.text
    answer = ask(then)
    assert values(answer)[2][2] == "13", "one row less is added"
    assert any("1" in note and ("set aside" in note or "搁置" in note) for note in answer.pending[0].notes)


def test_one_more_week_alone_is_a_week_of_this_shop(ask: Ask, store: Store, folder: Path) -> None:
    """One date tells no period: the shop's is meant, not a day."""
    next_weeks().loc[lambda it: it["date"] == it["date"].max()].to_csv(folder / "sales.csv", index=False)
    end = store.sales_end()
    assert end is not None
    answer = ask("import sales.csv")
    assert any("length that the shop's sales have holds: week" in note for note in answer.pending[0].notes)
    ask("yes")
    assert store.sales_end() == ((pd.Timestamp(end[0]) + WEEK).date(), "week")


def test_sales_in_another_currency_are_refused(ask: Ask, store: Store, folder: Path) -> None:
    next_weeks().assign(currency="EUR").to_csv(folder / "sales.csv", index=False)
    answer = ask("import sales.csv")
    assert answer.pending == () and "EUR" in answer.text
    assert imports(store) == ["small shop"]


# An import cannot be taken back


def test_undo_leaves_an_import_and_says_so(ask: Ask, store: Store, folder: Path) -> None:
    next_weeks().to_csv(folder / "sales.csv", index=False)
    ask("import sales.csv")
    ask("yes")
    rows = len(store.history())
    answer = ask("undo")
    assert answer.pending == () and "cannot be taken back" in answer.text
    assert len(store.history()) == rows


def test_undo_of_what_was_before_an_import_says_that_the_import_stays(ask: Ask, folder: Path) -> None:
    ask("no price may move more than 10%")
    ask("yes")
    next_weeks().to_csv(folder / "sales.csv", index=False)
    ask("import sales.csv")
    ask("yes")
    (waiting,) = ask("undo").pending
    assert waiting.tool == "undo" and any("import" in note for note in waiting.notes)


# Whose files


@pytest.mark.parametrize(
    "name",
    ["{outside}/sales.csv", "../outside/sales.csv", "{folder}/../outside/sales.csv", "link.csv",
     ".hidden/sales.csv", "{folder}/.hidden/sales.csv", "~nobody-here/sales.csv", "/etc/passwd", "\0.csv"],
)  # fmt: skip
def test_nothing_outside_the_folders_is_read(
    assistant: Callable[..., Assistant],
    folder: Path,
    store: Store,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outside = folder.parent / "outside"
    for place in (outside, folder / ".hidden"):
        place.mkdir()
        next_weeks().to_csv(place / "sales.csv", index=False)
    (folder / "link.csv").symlink_to(outside / "sales.csv")
    opened: list[Path] = []
    monkeypatch.setattr("assistant.store.importing.read_history", lambda path, **_: opened.append(path))
    path = name.format(outside=outside, folder=folder)
    one = assistant(call("import_sales", path=path), says_result, folders=[folder])
    answer = one.ask(f"import {path}")
    assert answer.pending == () and opened == []
    assert code(one) == "outside_folders"
    assert imports(store) == ["small shop"]


def test_a_file_outside_is_refused_alike_whether_it_is_there_or_not(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("sku,date,price,units\n", encoding="utf-8")
    there, missing = (ask(f"import {tmp_path}/{name}.csv").text for name in ("there", "nowhere"))
    assert there.replace("there.csv", "") == missing.replace("nowhere.csv", "")


def test_without_folders_no_file_is_read_whatever_the_model_calls(
    assistant: Callable[..., Assistant], folder: Path, store: Store
) -> None:
    next_weeks().to_csv(folder / "sales.csv", index=False)
    one = assistant(call("import_sales", path=str(folder / "sales.csv")), says_result)
    answer = one.ask("import it")
    assert answer.pending == () and code(one) == "no_import_here"
    assert imports(store) == ["small shop"]


def test_a_model_that_calls_without_a_yes_imports_nothing(
    assistant: Callable[..., Assistant], folder: Path, store: Store
) -> None:
    next_weeks().to_csv(folder / "sales.csv", index=False)
    one = assistant(call("import_sales", path="sales.csv"), says_result, folders=[folder])
    assert len(one.ask("import sales.csv").pending) == 1
    assert imports(store) == ["small shop"]


def test_a_file_that_the_merchant_did_not_name_is_not_opened(
    assistant: Callable[..., Assistant], folder: Path, store: Store
) -> None:
    """What is wrong in a file is told to the language model: a name in the shop must not make it read one."""
    (folder / "private.csv").write_text("sku,date,price,units\nA,2026-01-05,secret,1\nB,2026-01-05,2,1\n")
    one = assistant(call("import_sales", path="private.csv"), says_result, folders=[folder])
    answer = one.ask("what should I charge?")
    assert code(one) == "file_not_named" and "secret" not in answer.text
    assert not any("secret" in message.text for message in one.messages("default"))


@pytest.mark.parametrize(
    "text, said", [("import sales.csv", "is too large to be shown"), ("导入 sales.csv", "太大")]
)
def test_a_large_file_is_left_to_the_command_that_reads_it_in_parts(
    ask: Ask, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    next_weeks().to_csv(folder / "sales.csv", index=False)
    monkeypatch.setattr("assistant.store.importing.parts.PART", (folder / "sales.csv").stat().st_size - 1)
    monkeypatch.setattr("assistant.store.importing.read_history", None)  # nothing of it is read
    before = len(store.audit())
    answer = ask(text)
    assert answer.pending == () and len(store.audit()) == before
    assert said in answer.text and "`pricing-assistant import FILE`" in answer.text
