"""`pricing-assistant fine-tune`: progress, the report in words, stopping, and what is refused."""

from __future__ import annotations

import json
import signal
import tomllib
from collections.abc import Callable
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import pytest
from fake_fine_tune import a_report, add_version

import prompts
from assistant import cli
from assistant.cli_tuning_report import report_text
from assistant.tuning_report import WORDS, time_left
from assistant.wording import LANGUAGES, Language, wording
from policy.forecast.baselines import LIGHTGBM, baselines
from policy.history import HistoryError
from policy.learning.store.progress import FineTuningStopped, Progress, Stage
from policy.model.adapter_files import AdapterError
from policy.model.shelf import Shelf


class Learner:
    """Learns nothing, in three steps, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.between: Callable[[], None] = lambda: None
        """What happens between two steps."""
        self.resumed = False

    def fine_tune(
        self, history: Any, *, output: str, progress: Any = None, stop: Any = None, **options: Any
    ) -> None:
        self.asked = {"history": history, "output": output, **options}
        for done, stage in enumerate(["read", "fit", "test"]):
            left = None if done == 0 else 90.0 / done
            progress(Progress(stage=stage, done=done / 3, seconds_left=left, resumed=self.resumed))
            self.between()
            if stop():
                raise FineTuningStopped
        add_version(Path(output), promoted=True)


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch) -> Learner:
    from policy import PricingPipeline

    fake = Learner()
    monkeypatch.setattr(PricingPipeline, "from_pretrained", lambda: fake)
    return fake


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    rows = [
        f"{store},A,2025-01-{day:02d},5,{day},2\n" for store in ("north", "south") for day in range(1, 30)
    ]
    path.write_text("store,sku,date,price,units,cost\n" + "".join(rows))
    return path


def run(sales: Path, *options: str) -> int:
    return cli.main(["fine-tune", str(sales), *options])


def test_programs_read_progress_line_by_line_and_the_report_last(
    sales: Path, tmp_path: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sales, "--out", str(tmp_path / "out"), "--json") == 0
    *progress, report = map(json.loads, capsys.readouterr().out.splitlines())
    assert progress == [
        {"event": "progress", "stage": "read", "done": 0.0, "seconds_left": None},
        {"event": "progress", "stage": "fit", "done": 1 / 3, "seconds_left": 90.0},
        {"event": "progress", "stage": "test", "done": 2 / 3, "seconds_left": 45.0},
    ]
    assert report["event"] == "report"
    assert report["version"] == "0001"
    assert report["measures"] == a_report(promoted=True)["measures"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_people_read_the_comparison_and_the_statement(
    language: Language, home: Path, sales: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sales, "--language", language) == 0
    captured = capsys.readouterr()
    words = wording(language, WORDS)
    assert "sales.csv" in captured.err
    row = next(line for line in captured.out.splitlines() if words("measures.wql_moves") in line)
    cells = ["38.9%", "37.1%", "46.6%", "43.0%", "-1.80", "-2.70", "-0.90", words("verdicts.better")]
    assert [cell for cell in cells if cell in row] == cells
    assert words("report.promoted", version="0001") in captured.out
    assert words("reasons.better") in captured.out
    assert f"pricing-assistant recommend {sales} --adapter {home}/adapters" in captured.out


def test_without_a_folder_the_adapters_are_kept_beside_the_shop(
    sales: Path, home: Path, tmp_path: Path, learner: Learner
) -> None:
    assert run(sales) == 0
    assert len(Shelf(home / "adapters").versions()) == 1
    assert run(sales, "--data-dir", str(tmp_path / "shop")) == 0
    assert len(Shelf(tmp_path / "shop" / "adapters").versions()) == 1


def test_options_reach_the_pipeline(sales: Path, tmp_path: Path, learner: Learner) -> None:
    out = ("--out", str(tmp_path / "out"))
    assert run(sales, "--seed", "7", "--store", "north", *out) == 0
    assert learner.asked["seed"] == 7
    assert set(learner.asked["history"]["store"]) == {"north"}
    assert "backbone" not in learner.asked
    assert run(sales, "--backbone", "gpt2", *out) == 0
    assert learner.asked["backbone"] == "gpt2"


@pytest.mark.parametrize("option", [("--store", "north"), ("--backbone", "gpt2")])
def test_the_shops_own_shelf_is_for_all_of_it_on_the_embedded_base(
    option: tuple[str, str], sales: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sales, *option) == 1
    assert "--out" in capsys.readouterr().err
    assert not learner.asked


@pytest.mark.parametrize(
    ("language", "line"),
    [("en", "Going on at 0%, where this run was stopped."), ("zh", "从上次停下的 0% 处继续。")],
)
def test_a_run_that_goes_on_says_so_once_and_first(
    language: str, line: str, sales: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sales, "--language", language) == 0
    assert line not in capsys.readouterr().err
    learner.resumed = True
    assert run(sales, "--language", language) == 0
    told = capsys.readouterr().err.splitlines()
    assert told.count(line) == 1
    assert told.index(line) < next(place for place, it in enumerate(told) if it.startswith("  0%"))
    assert run(sales, "--language", language, "--json") == 0
    assert capsys.readouterr().err.splitlines().count(line) == 1


def test_ctrl_c_lets_the_step_finish(
    sales: Path, tmp_path: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    learner.between = lambda: signal.raise_signal(signal.SIGINT)
    assert run(sales, "--out", str(tmp_path / "out"), "--json") == cli.INTERRUPTED
    captured = capsys.readouterr()
    assert captured.err.endswith("the same command goes on.\n")
    assert [json.loads(line)["stage"] for line in captured.out.splitlines()] == ["read"]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_twice_does_not_wait(sales: Path, learner: Learner) -> None:
    finished = False

    def impatient() -> None:
        nonlocal finished
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        finished = True

    learner.between = impatient
    assert run(sales) == cli.INTERRUPTED
    assert not finished


def test_what_cannot_be_learned_from_is_one_clear_line(
    sales: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise HistoryError("prices_constant", "No price ever changed in {products} products.", products="2")

    learner.between = refuse
    assert run(sales) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "pricing-assistant: No price ever changed in 2 products."


@pytest.mark.parametrize(("language", "words"), [("en", "running in shelf already"), ("zh", "shelf 中已有")])
def test_a_shelf_that_another_run_holds_is_one_clear_line(
    language: str, words: str, sales: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise AdapterError("busy", "", folder="shelf")

    learner.between = refuse
    assert run(sales, "--language", language) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("pricing-assistant: ") and words in last


# Words


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("promoted", [True, False])
def test_a_narrow_screen_cuts_nothing(language: Language, promoted: bool) -> None:
    report = a_report(promoted=promoted) | {"version": "0003"}
    wide, narrow = (report_text(report, language, width=width) for width in (None, 80))
    assert sorted("".join(wide.split())) == sorted(
        "".join(narrow.replace("─", "").split()) + "─" * wide.count("─")
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_could_not_be_measured_is_a_dash(language: Language) -> None:
    report = a_report(promoted=False) | {"version": "0001", "curve": []}
    unmeasured = dict.fromkeys(("base", "adapted", "difference", "low", "high"))
    report["measures"][0] |= unmeasured
    report["measures"][1] |= dict.fromkeys(unmeasured, float("nan"))
    report["baselines"]["per-series ridge GLM"]["wql_moves"] = None
    text = report_text(report, language, width=None)
    assert "nan" not in text.lower() and "None" not in text


def test_both_languages_say_the_same_things() -> None:
    def sentences(tree: dict[str, Any], path: str = "") -> dict[str, set[str | None]]:
        found: dict[str, set[str | None]] = {}
        for key, value in tree.items():
            if isinstance(value, dict):
                found |= sentences(value, f"{path}{key}.")
            else:
                found[path + key] = {name for _, name, _, _ in Formatter().parse(value) if name}
        return found

    english, chinese = (sentences(tomllib.loads(prompts.load(it, WORDS))) for it in ("en", "zh"))
    assert english == chinese


def test_every_stage_and_baseline_has_words() -> None:
    words = tomllib.loads(prompts.load("en", WORDS))
    assert set(words["stages"]) == {"begin", *get_args(Stage)}
    assert set(words["baselines"]) <= {LIGHTGBM, *baselines()}
    assert {"wql_moves", "wql", "coverage", "elasticity", "profit"} == set(words["measures"])


def test_time_left_is_told_in_the_grain_of_waiting() -> None:
    words = wording("en", WORDS)
    assert time_left(None, words) == "finding out how long it takes"
    assert time_left(59.0, words) == "less than a minute left"
    assert time_left(200.0, words) == "about 3 min left"


def test_a_log_gets_a_line_a_stage_and_a_file_is_no_shelf(
    sales: Path, tmp_path: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sales, "--out", str(tmp_path / "out")) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "%" in line]
    assert [line.split()[0] for line in lines] == ["0%", "33%", "67%"]
    assert run(sales, "--out", str(sales)) == 1
    assert "is a file" in capsys.readouterr().err
