"""A shop's fine-tuning from the file to the price, with nothing faked but the length of the training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from short_runs import SHORT
from stores import sales

from assistant import cli
from assistant.store import Store
from policy.learning.store import run
from policy.model.shelf import Shelf

pytestmark = pytest.mark.slow


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(run, "FineTuneSettings", lambda seed: SHORT)
    path = tmp_path / "sales.csv"
    sales(products=6, weeks=44).to_csv(path, index=False)
    return str(path)


def latest(home: Path) -> dict[str, Any]:
    """The record of the shop's last decision on one product."""
    (decision,) = Store.open(home=home).decisions("P01", limit=1)
    return decision.record


def test_what_the_command_makes_prices_the_shop_until_it_is_rolled_back(
    file: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["import", file]) == 0
    capsys.readouterr()
    assert cli.main(["fine-tune", file, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["event"] == "report" and lines[-1]["products"] == 6
    shelf = Shelf(home / "adapters")
    (version,) = shelf.versions()
    shelf.promote(version.name)

    question = ["ask", "what should I charge for P01?", "--json"]
    assert cli.main(question) == 0
    capsys.readouterr()
    first = latest(home)
    assert first["adapter_hash"] == version.digest[:16]

    assert cli.main(["adapters", "rollback"]) == 0
    assert cli.main(question) == 0
    second = latest(home)
    assert second["adapter_hash"] is None and second["model_hash"] == first["model_hash"]


def test_a_table_says_which_network_priced_it(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = str(tmp_path / "shelf")
    assert cli.main(["fine-tune", file, "--out", shelf]) == 0
    (version,) = Shelf(shelf).versions()
    told = []
    for adapter in (shelf, str(version.folder)):
        capsys.readouterr()
        assert cli.main(["recommend", file, "--adapter", adapter]) == 0
        told.append(capsys.readouterr().out.splitlines()[-1])
    assert ("Priced by the base" in told[0]) == (not version.passed)
    assert "Priced by adapter 0001" in told[1] and ("NOT pass" in told[1]) == (not version.passed)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_speaks_to_people(file: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fine-tune", file, "--language", language]) == 0
    told = capsys.readouterr().out
    assert "GLM" in told
    assert {"en": "80% sure where prices moved", "zh": "学习了 6 件商品"}[language] in told


@pytest.mark.parametrize("frame", ["one product", "constant", "zeros", "short"])
def test_what_cannot_be_learned_from_is_one_line_in_either_language(
    frame: str, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {
        "one product": sales(products=1),
        "constant": sales(moving=False),
        "zeros": sales().assign(units=0.0),
        "short": sales(weeks=12),
    }[frame]
    path = tmp_path / "bad.csv"
    bad.to_csv(path, index=False)
    for language in ("en", "zh"):
        assert cli.main(["fine-tune", str(path), "--language", language]) == 1
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("pricing-assistant: ")
        assert any("\u4e00" <= letter <= "\u9fff" for letter in said) == (language == "zh")
    assert not (home / "adapters").exists()
