"""What reports cost: the sales are a merchant's, and the lines add up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assistant import cli
from assistant.evaluation import report_speed
from assistant.store.importing import read_history
from policy.evaluation.tables import REPORT_STAGES, read_rows, report_table


def test_sales_are_whole_and_larger_files_go_on_where_smaller_ones_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_speed, "PIECE", 4)
    for products in (4, 9):
        report_speed.write_sales(tmp_path / f"{products}.csv", products, 30)
    small, large = (read_history(tmp_path / f"{products}.csv") for products in (4, 9))
    assert (large.report.history.products, large.report.history.period) == (9, "week")
    first = large.frame[large.frame["sku"].isin(set(small.frame["sku"]))].reset_index(drop=True)
    assert first.equals(small.frame)
    assert (large.frame["price"] * 100).round(6).mod(1).max() == 0


@pytest.mark.slow
def test_a_line_says_what_every_stage_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--products", "3", "--periods", "40", "--out", str(tmp_path), "--note", "a test"]
    assert cli.main(["evaluate", "--suite", "report", *options]) == 0
    (row,) = read_rows(tmp_path / "report.csv")
    stages = sum(float(row[f"{stage}_seconds"]) for stage in REPORT_STAGES)
    assert 0 < stages <= float(row["seconds"]) + 1
    assert (row["products"], row["periods"], row["note"]) == ("3", "40", "a test")
    assert 200 < float(row["peak_mib"]) < 4096
    assert row["main_mib"] == row["peak_mib"] and row["worker_mib"] == "0"  # too few for a second process


def test_a_million_costs_what_a_straight_line_says() -> None:
    """Ten seconds to load, and 2 ms a product in each of ten stages; of two cores' pricing 64 are 32 times
    as fast."""

    def row(products: int) -> dict[str, str]:
        stages = {f"{stage}_seconds": str(0.002 * products) for stage in REPORT_STAGES}
        memory = dict.fromkeys(("main_mib", "worker_mib", "peak_mib"), "700")
        return (
            {
                "products": str(products),
                "seconds": str(10 + 0.02 * products),
                "cores": "2",
                "cpu_seconds": str(0.03 * products),
            }
            | stages
            | memory
        )

    lines = {
        cells[1].strip(): [cell.strip() for cell in cells[2:-1]]
        for cells in (line.split("|") for line in report_table([row(10_000), row(100)]).splitlines())
    }
    assert lines[""][:3] == ["100", "10,000", "each more"]
    assert lines["price, s"] == ["0.2", "20.0", "2.0 ms", "2,000", "62"]
    assert lines["json, s"] == ["0.2", "20.0", "2.0 ms", "2,000", "2,000"]
    assert lines["on all cores, s"][:3] == ["3.0", "300.0", "30.0 ms"]
    assert lines["all, s"] == ["12.0", "210.0", "20.0 ms", "20,010", "18,072"]


def test_memory_is_told_apart_by_process() -> None:
    child = "import time; block = bytearray(90 * 2**20); time.sleep(1.5)"
    start = f"subprocess.run([sys.executable, '-c', {child!r}])"
    main = f"import subprocess, sys; block = bytearray(40 * 2**20); {start}"
    process = subprocess.Popen([sys.executable, "-c", main])
    own, largest, together = (size / 2**20 for size in report_speed._peak_memory(process))
    assert 40 < own < 80 < 90 < largest < 130
    assert own + largest >= together > 130


def test_an_option_of_the_suite_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["evaluate", "--suite", "report", "--products", "many"])
    assert stopped.value.code == 2
    assert "not a whole number" in capsys.readouterr().err
