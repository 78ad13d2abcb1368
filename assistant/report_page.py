"""What the report tab shows, by the part's name, as `page.py` does for the rest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, get_args

from assistant import panels
from assistant.background import Run
from assistant.facts import day, labels, money, percent, signed, total_decimals
from assistant.page import Changes, shown
from assistant.report.progress import FORMATS, Format, Stage
from assistant.report.review_file import ReviewError
from assistant.report.review_sheet import TABLE
from assistant.report.shop_export import SHOPS, ExportError, Shop, export_prices
from assistant.report.tables import read_sections
from assistant.reporting import Filed, Reporting
from assistant.session import Visit
from assistant.store import Verdict
from assistant.tools.approving import MOST
from assistant.tools.result import explained
from assistant.tuning_report import WORDS as TUNING
from assistant.tuning_report import time_left
from assistant.verdicts import CHOICES, Asked, Choice, Waiting, of_workbook
from assistant.wording import LANGUAGES, Language, Wording, safe, wording

WORDS, STAGES = "report_tab.toml", "report_run.toml"
SHOWN = 200
"""Most suggestions that are listed to decide on; the workbook has all."""

FILES = {f"get_{form}": form for form in FORMATS}
LABELS = ("report_tab", "report_title", "report_what", "report_shop", "in_short_title", "decide_title")
CONTROLS = ("make", "halt", "making", "unmade", "filed", *FILES, "report_tick")
"""What changes as a report is being made."""
DECIDING = (
    "decide_what", "open_only", "rows", "choice", "own_price", "reason", "show", "workbook",
)  # fmt: skip
WAITING = ("proposal", "agree", "leave", "decided")
EXPORT = ("export_title", "export_what", "export_shop", "catalogue", "export", "exported", "get_export")
PARTS = (*LABELS, *CONTROLS, "in_short", *DECIDING, *WAITING, *EXPORT)


def report_tab(visit: Visit, language: Language) -> Changes:
    """The whole tab: when the page is opened, in another language, or about another shop."""
    words = wording(language, WORDS)
    return {
        "report_tab": {"label": words("tab.name")},
        "report_title": {"value": panels.heading(words("tab.title"))},
        "report_what": {"value": words("tab.what")},
        "report_shop": {
            "value": words("tab.of_file") if visit.report is not None else visit.situation(language)
        },
        "in_short_title": {"value": panels.heading(words("tab.result"))},
        "decide_title": {"value": panels.heading(words("tab.review"))},
        **look(visit, language),
        **_nothing_waits(visit),
        "export_title": {"value": panels.heading(words("export.title"))},
        "export_what": {"value": words("export.what")},
        "export_shop": {
            "choices": [(name, shop) for shop, name in SHOPS.items()],
            "label": words("export.shop"),
        },
        "catalogue": {"label": words("export.catalogue")},
        "export": {"value": words("export.make")},
        "exported": shown(""),
        "get_export": {"visible": False},
    }


def make(visit: Visit, language: Language) -> Changes:
    """A report is begun, or gone on with where one was stopped."""
    visit.reporting.start(language)
    return _controls(visit.reporting, language)


def halt(visit: Visit, language: Language) -> Changes:
    """The report is asked to stop."""
    visit.reporting.stop()
    return _controls(visit.reporting, language)


def tick(visit: Visit, language: Language, open_only: bool) -> Changes:
    """How far it is by now; where it has ended since, what came of it."""
    run = visit.reporting.run
    if run is None or not run.going:
        return look(visit, language, open_only)
    return {"making": shown(_progress(run, language))}


def look(visit: Visit, language: Language, open_only: bool = True) -> Changes:
    """The tab as things stand: a report may have been begun in the chat, decisions made there."""
    return (
        _controls(visit.reporting, language) | _result(visit, language) | listed(visit, language, open_only)
    )


def _controls(reporting: Reporting, language: Language) -> Changes:
    """Buttons, progress and files, as they stand."""
    words, run, filed = wording(language, WORDS), reporting.run, reporting.latest(language)
    going = run is not None and run.going
    stopped = run is not None and run.status == "stopped"
    files = filed.files if filed is not None else {}
    made = "" if filed is None else words("tab.files", date=day(filed.date, language))
    foreign = "" if filed is None else _foreign(_read(filed)["language"], words)
    make = "tab.go_on" if stopped else "tab.make_here" if foreign else "tab.make"
    return {
        "make": {"value": words(make), "visible": not going},
        "halt": {
            "value": words("tab.stop"),
            "visible": going,
            "interactive": run is not None and run.status == "running",
        },
        "making": shown(_progress(run, language) if run is not None and going else ""),
        "unmade": shown("" if run is None else _ended(run, words)),
        "filed": shown(
            f"<p><strong>{escape(made)}</strong> {escape(words('tab.outdated'))}</p>{foreign}" if made else ""
        ),
        **{name: _download(form, files, words) for name, form in FILES.items()},
        "report_tick": {"active": going},
    }


def _foreign(written: Language, words: Wording) -> str:
    """That a report is in another language than the page; nothing where it is not."""
    if written == words.language:
        return ""
    said = words("tab.foreign", language=LANGUAGES[written], make=words("tab.make_here"))
    return f'<p role="note">{escape(said)}</p>'


def _download(form: Format, files: Mapping[Format, Path], words: Wording) -> dict[str, Any]:
    path = files.get(form)
    return {
        "label": words(f"formats.{form}"),
        "value": str(path) if path is not None else None,
        "visible": path is not None,
    }


def _progress(run: Run, language: Language) -> str:
    """A bar, and below it what is going on and how long this step still takes."""
    words = wording(language, WORDS)
    stage = words("stages.begin")
    if run.stage in get_args(Stage):
        stage = wording(language, STAGES)(f"stages.{run.stage}")
    tuning = wording(language, TUNING)
    line = tuning(
        "progress.line",
        stage=stage,
        percent=percent(round(run.done, 2), language),
        left=time_left(run.seconds_left, tuning),
    )
    if run.status == "stopping":
        line = tuning("progress.stopping")
    return panels.progress(run.done, line, words("tab.title"))


def _ended(run: Run, words: Wording) -> str:
    """Why there is no report: it was stopped, or it failed."""
    if run.status == "stopped":
        title = words("ended.stopped_title", percent=percent(round(run.done, 2), words.language))
        return panels.notice(title, words("ended.stopped"), kind="done")
    if run.status == "failed":
        return panels.notice(words("ended.failed_title"), run.error, kind="error")
    return ""


@lru_cache(maxsize=8)
def _sections(path: Path, modified: int) -> Mapping[str, Any]:
    """A report's `period`, `language` and first section, and all by id. `modified` tells another file at the
    same place."""
    found = read_sections(path)
    sections = found["sections"]
    about = {"period": found["period"], "language": found["language"], "first": sections[0]}
    return about | {section["id"]: section for section in sections}


def _read(filed: Filed | None) -> Mapping[str, Any]:
    """The newest report's sections; nothing without one."""
    if filed is None:
        return {}
    path = filed.files["json"]
    return _sections(path, path.stat().st_mtime_ns)


