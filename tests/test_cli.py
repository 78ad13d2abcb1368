"""The command line: exits, messages, the shop and JSON."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_cli_tables import ALL

from assistant import cli, cli_commands
from assistant.cli_tables import pricing_begins, recommendation_table
from policy.decision.clauses import PackOf
from policy.decision.recommendation import Recommendation
from policy.decision.rules import Rules

COMMAND = [sys.executable, "-c", "import sys; from assistant.cli import main; sys.exit(main())"]


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """Two products over thirty weeks; one changes its price."""
    path = tmp_path / "sales.csv"
    weeks = [f"2025-{1 + week // 4:02d}-{1 + 7 * (week % 4):02d}" for week in range(30)]
    rows = [f"A,{day},{10 + week % 3},{20 - 2 * (week % 3)},4\n" for week, day in enumerate(weeks)]
    rows += [f"B,{day},5,7,2\n" for day in weeks]
    path.write_text("sku,date,price,units,cost\n" + "".join(rows))
    return path


class PricedPipeline:
    """Answers with the records above, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def recommend(self, history: Any, **options: Any) -> list[Recommendation]:
        self.asked = {"history": history, **options}
        return ALL


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> PricedPipeline:
    from policy import PricingPipeline

    priced = PricedPipeline()
    monkeypatch.setattr(PricingPipeline, "from_pretrained", lambda **_: priced)
    return priced


# Exits and messages


@pytest.mark.parametrize(
    "command",
    ["app", "chat", "ask", "recommend", "backtest", "report", "report-review", "report-export", "import",
     "demo", "fine-tune", "adapters"],
)  # fmt: skip
def test_every_command_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert f"Example:\n  pricing-assistant {command}" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = set(re.findall(r"^ {4}(\S+)", capsys.readouterr().out, re.MULTILINE))
    own = {"app", "chat", "ask", "recommend", "backtest", "report", "import", "demo", "fine-tune", "adapters"}
    assert listed == own | {"report-review", "report-export", "pretrain", "evaluate"}


@pytest.mark.parametrize(
    "arguments", [[], ["price"], ["recommend"], ["recommend", "x.csv", "--objective", "x"]]
)
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: pricing-assistant" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["recommend", "backtest", "fine-tune", "import"])
def test_a_missing_file_is_one_clear_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "nowhere.csv"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pricing-assistant: ")
    assert "nowhere.csv" in captured.err
    assert "Traceback" not in captured.err


