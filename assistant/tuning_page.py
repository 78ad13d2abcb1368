"""What the fine-tuning tab shows, by the part's name, as `page.py` does for the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape

from babel.dates import format_date

from assistant import panels
from assistant.adapters import adapter_error_text
from assistant.background import Run
from assistant.facts import LOCALES, percent
from assistant.page import Changes, shown
from assistant.session import Visit
from assistant.tuning import Tuning
from assistant.tuning_figures import curve_figure, measures_figure
from assistant.tuning_report import (
    WORDS,
    cells,
    comparison,
    learned,
    outcome,
    reasons,
    stage_text,
    time_left,
)
from assistant.wording import Language, Wording, wording
from policy.model.adapter_files import AdapterError
from policy.model.shelf import Version

RESULT = ("result", "measures", "curve")
CONTROLS = ("start", "stop", "progress", "ended", "versions", "in_use", "use", "undo", "tick")
"""What changes as a run goes on."""
LABELS = (
    "prices_tab",
    "tuning_tab",
    "tuning_title",
    "tuning_what",
    "tuning_shop",
    "versions_title",
    "result_title",
)
PARTS = (*LABELS, *CONTROLS, *RESULT)


def tuning_tab(visit: Visit, language: Language) -> Changes:
    """The whole tab: when the page is opened, in another language, or about another shop."""
    words, tuning = wording(language, WORDS), visit.tuning
    newest = tuning.versions[:1]
    return {
        "prices_tab": {"label": words("tab.prices")},
        "tuning_tab": {"label": words("tab.tuning")},
        "tuning_title": {"value": panels.heading(words("tab.title"))},
        "tuning_what": {"value": words("tab.what_of_file" if visit.report is not None else "tab.what")},
        "tuning_shop": {"value": visit.situation(language)},
        "versions_title": {"value": panels.heading(words("tab.versions"))},
        "result_title": {"value": panels.heading(words("tab.result"))},
        **controls(tuning, language, chosen=newest[0].name if newest else None),
        **_result(newest[0] if newest else None, language),
    }


def start(visit: Visit, language: Language, chosen: str | None) -> Changes:
    """Learning begins, or goes on where it was stopped."""
    visit.tuning.start(language)
    return controls(visit.tuning, language, chosen=chosen)


def stop(visit: Visit, language: Language, chosen: str | None) -> Changes:
    """Learning is asked to stop."""
    visit.tuning.stop()
    return controls(visit.tuning, language, chosen=chosen)


def look(visit: Visit, language: Language, chosen: str | None) -> Changes:
    """The tab is opened: a run may have been started on another page, a version added from elsewhere."""
    return controls(visit.tuning, language, chosen=chosen)


def tick(visit: Visit, language: Language, chosen: str | None) -> Changes:
    """How far it is by now; where it has ended since, what came of it."""
    run = visit.tuning.run
    if run is None or not run.going:
        return tuning_tab(visit, language)
    return {"progress": shown(_progress(run, wording(language, WORDS)))}


def choose(visit: Visit, language: Language, chosen: str) -> Changes:
    """The result of a version."""
    return _changed(visit, language, chosen, lambda: None)


def use(visit: Visit, language: Language, chosen: str) -> Changes:
    """Answers come from the chosen version from now on."""
    changes = _changed(visit, language, chosen, lambda: visit.tuning.promote(chosen))
    used = next((it for it in visit.tuning.versions if it.promoted and it.name == chosen), None)
    if used is None or used.passed:
        return changes
    words = wording(language, WORDS)
    why = "\n".join([*reasons(used.report, language), words("tab.undo_at_once")])
    notice = panels.notice(words("tab.not_passed", version=used.name), why, kind="warning")
    return changes | {"ended": shown(notice)}


def undo(visit: Visit, language: Language, chosen: str | None) -> Changes:
    """Answers come from what gave them before the last change."""
    return _changed(visit, language, chosen, visit.tuning.rollback)


def _changed(visit: Visit, language: Language, chosen: str | None, change: Callable[[], object]) -> Changes:
    """The page after a change of the shelf; a version may be gone, deleted from the command line."""
    refused: Changes = {}
    try:
        change()
    except AdapterError as error:
        title = wording(language, WORDS)("ended.failed_title")
        text = adapter_error_text(error, language)
        refused = {"ended": shown(panels.notice(title, text, kind="error"))}
    version = next((version for version in visit.tuning.versions if version.name == chosen), None)
    return controls(visit.tuning, language, chosen=chosen) | _result(version, language) | refused


def controls(tuning: Tuning, language: Language, *, chosen: str | None) -> Changes:
    """Buttons, progress and versions, as they stand."""
    words, run, versions = wording(language, WORDS), tuning.run, tuning.versions
    going = run is not None and run.going
    promoted: str | None = None
    in_use, undoable = "", True
    try:
        if (version := tuning.shelf.promoted) is not None:
            promoted = version.name
        else:
            in_use = panels.pending(words("tab.base_in_use" if versions else "tab.none_yet"))
            undoable = False
    except AdapterError as error:
        in_use = panels.notice(words("tab.broken"), adapter_error_text(error, language), kind="error")
        undoable = error.code == "promoted_broken"
    return {
        "start": {
            "value": words("tab.go_on" if tuning.unfinished else "tab.start"),
            "visible": not going,
        },
        "stop": {
            "value": words("tab.stop"),
            "visible": going,
            "interactive": run is not None and run.status == "running",
        },
        "progress": shown(_progress(run, words) if run is not None and run.going else ""),
        "ended": shown("" if run is None else _ended(run, words, unfinished=tuning.unfinished)),
        "versions": {
            "choices": [(_title(version, words), version.name) for version in versions],
            "value": chosen,
            "visible": bool(versions),
        },
        "in_use": shown(in_use),
        "use": {
            "value": words("tab.use"),
            "visible": bool(versions),
            "interactive": chosen not in (None, promoted),
        },
        "undo": {
            "value": words("tab.undo"),
            "visible": bool(versions) or undoable,
            "interactive": undoable,
        },
        "tick": {"active": going},
    }


def _title(version: Version, words: Wording) -> str:
    made = datetime.fromisoformat(version.created_at).astimezone()
    day = f"{format_date(made, 'medium', locale=LOCALES[words.language])} {made:%H:%M}"
    if version.promoted:
        return words("tab.version_in_use", version=version.name, day=day)
    return words("tab.version" if version.passed else "tab.version_failed", version=version.name, day=day)


def _progress(run: Run, words: Wording) -> str:
    """A bar, and below it what is going on and how long it still takes."""
    done = percent(run.done, words.language)
    line = words(
        "progress.line",
        stage=stage_text(run.stage, words),
        percent=done,
        left=time_left(run.seconds_left, words),
    )
    if run.status == "stopping":
        line = words("progress.stopping")
    return panels.progress(run.done, line, words("tab.title"))


def _ended(run: Run, words: Wording, *, unfinished: bool) -> str:
    """Why there is no result: it was stopped, or it failed."""
    if run.status == "stopped":
        title = words("ended.stopped_title", percent=percent(run.done, words.language))
        return panels.notice(
            title, words("ended.stopped" if unfinished else "ended.stopped_early"), kind="done"
        )
    if run.status == "failed":
        return panels.notice(words("ended.failed_title"), run.error, kind="error")
    return ""


def _result(version: Version | None, language: Language) -> Changes:
    """A version's report as words, a table and figures."""
    if version is None:
        empty = panels.empty(wording(language, WORDS)("tab.empty"))
        nothing = {"value": None, "visible": False}
        return {"result": {"value": empty}, "measures": nothing, "curve": nothing}
    report = version.report
    figures = {"measures": measures_figure(report, language), "curve": curve_figure(report, language)}
    drawn = {name: {"value": figure, "visible": figure is not None} for name, figure in figures.items()}
    return {"result": {"value": _statement(version, language)}, **drawn}