def _result(visit: Visit, language: Language) -> Changes:
    """The first page: what changes, what it is expected to bring."""
    report = _read(visit.reporting.latest(language))
    if not report:
        return {"in_short": {"value": panels.empty(wording(language, WORDS)("tab.empty"))}}
    first = report["first"]
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in first["sentences"])
    figures = "".join(
        f'<div class="{escape(it["tone"] or "")}"><b>{escape(it["value"])}</b>'
        f"<span>{escape(it['label'])}</span><small>{escape(it['note'])}</small></div>"
        for it in first["indicators"]
    )
    within = f'{sentences}<div class="indicators">{figures}</div>'
    html = f'<section class="in-short" lang="{report["language"]}">{within}</section>'
    return {"in_short": {"value": html}}


def listed(visit: Visit, language: Language, open_only: bool) -> Changes:
    """The suggestions to decide on, each in a line with what was decided."""
    words, report = wording(language, WORDS), _read(visit.reporting.latest(language))
    rows: list[dict[str, Any]] = []
    if report:
        rows = next(table["rows"] for table in report[TABLE]["tables"] if table["id"] == TABLE)
    store = visit.store
    verdicts = store.reports.verdicts() if rows else {}
    choices = [
        (_line(row, verdicts.get(row["decision"]), report["period"], words), row["decision"])
        for row in rows[:SHOWN]
        if not (open_only and row["decision"] in verdicts)
    ]
    about = [words("review.what")]
    if len(rows) > SHOWN:
        about.append(words("review.more", shown=SHOWN, all=len(rows)))
    if rows and not choices:
        about.append(words("review.none"))
    some = bool(rows)
    return {
        "decide_what": {"value": "\n\n".join(about) if some else words("tab.review_empty")},
        "open_only": {"label": words("review.open_only"), "value": open_only, "visible": some},
        "rows": {"label": words("review.which"), "choices": choices, "value": [], "visible": bool(choices)},
        "choice": {
            "label": words("review.choice"),
            "choices": [(words(f"review.{choice}"), choice) for choice in CHOICES],
            "visible": some,
        },
        "own_price": {"label": words("review.price"), "value": None, "visible": False},
        "reason": {"label": words("review.reason"), "value": "", "visible": some},
        "show": {"value": words("review.show"), "visible": some},
        "workbook": {"label": words("review.workbook"), "visible": some},
    }