def test_an_unusable_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("sku,date,units\nA,2025-01-06,3\n")
    assert cli.main(["recommend", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "price" in captured.err
    assert "Traceback" not in captured.err


def test_debugging_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICING_ASSISTANT_DEBUG", "1")
    with pytest.raises((OSError, ValueError)):
        cli.main(["recommend", "nowhere.csv"])


def test_a_fault_of_ours_is_not_blamed_on_the_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(arguments: Any) -> int:
        raise KeyError("a bug")

    monkeypatch.setattr(cli_commands, "demo", broken)
    assert cli.main(["demo"]) == cli.INTERNAL_ERROR
    assert "PRICING_ASSISTANT_DEBUG=1" in capsys.readouterr().err


def test_an_interrupt_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(arguments: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_commands, "demo", interrupted)
    assert cli.main(["demo"]) == 130
    assert capsys.readouterr().err.strip() == ""


def test_a_reader_that_goes_away_is_no_fault() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [*COMMAND, "recommend", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait() == cli.BROKEN_PIPE
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("command", [["ask", "what should a mug cost?"], ["chat"]])
def test_without_a_shop_the_next_step_is_named(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(command) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pricing-assistant demo" in line
    assert "pricing-assistant import" in line


@pytest.mark.parametrize("command", ["pretrain", "evaluate"])
def test_training_and_evaluation_read_their_own_options(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    seen: list[list[str]] = []
    module = importlib.import_module(cli.PASSED_ON[command][0])
    monkeypatch.setattr(module, "main", lambda argv: seen.append(argv))
    assert cli.main([command, "--help", "--anything", "3"]) == 0
    assert seen == [["--help", "--anything", "3"]]


# Recommend


def test_rules_are_read_as_people_write_them(sales: Path, pipeline: PricedPipeline) -> None:
    options = ["--max-change", "15%", "--min-margin", "0.25", "--price-ending", "0.99", "--map", "12"]
    assert cli.main(["recommend", str(sales), *options]) == 0
    assert pipeline.asked["rules"] == Rules(
        max_change=0.15, min_margin=0.25, price_ending=0.99, minimum_advertised_price=12
    )


def test_none_lifts_a_rule(sales: Path, pipeline: PricedPipeline) -> None:
    assert cli.main(["recommend", str(sales), "--max-change", "none", "--min-margin", "none"]) == 0
    assert pipeline.asked["rules"] == Rules(max_change=None, min_margin=None)


def test_a_file_gives_rules_by_product(sales: Path, tmp_path: Path, pipeline: PricedPipeline) -> None:
    rules = tmp_path / "rules.json"
    own = {"pack_of": {"sku": "A", "units": 4}, "price_ending": 0.99}
    rules.write_text(json.dumps({"store": {"max_change": 0.1, "min_margin": 0.2}, "products": {"B": own}}))
    options = ["--rules", str(rules), "--max-change", "5%", "--product", "B"]
    assert cli.main(["recommend", str(sales), *options]) == 0
    pack = PackOf(sku="A", units=4)
    assert pipeline.asked["rules"] == {
        "A": Rules(max_change=0.05, min_margin=0.2),
        "B": Rules(max_change=0.05, min_margin=0.2, price_ending=0.99, pack_of=pack),
    }
    assert set(pipeline.asked["history"]["sku"]) == {"A", "B"}, "a pack is priced with its single one"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("{", "no JSON"),
        ('{"shop": {}}', '"store", "categories", "products"'),
        ('{"products": {"B": 3}}', "'B'"),
        ('{"products": {"X": {}}}', "'X'"),
        ('{"categories": {"mugs": {}}}', "category"),
        ('{"store": {"max_chnge": 0.1}}', "max_chnge"),
        ('{"store": {"min_margin": 2}}', "min_margin"),
    ],
)
def test_a_file_of_rules_that_cannot_be_says_why(
    rules: str, said: str, sales: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rules.json"
    path.write_text(rules)
    assert cli.main(["recommend", str(sales), "--rules", str(path)]) == 1
    assert said in capsys.readouterr().err


def test_a_share_above_one_asks_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["recommend", "sales.csv", "--max-change", "15"])
    assert "15% or 0.15" in capsys.readouterr().err


def test_an_impossible_rule_is_bad_input(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recommend", str(sales), "--min-margin", "120%"]) == 1
    assert "min_margin" in capsys.readouterr().err


def test_products_can_be_chosen(sales: Path, pipeline: PricedPipeline) -> None:
    assert cli.main(["recommend", str(sales), "--product", "B"]) == 0
    assert set(pipeline.asked["history"]["sku"]) == {"B"}


@pytest.mark.parametrize("option", ["--product", "--store"])
def test_an_unknown_choice_says_what_there_is(
    option: str, sales: Path, pipeline: PricedPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["recommend", str(sales), option, "Z"]) == 1
    assert "'Z'" in capsys.readouterr().err


def test_json_is_the_records_and_nothing_else(
    sales: Path, pipeline: PricedPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["recommend", str(sales), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == json.loads(json.dumps([r.to_dict() for r in ALL]))
    assert "sales.csv" in captured.err


def test_the_table_goes_to_stdout_and_the_report_to_stderr(
    sales: Path, pipeline: PricedPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["recommend", str(sales)]) == 0
    captured = capsys.readouterr()
    assert captured.out.rstrip("\n") == recommendation_table(ALL, "en", width=None)
    assert "sales.csv" in captured.err


@pytest.mark.parametrize(
    ("terminal", "many", "said"),
    [(True, 500, True), (False, 500, False), (False, 2, True), (False, 3, False)],
)
def test_a_wait_is_announced_on_a_screen_and_for_many_products(
    terminal: bool,
    many: int,
    said: bool,
    sales: Path,
    pipeline: PricedPipeline,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli_commands, "MANY", many)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert cli.main(["recommend", str(sales)]) == 0
    captured = capsys.readouterr()
    assert (pricing_begins(2, "en") in captured.err) == said
    assert pricing_begins(2, "en") not in captured.out


# The shop


def test_the_demo_shop_is_made_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo"]) == 0
    assert f"Created the demo shop of 21 products in {home}" in capsys.readouterr().out
    assert cli.main(["demo"]) == 0
    assert "nothing was changed" in capsys.readouterr().out


def test_resetting_the_demo_shop_starts_over(home: Path) -> None:
    from assistant.store import Store

    assert cli.main(["demo"]) == 0
    Store.open(home=home).set_rules(Rules(min_margin=0.5), scope="store", actor="merchant")
    assert cli.main(["demo", "--reset"]) == 0
    assert Store.open(home=home).rules_for(["CAN-LAV-200"])["CAN-LAV-200"] == Rules()


def test_a_reset_never_deletes_imported_sales(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo"]) == 0
    assert cli.main(["import", str(sales)]) == 0
    assert cli.main(["demo", "--reset"]) == 1
    assert "--data-dir" in capsys.readouterr().err


def test_importing_twice_changes_nothing(sales: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", str(sales)]) == 0
    assert "2 products (2 of them new), 60 rows added" in capsys.readouterr().out
    assert cli.main(["import", str(sales)]) == 0
    assert "nothing changed" in capsys.readouterr().out


def test_an_import_reports_in_chinese(
    sales: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["import", str(sales), "--language", "zh", "--data-dir", str(tmp_path / "shop")]) == 0
    assert "新增 60 行" in capsys.readouterr().out


# Words


def test_a_question_is_answered_from_the_shop(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo"]) == 0
    capsys.readouterr()
    assert cli.main(["ask", "what should I charge for the lavender candle?", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["language"] == "en"
    assert answer["skus"] == ["CAN-LAV-200"]
    (now,) = [fact["value"] for fact in answer["facts"] if fact["key"] == "current_price"]
    assert now in answer["text"]


def test_a_conversation_can_be_piped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["demo"]) == 0
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("\n薰衣草蜡烛应该卖多少钱？\n/quit\nnever asked\n"))
    assert cli.main(["chat"]) == 0
    said = capsys.readouterr().out
    assert "US$18.00" in said
    assert "never asked" not in said


def test_a_change_is_confirmed_in_a_conversation_and_only_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from assistant.store import Store

    assert cli.main(["demo"]) == 0
    capsys.readouterr()
    rule = "don't move any price more than 10% at once"
    assert cli.main(["ask", rule]) == 0
    assert "nothing was done" in capsys.readouterr().out
    store = Store.open(home=home)
    before = store.rules_in_force()
    for answers, changed in ((f"{rule}\nno\n", False), (f"{rule}\n好的\n", True)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        assert cli.main(["chat"]) == 0
        assert (store.rules_in_force() != before) is changed
    newest = next(it for it in store.rules_in_force() if it.scope == "store")
    assert (newest.rules.max_change, newest.actor) == (0.1, "merchant")


def test_the_app_reads_no_files_by_their_path_where_other_machines_reach_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[dict[str, Any]] = []
    monkeypatch.setattr("app.main", lambda **given: served.append(given))
    assert cli.main(["app", "--import-from", str(tmp_path), "--host", "0.0.0.0"]) == 1
    assert "other machines" in capsys.readouterr().err and served == []
    assert cli.main(["app", "--import-from", str(tmp_path / "nowhere")]) == 1
    assert served == []
    assert cli.main(["app", "--import-from", str(tmp_path)]) == 0
    assert cli.main(["app", "--host", "0.0.0.0"]) == 0
    assert [it["folders"] for it in served] == [[tmp_path], []]


def test_a_file_beside_the_chat_is_imported_after_a_yes(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["demo"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("import sales.csv\nyes\n"))
    Path("sales.csv").write_text(
        "sku,date,price,units\nNEW-1,2026-11-16,5,1\nNEW-1,2026-11-23,5,2\n", encoding="utf-8"
    )
    capsys.readouterr()
    assert cli.main(["chat"]) == 0
    out = capsys.readouterr().out
    assert "Please confirm" in out and "2 rows added" in out
