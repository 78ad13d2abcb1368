"""A shop's fine-tuning in the app: a process that reports, stops, goes on and ends with the app."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import pytest
from fake_fine_tune import a_report, add_version

from assistant import tuning_page
from assistant.adapters import adapter_error_text
from assistant.background import Run
from assistant.page import Changes
from assistant.session import Visit
from assistant.store import Store
from assistant.tuning import Tuning
from assistant.tuning_figures import curve_figure, measures_figure
from assistant.wording import LANGUAGES, Language
from policy.model.adapter_files import AdapterError
from policy.model.shelf import Shelf


@pytest.fixture(autouse=True)
def _fake_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    fake = Path(__file__).with_name("fake_fine_tune.py")
    monkeypatch.setattr("assistant.tuning.COMMAND", (sys.executable, str(fake)))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    yield
    assert list(temporary.iterdir()) == []  # the copy of the sales is gone, however it ended


@pytest.fixture
def tuning(store: Store) -> Iterator[Tuning]:
    tuning = Tuning(store)
    yield tuning
    tuning.close(keep=False)


def wait(tuning: Tuning, until: Callable[[Run], bool]) -> Run:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = tuning.run
        if run is not None and until(run):
            return run
        time.sleep(0.01)
    raise AssertionError(f"waited in vain: {tuning.run}")


def ended(run: Run) -> bool:
    return not run.going


def test_a_stop_while_a_run_is_prepared_is_not_lost(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    tuning.start("en")
    wait(tuning, ended)
    prepared = tuning._prepared

    def stopped_meanwhile(folder: Path, language: Language) -> object:
        tuning.stop()
        return prepared(folder, language)

    monkeypatch.setattr(tuning, "_prepared", stopped_meanwhile)
    assert tuning.start("en")
    assert wait(tuning, ended).status == "stopped"


def test_a_run_reports_and_leaves_a_version(tuning: Tuning, store: Store) -> None:
    assert tuning.run is None and tuning.versions == []
    assert tuning.start("en")
    middle = wait(tuning, lambda run: run.done > 0.3)
    assert middle.status == "running" and middle.stage in ("fit", "reinforce", "test")
    assert middle.seconds_left is not None
    assert wait(tuning, ended).status == "done"
    (version,) = tuning.versions
    assert version.promoted
    (noted,) = [entry for entry in store.audit() if entry.action == "adapter_promoted"]
    assert noted.detail == {"version": "0001", "adapter": version.digest}


def test_what_a_library_prints_is_passed_over(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"FAKE_CHATTER", b"[LightGBM] {\n\n\xff\n3\n[]\n")
    tuning.start("en")
    assert wait(tuning, lambda run: run.stage is not None).status == "running"
    assert wait(tuning, ended).status == "done"
    assert [version.promoted for version in tuning.versions] == [True]


def test_only_one_run_goes_on_at_a_time(tuning: Tuning) -> None:
    assert tuning.start("en")
    assert not tuning.start("en")
    wait(tuning, ended)
    assert len(tuning.versions) == 1


def test_a_stopped_run_is_taken_up_again(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    tuning.start("en")
    wait(tuning, lambda run: run.done > 0.2)
    tuning.stop()
    stopped = wait(tuning, ended)
    assert stopped.status == "stopped" and tuning.unfinished and tuning.versions == []

    assert tuning.start("en")
    assert wait(tuning, lambda run: run.stage is not None).done >= stopped.done
    assert wait(tuning, ended).status == "done"
    assert not tuning.unfinished


def test_what_is_refused_is_said_and_nothing_changes(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_OUTCOME", "refused")
    add_version(tuning.shelf.root, promoted=True)
    tuning.start("en")
    run = wait(tuning, ended)
    assert (run.status, run.error) == ("failed", "Three rows are too few.")
    assert [version.name for version in tuning.versions if version.promoted] == ["0001"]


def test_a_crash_does_not_look_like_success(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_OUTCOME", "crash")
    tuning.start("en")
    run = wait(tuning, ended)
    assert run.status == "failed" and "a bug" in run.error


def test_sales_that_cannot_be_copied_are_an_error_of_the_run(
    tuning: Tuning, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "history", full)
    assert tuning.start("en")
    assert tuning.run is not None and "No space left" in tuning.run.error


def test_the_run_ends_with_the_app_and_keeps_its_checkpoint(
    tuning: Tuning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_STEP", "0.2")
    tuning.start("en")
    wait(tuning, lambda run: run.done > 0)
    tuning.close()
    assert tuning.run is not None and tuning.run.status == "stopped"
    assert tuning.unfinished
    assert not tuning.start("en")


def test_a_visitors_run_is_killed_at_once(tuning: Tuning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_STEP", "30")
    tuning.start("en")
    wait(tuning, lambda run: run.stage is not None)
    began = time.monotonic()
    tuning.close(keep=False)
    assert time.monotonic() - began < 5


# The tab


class Guest:
    """A page about a shop, as far as the tab looks at it."""

    def __init__(self, tuning: Tuning) -> None:
        self.tuning = tuning
        self.report: object = None

    def situation(self, language: Language) -> str:
        return "the small shop"


@pytest.fixture
def visit(tuning: Tuning) -> Visit:
    return Guest(tuning)  # type: ignore[return-value]


def visible(changes: Changes) -> set[str]:
    return {name for name, properties in changes.items() if properties.get("visible")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_before_anything_was_learned_there_is_a_start(language: Language, visit: Visit) -> None:
    changes = tuning_page.tuning_tab(visit, language)
    assert set(changes) == set(tuning_page.PARTS)
    assert visible(changes) == {"start", "in_use"}
    assert not changes["tick"]["active"]
    visit.report = object()  # type: ignore[assignment]
    of_file = tuning_page.tuning_tab(visit, language)["tuning_what"]["value"]
    assert (
        "pricing-assistant import" in of_file
        and "pricing-assistant import" not in changes["tuning_what"]["value"]
    )


def test_a_page_that_is_opened_meanwhile_finds_the_run(visit: Visit) -> None:
    tuning_page.start(visit, "en", None)
    wait(visit.tuning, lambda run: run.done > 0)
    changes = tuning_page.tuning_tab(visit, "en")
    assert {"stop", "progress"} <= visible(changes) and "start" not in visible(changes)
    assert changes["tick"]["active"]
    assert 'role="progressbar"' in tuning_page.tick(visit, "en", None)["progress"]["value"]
    wait(visit.tuning, ended)
    after = tuning_page.tick(visit, "en", None)
    assert "start" in visible(after) and not after["tick"]["active"]
    assert "Promoted: version 0001" in after["result"]["value"]


def test_a_stopped_run_says_so_and_goes_on(visit: Visit) -> None:
    tuning_page.start(visit, "en", None)
    wait(visit.tuning, lambda run: run.done > 0.1)
    stopping = tuning_page.stop(visit, "en", None)
    assert not stopping["stop"]["interactive"]
    wait(visit.tuning, ended)
    changes = tuning_page.tick(visit, "en", None)
    assert changes["start"]["value"] == "Go on"
    assert "is kept" in changes["ended"]["value"]


def test_versions_can_be_looked_at_used_and_undone(visit: Visit, store: Store) -> None:
    root = visit.tuning.shelf.root
    add_version(root, promoted=True)
    add_version(root, promoted=False)
    changes = tuning_page.tuning_tab(visit, "en")
    assert [name for _, name in changes["versions"]["choices"]] == ["0002", "0001"]
    assert "Not promoted: version 0002" in changes["result"]["value"]
    assert changes["use"]["interactive"]

    assert "Promoted: version 0001" in tuning_page.choose(visit, "en", "0001")["result"]["value"]
    assert not tuning_page.choose(visit, "en", "0001")["use"]["interactive"]
    warned = tuning_page.use(visit, "en", "0002")["ended"]["value"]
    assert Shelf(root).version("0002").promoted
    assert "0002 did not stand its test" in warned and "worse than before" in warned
    used = tuning_page.choose(visit, "en", "0002")["result"]["value"]
    assert "Not promoted" in used and "The answers come from it now" in used
    assert not tuning_page.undo(visit, "en", "0002")["ended"]["visible"]
    assert Shelf(root).version("0001").promoted
    assert not tuning_page.undo(visit, "en", "0002")["undo"]["interactive"]
    done = [(entry.action, entry.detail["version"]) for entry in store.audit() if "adapter" in entry.action]
    assert done == [
        ("adapter_rolled_back", None),
        ("adapter_rolled_back", "0001"),
        ("adapter_promoted", "0002"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("before", [0, 1])
def test_a_broken_adapter_in_use_is_said_and_can_be_undone(
    before: int, language: Language, visit: Visit
) -> None:
    root = visit.tuning.shelf.root
    for _ in range(before + 1):
        add_version(root, promoted=True)
    (root / f"{before + 1:04d}" / "adapter_model.safetensors").unlink()
    changes = tuning_page.tuning_tab(visit, language)
    with pytest.raises(AdapterError) as broken:
        _ = visit.tuning.shelf.promoted
    assert escape(adapter_error_text(broken.value, language)) in changes["in_use"]["value"]
    assert {"in_use", "undo"} <= visible(changes) and changes["undo"]["interactive"]
    undone = tuning_page.undo(visit, language, None)
    assert 'role="alert"' not in undone["in_use"]["value"]
    promoted = visit.tuning.shelf.promoted
    assert (promoted and promoted.name) == (None if before == 0 else "0001")


def test_a_damaged_pointer_is_mended_by_use_and_not_by_undo(visit: Visit) -> None:
    root = visit.tuning.shelf.root
    add_version(root, promoted=True)
    (root / "promoted.json").write_text("{")
    changes = tuning_page.tuning_tab(visit, "en")
    assert "cannot be read" in changes["in_use"]["value"]
    assert changes["use"]["interactive"] and not changes["undo"]["interactive"]
    assert not tuning_page.use(visit, "en", "0001")["in_use"]["visible"]


def test_a_version_that_was_deleted_meanwhile_is_an_error_in_words(visit: Visit) -> None:
    add_version(visit.tuning.shelf.root, promoted=False)
    changes = tuning_page.use(visit, "en", "0009")
    assert 'role="alert"' in changes["ended"]["value"]
    assert [name for _, name in changes["versions"]["choices"]] == ["0001"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("promoted", [True, False])
def test_figures_show_what_the_report_holds(language: Language, promoted: bool) -> None:
    report = a_report(promoted=promoted)
    figure = measures_figure(report, language)
    assert figure is not None
    marks = [trace for trace in figure.data if trace.mode == "markers" and trace.x[0] is not None]
    assert [mark.x[0] for mark in marks] == [it["adapted"] for it in report["measures"]]
    curve = curve_figure(report, language)
    assert curve is not None
    assert list(curve.data[1].y) == [point["validation"] for point in report["curve"]]
    assert curve_figure(report | {"curve": []}, language) is None
    assert measures_figure(report | {"measures": []}, language) is None
