"""`pricing-assistant report`: exit codes, the shop it stands on, the rules it takes."""

from __future__ import annotations

import json
import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from assistant import cli
from assistant.report.progress import only_run
from assistant.store import Store
from assistant.store.demo import create_demo
from assistant.wording import Language, wording


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """Two products over thirty weeks; one changes its price."""
    path = tmp_path / "sales.csv"
    weeks = [f"{date(2025, 1, 6) + timedelta(weeks=week)}" for week in range(30)]
    rows = [f"A,{day},{10 + week % 3},{20 - 2 * (week % 3)},4\n" for week, day in enumerate(weeks)]
    rows += [f"B,{day},5,7,2\n" for day in weeks]
    path.write_text("sku,date,price,units,cost\n" + "".join(rows))
    return path


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    """Exit status, the JSON summary, and what was said on stderr."""
    status = cli.main(["report", *arguments, "--json", "--formats", "json"])
    said = capsys.readouterr()
    return status, json.loads(said.out) if said.out else {}, said.err


@pytest.fixture
def unnamed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Surroundings that name no shop."""
    monkeypatch.delenv("PRICING_ASSISTANT_HOME")


@pytest.mark.usefixtures("unnamed")
def test_a_file_makes_a_series_and_exit_codes_tell_a_scheduler(
    sales: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reports"
    command = (str(sales), "--out", str(out), "--since-last")
    status, first, said = run(*command, capsys=capsys)
    assert status == 0, said
    assert (first["products"], first["last_report"], first["unchanged"]) == (2, None, 0)
    assert Path(first["folder"], "report.json").is_file()
    assert first["seconds"].keys() >= {"import", "plan", "price", "record", "write", "json"}
    status, second, _ = run(*command, capsys=capsys)
    assert (status, second["folder"], second["unchanged"]) == (3, None, 2)
    with sales.open("a") as file:
        file.write("A,2025-08-04,11,19,4\n")
    status, third, _ = run(*command, capsys=capsys)
    assert (status, third["unchanged"], third["last_report"]) == (0, 1, first["made_at"])
    assert (out / "shop").is_dir() and not home.exists()


def test_a_file_is_added_to_the_shop_that_the_surroundings_name(
    sales: Path,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = sales.read_text().splitlines(keepends=True)
    week = sales.with_name("week.csv")
    week.write_text(lines[0] + "A,2025-08-04,11,19,4\nB,2025-08-04,5,7,2\n")
    assert cli.main(["import", str(sales)]) == 0
    capsys.readouterr()
    out = tmp_path / "reports"
    status, first, said = run("--out", str(out), capsys=capsys)
    assert status == 0 and f"The shop reported on: {home}" in said
    status, second, said = run(str(week), "--out", str(out), capsys=capsys)
    assert (status, second["last_report"]) == (0, first["made_at"])
    assert f"The shop reported on: {home}" in said and not (out / "shop").exists()
    # Of two that are named, the option's holds; a database counts as a folder does.
    other = tmp_path / "other"
    _, third, said = run(str(sales), "--out", str(out), "--data-dir", str(other), capsys=capsys)
    assert third["last_report"] is None and f"The shop reported on: {other}" in said
    monkeypatch.delenv("PRICING_ASSISTANT_HOME")
    monkeypatch.setenv("PRICING_ASSISTANT_DATABASE_URL", f"sqlite:///{other / 'store.sqlite'}")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert Store.open(home=str(other)).identity == Store.open().identity
    _, fourth, _ = run(str(sales), "--out", str(out), capsys=capsys)
    assert fourth["last_report"] == third["made_at"] and not (out / "shop").exists()


def test_without_a_file_it_is_the_installed_shop(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, said = run("--out", str(tmp_path / "out"), capsys=capsys)
    assert status == 1 and "no sales yet" in said.strip().splitlines()[-1]
    create_demo(Store.open(home=home))
    status, made, _ = run("--out", str(tmp_path / "out"), "--language", "en", "zh", capsys=capsys)
    assert (status, made["products"], made["files"]) == (0, 21, ["en/report.json", "zh/report.json"])
    assert (made["abstained"], made["unpriced"]) == (3, 0)  # sold out, new, of a price that never changed
    chinese = (Path(made["folder"]) / "zh" / "report.json").read_text(encoding="utf-8")
    assert json.loads(chinese)["language"] == "zh"


def test_rules_of_the_command_hold_in_the_report_and_stay_out_of_the_shop(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(home=home)
    create_demo(store)
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"products": {"PAN-28": {"max_change": 0.03}}}))
    before = store.rules_in_force()
    command = ("--out", str(tmp_path / "out"), "--rules", str(rules), "--max-change", "5%")
    status, _, said = run(*command, capsys=capsys)
    assert status == 0, said
    moved = {it.record["sku"]: abs(it.record["change"]) for it in store.decisions()}
    assert max(moved.values()) == pytest.approx(0.05, abs=0.001)
    assert moved["PAN-28"] <= 0.0301
    assert store.rules_in_force() == before
    rules.write_text(json.dumps({"products": {"PAN-82": {}}}))
    status, _, said = run(*command, capsys=capsys)
    assert status == 1 and "'PAN-82'" in said


def test_another_run_is_status_4(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store.open(home=home)
    create_demo(store)
    with only_run(store):
        status, _, said = run("--out", str(tmp_path / "out"), capsys=capsys)
    assert status == 4 and "Another run" in said


def test_a_file_without_sales_leaves_nothing_behind(
    sales: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reports"
    status, _, said = run(str(tmp_path / "slaes.csv"), "--out", str(out), capsys=capsys)
    assert status == 1 and "There is no file" in said
    sales.write_text("nothing,of\nthe,kind\n")
    assert run(str(sales), "--out", str(out), capsys=capsys)[0] == 1
    assert not out.exists() and not home.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_signal_while_the_file_is_read_ends_with_one_line(
    number: signal.Signals,
    language: Language,
    sales: Path,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(*_: object) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr("assistant.store.importing.parts.read_cells", lambda *_, **__: stopped())
    status, _, said = run(
        str(sales), "--out", str(tmp_path / "reports"), "--language", language, capsys=capsys
    )
    said = said.strip().splitlines()[-1]
    assert status == 130 and said == wording(language, "report_run.toml")("ended.interrupted")
    assert not home.exists() and not (tmp_path / "reports").exists()


def test_a_second_signal_ends_with_one_line(
    sales: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("assistant.report.run.make_report", stopped)
    status, _, said = run(str(sales), "--out", str(tmp_path / "reports"), capsys=capsys)
    assert status == 130 and said.strip().splitlines()[-1].startswith("Stopped at once.")


@pytest.mark.parametrize(("language", "said"), [("en", "is a folder"), ("zh", "是文件夹")])
def test_a_folder_is_called_one(
    language: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["report", "--out", str(tmp_path / "out")], ["import"], ["recommend"]):
        assert cli.main([command[0], str(tmp_path), "--language", language, *command[1:]]) == 1
        assert said in capsys.readouterr().err


@pytest.mark.usefixtures("unnamed")
def test_a_file_waits_for_another_run_too(
    sales: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reports"
    with only_run(Store.open(home=str(out / "shop"))):
        status, _, said = run(str(sales), "--out", str(out), capsys=capsys)
    assert status == 4 and "Another run" in said
    assert not Store.open(home=str(out / "shop")).products()


def test_processes_are_counted_for_ray_only(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_demo(Store.open(home=home))
    status, _, said = run("--out", str(tmp_path / "out"), "--workers", "2", capsys=capsys)
    assert status == 1 and "--engine ray" in said


@pytest.mark.parametrize(
    "arguments", [[], ["--out", "x", "--pages", "0"], ["--out", "x", "--formats", "docx"]]
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["report", *arguments])
    assert stopped.value.code == 2


@pytest.mark.parametrize(("language", "said"), [("en", "sales have holds: week"), ("zh", "的周期：周")])
def test_one_week_alone_is_as_long_as_the_shops_weeks(
    language: str, said: str, sales: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = sales.read_text().splitlines(keepends=True)[0]
    week = sales.with_name("week.csv")
    assert cli.main(["import", str(sales)]) == 0
    for day, command in (("2025-08-04", ["import"]), ("2025-08-11", ["report", "--out", str(tmp_path)])):
        week.write_text(header + f"A,{day},11,19,4\nB,{day},5,7,2\n")
        capsys.readouterr()
        assert cli.main([command[0], str(week), "--language", language, *command[1:]]) == 0
        told = "".join(capsys.readouterr())
        assert said in told and "is assumed" not in told and "为假设值" not in told
    assert Store.open(home=home).sales_end() == (date(2025, 8, 17), "week")
    # A shop without sales has no period to go by.
    assert cli.main(["import", str(week), "--data-dir", str(tmp_path / "new")]) == 0
    assert "is assumed: day" in capsys.readouterr().out
