"""`pricing-assistant adapters`: tables, JSON, refusals in both languages, the audit log."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from fake_fine_tune import a_report
from small_adapters import write_adapter
from small_networks import tiny_network

from assistant import cli
from assistant.cli_tuning_report import report_text
from assistant.store import Store
from assistant.tuning_report import WORDS, reasons
from assistant.wording import Language, wording
from policy.model.shelf import Shelf
from prompts import load


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    tiny_network().save_pretrained(folder / "base")
    write_adapter(folder / "adapter", seed=0, base=folder / "base")
    return folder / "adapter"


def fill(root: Path, made: Path) -> Shelf:
    """Three versions: the first two passed their test and were promoted in turn, the third did not."""
    shelf = Shelf(root)

    def copy(folder: Path) -> None:
        for file in made.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())

    for number in range(3):
        shelf.add(copy, a_report(promoted=number < 2), promote=number < 2)
    return shelf


@pytest.fixture
def shelf(home: Path, made: Path) -> Shelf:
    return fill(home / "adapters", made)


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """What the command prints, or says on stderr where it fails."""
    assert cli.main(["adapters", *arguments]) == status
    captured = capsys.readouterr()
    assert bool(captured.err) == bool(status)
    return captured.err if status else captured.out


def test_without_adapters_the_base_prices(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "The base prices" in run(capsys, "list")
    assert "fine-tune FILE" in run(capsys, "show", status=1)
    assert "nothing to roll back" in run(capsys, "rollback", status=1)
    assert not home.exists()  # nothing is made by looking


def test_the_list_marks_what_prices_and_names_what_is_broken(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    (shelf.root / "0003" / "adapter_config.json").unlink()
    (shelf.root / ".draft-1").mkdir()
    listed = run(capsys, "list")
    lines = [line.split() for line in listed.splitlines()]
    marks = {line[0]: line[1:3] for line in lines if line and line[0] in ("0001", "0002")}
    assert marks == {"0001": ["–", "passed"], "0002": ["prices", "passed"]}
    assert "0003, its file adapter_config.json is missing" in listed
    assert "adapters delete .draft-1" in listed
    assert "由适配器 0002 定价" in run(capsys, "list", "--language", "zh")


def test_the_list_as_json(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf.root / "0001" / "report.json").write_text("{")
    listed = json.loads(run(capsys, "list", "--json"))
    assert listed["promoted"] == "0002"
    assert [(it["name"], it["passed"]) for it in listed["versions"]] == [("0002", True), ("0003", False)]
    assert listed["versions"][0]["digest"] == shelf.version("2").digest
    assert listed["broken"] == [{"name": "0001", "code": "damaged", "file": "report.json"}]


@pytest.mark.parametrize(("language", "words"), [("en", "goes on"), ("zh", "接着训练")])
def test_a_run_that_has_not_ended_is_listed(
    language: str, words: str, shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for root in (shelf.root, tmp_path / "no version yet"):
        place = ["--out", str(root), "--language", language]
        assert words not in run(capsys, "list", *place)
        assert json.loads(run(capsys, "list", "--json", *place))["unfinished"] is False
        (root / "work").mkdir(parents=True)
        (root / "work" / "checkpoint.pt").touch()
        assert words in run(capsys, "list", *place)
        assert json.loads(run(capsys, "list", "--json", *place))["unfinished"] is True


def test_a_broken_promoted_adapter_is_listed_with_the_way_out(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    (shelf.root / "0002" / "base.json").unlink()
    assert "adapters rollback" in run(capsys, "list")
    assert json.loads(run(capsys, "list", "--json"))["promoted"] == "0002"
    assert "0001" in run(capsys, "rollback")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_version_is_shown_as_fine_tuning_told_of_it(
    language: Language, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked, name in ((["show"], "0002"), (["show", "3"], "0003")):
        shown = run(capsys, *asked, "--language", language)
        head, told = shown.split("\n\n", 1)
        version = shelf.version(name)
        assert [it for it in (name, version.digest[:16], version.base[:16]) if it not in head] == []
        assert told == report_text(version.report, language, width=None) + "\n"
        assert "LightGBM" in told
    assert json.loads(run(capsys, "show", "3", "--json"))["report"] == shelf.version("3").report


def test_rollback_promotion_and_deletion_are_on_the_audit_log(
    home: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(home=home)
    run(capsys, "rollback")
    run(capsys, "promote", "2")
    run(capsys, "delete", "1")
    entries = store.audit()
    assert [(it.action, it.detail["version"]) for it in entries] == [
        ("adapter_deleted", "0001"),
        ("adapter_promoted", "0002"),
        ("adapter_rolled_back", "0001"),
    ]
    assert entries[1].detail["adapter"] == shelf.version("2").digest
    store.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_did_not_pass_its_test_is_promoted_with_a_warning(
    language: Language, home: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--language", language, "--data-dir", str(home)]
    assert run(capsys, "promote", "1", *place)  # this one did, and nothing is said on stderr
    assert cli.main(["adapters", "promote", "3", "--json", *place]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["version"] == "0003"
    assert shelf.promoted is not None and shelf.promoted.name == "0003"
    _, *why, undo = captured.err.splitlines()
    assert why == reasons(shelf.version("3").report, language)
    assert wording(language, WORDS)("measures.coverage") in why[-1]
    assert f"`pricing-assistant adapters rollback --data-dir {home}`" in undo


def test_without_a_store_none_is_made(home: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(run(capsys, "rollback", "--json"))["version"] == "0001"
    assert [path.name for path in home.iterdir()] == ["adapters"]


def test_a_database_that_is_down_does_not_hold_up_a_rollback(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRICING_ASSISTANT_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/shop")
    assert cli.main(["adapters", "rollback"]) == 0
    captured = capsys.readouterr()
    assert "adapter 0001 prices again" in captured.out
    assert "audit log" in captured.err
    assert shelf.promoted is not None and shelf.promoted.name == "0001"


def test_another_folder_is_none_of_the_shops_business(
    home: Path, tmp_path: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(home=home)
    other = fill(tmp_path / "out", made)
    run(capsys, "rollback", "--out", str(other.root))
    assert other.promoted is not None and other.promoted.name == "0001"
    assert store.audit() == []
    store.close()


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (["delete", "2"], "Roll back first", "请先回退"),
        (["promote", "7"], "It has: 0001, 0002, 0003", "现有：0001, 0002, 0003"),
    ],
)
def test_refusals_are_one_line_in_both_languages(
    arguments: list[str], english: str, chinese: str, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    for language, words in (("en", english), ("zh", chinese)):
        said = run(capsys, *arguments, "--language", language, status=1)
        assert words in said
        assert said.count("\n") == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_command_to_type_next_names_the_shelf_as_this_one_did(
    language: str, tmp_path: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = fill(tmp_path / "my store" / "adapters", made)
    (other.root / ".draft-1").mkdir()
    for place in (["--out", str(other.root)], ["--data-dir", str(other.root.parent)]):
        options = [*place, "--language", language]
        named = f"{place[0]} '{place[1]}'`"
        assert f"`pricing-assistant adapters rollback {named}" in run(
            capsys, "delete", "2", *options, status=1
        )
        assert f"`pricing-assistant adapters delete .draft-1 {named}" in run(capsys, "list", *options)
    (other.root / "0002" / "base.json").unlink()
    assert f"`pricing-assistant adapters rollback {named}" in run(capsys, "list", *options)
    empty = ["--out", str(tmp_path / "empty"), "--language", language]
    assert f"`pricing-assistant fine-tune FILE --out {tmp_path}/empty`" in run(capsys, "list", *empty)


def test_a_file_is_no_shelf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for action in (["list"], ["rollback"], ["promote", "1"]):
        said = run(capsys, *action, "--out", str(tmp_path / "file"), status=1)
        assert said == f"pricing-assistant: {tmp_path}/file is a file. Name a folder by --out.\n"
    assert "是一个文件" in run(capsys, "list", "--out", str(tmp_path / "file"), "--language", "zh", status=1)


def test_there_are_words_for_every_refusal() -> None:
    codes = set()
    for file in (Path(__file__).parents[1] / "policy").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "AdapterError":
                codes |= {it.value for it in node.args[:1] if isinstance(it, ast.Constant)}
    words = tomllib.loads(load("en", "adapters.toml"))["errors"]
    assert codes == set(words) - {"not_a_folder", "no_place"}


@pytest.mark.parametrize(
    "arguments", [[], ["promote"], ["delete"], ["list", "--out", "a", "--data-dir", "b"]]
)
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["adapters", *arguments])
    assert stopped.value.code == 2


def test_both_languages_say_the_same_things() -> None:
    def sentences(node: Any, path: str = "") -> dict[str, set[str | None]]:
        if isinstance(node, str):
            return {path: {field for _, field, _, _ in Formatter().parse(node)} - {None}}
        return {k: v for key, it in node.items() for k, v in sentences(it, f"{path}.{key}").items()}

    english, chinese = (sentences(tomllib.loads(load(code, "adapters.toml"))) for code in ("en", "zh"))
    assert english == chinese