def _line(row: Mapping[str, Any], verdict: Verdict | None, period: str, words: Wording) -> str:
    """A suggestion at a glance: prices, what it should bring, what was decided."""
    language, currency = words.language, row["currency"]
    status = words("review.open")
    if verdict is not None and verdict.verdict == "approved" and verdict.price is not None:
        status = words("review.approved", price=money(verdict.price, currency, language))
    elif verdict is not None:
        status = words("review.rejected")
    now = money(row["current_price"], currency, language)
    values = {"product": safe(str(row["product"])), "now": now, "status": status}
    if not row["change"]:
        return words("review.line_kept", action=row["action"], **values)
    aim = "profit" if row["profit_gain"] is not None else "revenue"
    gain = row[f"{aim}_gain"]
    ends = [end for it in ("low", "high") if (end := row[f"{aim}_gain_{it}"]) is not None]
    amount = signed(money(gain, currency, language, decimals=total_decimals(currency, gain, *ends)))
    return words(
        "review.line",
        price=money(row["price"], currency, language),
        change=percent(row["change"], language, sign=True),
        gain=words(f"review.{aim}", amount=amount, period=labels(language)["period"][period]),
        **values,
    )


def choosing(visit: Visit, language: Language, choice: Choice) -> Changes:
    """The field for a price, where one of the merchant's own is chosen."""
    return {"own_price": {"visible": choice == "own"}}


def asking(
    visit: Visit,
    language: Language,
    rows: list[str],
    choice: Choice | None,
    price: float | None,
    reason: str,
) -> Changes:
    """What a decision would change, with the buttons to agree to it."""
    words = wording(language, WORDS)
    if not rows or choice is None:
        return _cannot(visit, words("review.nothing_ticked"), language)
    if len(rows) > MOST:
        return _cannot(visit, words("review.too_many", most=MOST, count=len(rows)), language)
    asked = Asked(choice=choice, decision_ids=tuple(rows), price=price, reason=reason.strip() or None)
    return _waits(visit, language, lambda: asked.waiting(visit.desk, language))


def reading(visit: Visit, language: Language, path: str) -> Changes:
    """What the decisions in a workbook would change."""
    file = Path(path)
    try:
        return _waits(visit, language, lambda: of_workbook(file, visit.desk, language))
    finally:
        file.unlink(missing_ok=True)


def _waits(visit: Visit, language: Language, stage: Any) -> Changes:
    words = wording(language, WORDS)
    try:
        waiting: Waiting = stage()
    except ReviewError as error:
        return _cannot(visit, str(error), language)
    except Exception as error:
        return _cannot(visit, explained(error, language)[1], language)
    visit.waiting = waiting
    return {
        "proposal": {"value": f"**{words('review.asked')}**\n\n{waiting.text}", "visible": True},
        "agree": {"value": words("review.confirm"), "visible": waiting.carry_out is not None},
        "leave": {"value": words("review.leave"), "visible": True},
        "decided": shown(""),
    }


def _cannot(visit: Visit, text: str, language: Language) -> Changes:
    notice = panels.notice(wording(language, WORDS)("review.cannot"), text, kind="error")
    return _nothing_waits(visit) | {"decided": shown(notice)}


def _nothing_waits(visit: Visit) -> Changes:
    visit.waiting = None
    gone: dict[str, Any] = {"visible": False}
    return {"proposal": {"value": "", "visible": False}, "agree": gone, "leave": gone, "decided": shown("")}


def agreeing(visit: Visit, language: Language, open_only: bool) -> Changes:
    """What was shown is done, or why it cannot be any more."""
    waiting, words = visit.waiting, wording(language, WORDS)
    if waiting is None or waiting.carry_out is None:
        return _nothing_waits(visit)
    try:
        said = waiting.carry_out()
    except ReviewError as error:
        return _cannot(visit, str(error), language)
    except Exception as error:
        return _cannot(visit, explained(error, language)[1], language)
    done = {"value": f"**{words('review.done')}**\n\n{said}", "visible": True}
    return _nothing_waits(visit) | {"proposal": done} | listed(visit, language, open_only)


def leaving(visit: Visit, language: Language) -> Changes:
    """Nothing of it is done."""
    return _nothing_waits(visit)


def choosing_shop(visit: Visit, language: Language, shop: Shop) -> Changes:
    """The field for the shop's own export, where its layout is made of that."""
    return {"catalogue": {"visible": shop == "shopify"}}


def exporting(visit: Visit, language: Language, shop: Shop, catalogue: str | None) -> Changes:
    """The approved prices in a shop's import layout."""
    filed, words = visit.reporting.latest(language), wording(language, WORDS)
    folder = visit.reporting.folder
    today = dt.date.today()
    # The prices of the report hold from its period on, which may begin after today.
    on = max(today, dt.date.fromisoformat(filed.date)) if filed is not None else today
    path = folder / f"{shop}.{'txt' if shop == 'amazon' else 'csv'}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        given = Path(catalogue) if catalogue else None
        written = export_prices(
            visit.store, shop, path, on=on, catalogue=given, place="app", language=language
        )
    except (ExportError, OSError) as error:
        notice = panels.notice(words("export.failed"), str(error), kind="error")
        return {"exported": shown(notice), "get_export": {"visible": False}}
    said = "\n".join([written.said, *written.left_out])
    return {
        "exported": shown(panels.notice(SHOPS[shop], said, kind="done")),
        "get_export": {"value": str(path), "label": path.name, "visible": True},
    }