def _statement(version: Version, language: Language) -> str:
    """Whether it was promoted and why, the comparison, and from what it learned."""
    report = version.report
    words, compared = wording(language, WORDS), comparison(report, language)
    kind = "promoted" if report["promoted"] else "kept"
    why = "".join(f"<p>{escape(reason)}</p>" for reason in reasons(report, language))
    *headings, _, last = map(escape, compared.headings)  # an interval stands under its difference
    head = "".join(f'<th scope="col">{heading}</th>' for heading in (*headings, last))
    rows = []
    for row in compared.rows:
        first, *numbers, interval, verdict = map(escape, cells(row))
        numbers[-1] += f"<small>{interval}</small>"
        middle = "".join(f"<td>{cell}</td>" for cell in numbers)
        rows.append(f'<tr><th scope="row">{first}</th>{middle}<td class="{row.code}">{verdict}</td></tr>')
    story = "".join(f"<p>{escape(sentence)}</p>" for sentence in learned(report, language))
    following = ""
    if version.promoted or not report["promoted"]:  # else it was, and has been taken back since
        following = (
            f"<p>{escape(words('report.next_promoted' if version.promoted else 'report.next_kept'))}</p>"
        )
    return (
        f'<section class="verdict {kind}"><h3>{escape(outcome(report, language))}</h3>'
        f"{why}{following}</section>"
        f'<div class="compared"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f'<div class="story"><p>{escape(words("report.note"))}</p>{story}</div>'
    )
