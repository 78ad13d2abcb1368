"""Which command an evaluation's suites choose."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from assistant import cli


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("--suite speed --out report", cli.PASSED_ON["evaluate"][0]),
        ("--suite report --out speed", cli.OWN_SUITES["report"]),
        ("--suite=report", cli.OWN_SUITES["report"]),
    ],
)
def test_a_folder_named_as_a_suite_chooses_no_command(
    words: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def module(name: str) -> SimpleNamespace:
        loaded.append(name)
        return SimpleNamespace(main=lambda arguments: 0)

    monkeypatch.setattr(cli, "import_module", module)
    assert cli.main(["evaluate", *words.split()]) == 0
    assert loaded == [chosen]
