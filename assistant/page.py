"""What each part of the page shows, by the part's name: `app.py` puts it on gradio's components."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assistant import panels
from assistant.agent import Answer, ToolCall
from assistant.session import UPLOAD_LIMIT_MB, UploadTooLarge, Visit
from assistant.store.importing import error_text
from assistant.tools import TOOLS
from assistant.tools.writing import WORDS
from assistant.wording import Language, Wording, wording
from policy.history import HistoryError

Changes = dict[str, dict[str, Any]]
"""New properties of parts of the page; parts that are not named stay as they are."""

TOOL_NAMES = frozenset(tool.name for tool in TOOLS)
CHIPS = tuple(f"chip_{number}" for number in range(4))
"""Buttons with example questions."""
DECISION = ("confirm", "reject")
"""Buttons under an answer that waits for a yes or a no."""
EVIDENCE = ("product", "headline", "figure", "facts")
SHOP = ("situation", "back", "upload", "understood", "aside", *CHIPS)
"""What depends on whose sales the page is about."""
LABELS = ("brand", "chat", "question", "evidence_title", "file_title", *DECISION)


def in_language(visit: Visit, language: Language) -> Changes:
    """Every label of the page; what was said and shown stays in the language in which it was asked."""
    words = wording(language)
    changes: Changes = {
        "brand": {"value": panels.brand(words)},
        "chat": {"placeholder": words("chat.placeholder")},
        "question": {"placeholder": words("chat.input"), "submit_btn": words("chat.send")},
        "evidence_title": {"value": panels.heading(words("evidence.title"))},
        "file_title": {"value": panels.heading(words("data.title"))},
        "confirm": {"value": wording(language, WORDS)("ask.yes")},
        "reject": {"value": wording(language, WORDS)("ask.no")},
    }
    if not visit.evidence:
        changes |= no_evidence(words)
    return changes | shop(visit, language)


def shop(visit: Visit, language: Language) -> Changes:
    """Whose sales the page is about, and questions that fit them."""
    words, own = wording(language), visit.report is not None
    examples: list[dict[str, Any]] = [{"value": text, "visible": True} for text in visit.examples(language)]
    formats = "" if own else words("data.formats", limit=UPLOAD_LIMIT_MB)
    return {
        "situation": {"value": f"{visit.situation(language)}\n\n<small>{formats}</small>"},
        "aside": {"value": words("data.set_aside")},
        "upload": {"label": words("data.upload_other" if own else "data.upload")},
        "back": {
            "value": words("data.back_shop" if own else "data.create_demo"),
            "visible": own or visit.shop_is_empty,
        },
        **dict(zip(CHIPS, examples or [{"visible": False}] * len(CHIPS), strict=True)),
    }


def answering(visit: Visit, question: str, history: list[Any], language: Language) -> Iterator[Changes]:
    """An answer's steps as they begin, the answer in their place, then the evidence behind it."""
    return _telling(visit, visit.ask(question, language), history, language)


def settling(visit: Visit, approve: bool, history: list[Any], language: Language) -> Iterator[Changes]:
    """The same after a yes or a no by button to what waits for one."""
    word = wording(language, WORDS)("ask.yes" if approve else "ask.no")
    return _telling(visit, visit.settle(approve), [*history, said("user", word)], language)


def _telling(
    visit: Visit, steps: Iterator[ToolCall | Answer], history: list[Any], language: Language
) -> Iterator[Changes]:
    words = wording(language)
    try:
        yield {"chat": {"value": history}} | deciding(False)
        if not visit.ready:
            yield {"chat": {"value": [*history, doing(words("chat.waking"))]}}
        for step in steps:
            if isinstance(step, Answer):
                answer: Changes = {"chat": {"value": [*history, said("assistant", step.text)]}}
                yield answer | deciding(bool(step.pending))
            elif visit.ready:
                # A language model may call a tool that there is not.
                key = step.name if step.name in TOOL_NAMES else "other"
                yield {"chat": {"value": [*history, doing(words(f"progress.{key}"))]}}
    finally:
        visit.end_turn()
    yield evidence(visit, 0) if visit.evidence else no_evidence(words)


def deciding(waits: bool) -> Changes:
    """The buttons for what waits for a yes or a no; they take no room where nothing does."""
    return {name: {"visible": waits} for name in DECISION}


def evidence(visit: Visit, index: int) -> Changes:
    """One part of the evidence behind the last answer, and the choice between its parts."""
    chosen = visit.evidence[index]
    figure = visit.figure(chosen)
    titles = [(part.title, number) for number, part in enumerate(visit.evidence)]
    return {
        "product": {"choices": titles, "value": index, "visible": len(titles) > 1},
        "headline": {"value": panels.headline(chosen)},
        "figure": {"value": figure, "visible": figure is not None},
        "facts": shown(panels.facts_table(chosen.facts, wording(chosen.language))),
    }


def no_evidence(words: Wording) -> Changes:
    """What stands where the evidence will be."""
    return {
        "product": {"visible": False},
        "headline": {"value": panels.empty(words("evidence.empty"))},
        "figure": {"value": None, "visible": False},
        "facts": shown(""),
    }


def opening(visit: Visit, file: Path, language: Language, *, skip_bad_rows: bool) -> Iterator[Changes]:
    """An upload while it is read, then what was understood of it, or why it cannot be used."""
    words = wording(language)
    reading = panels.pending(words("data.reading", file=file.name))
    yield {"understood": shown(reading), "aside": {"visible": False}}
    try:
        report = visit.open_file(file, language, skip_bad_rows=skip_bad_rows)
    except (HistoryError, UploadTooLarge) as error:
        text = error_text(error, language) if isinstance(error, HistoryError) else str(error)
        yield {
            "understood": shown(panels.notice(words("data.error"), text, kind="error")),
            "aside": {"visible": visit.refused is not None},
        }
        return
    understood = panels.notice(words("data.understood"), report.to_text(language), kind="done")
    products, rows = report.history.products, report.history.rows_out
    greeting = words("data.read", file=file.name, products=products, rows=rows)
    yield _moved(visit, language, greeting) | {"understood": shown(understood)}


def returning(visit: Visit, language: Language) -> Changes:
    """Back at the installed shop; where it is empty, at the demo shop."""
    if visit.report is None:
        visit.create_demo()
        greeting = wording(language)("data.demo_created")
    else:
        visit.close_file()
        greeting = wording(language)("data.back")
    changes = _moved(visit, language, greeting)
    changes["aside"]["visible"] = False
    return changes | {"understood": shown("")}


def _moved(visit: Visit, language: Language, greeting: str) -> Changes:
    """The page about another shop than before, its chat begun anew."""
    chat: Changes = {"chat": {"value": [said("assistant", greeting)]}}
    return shop(visit, language) | no_evidence(wording(language)) | chat | deciding(False)


def shown(html: str) -> dict[str, Any]:
    """Properties of a part that takes no room where there is nothing to show."""
    return {"value": html, "visible": bool(html)}


def said(role: str, text: str) -> dict[str, Any]:
    """A message of the chat."""
    return {"role": role, "content": text}


def doing(text: str) -> dict[str, Any]:
    """A message that says what is going on until the answer takes its place."""
    return {"role": "assistant", "content": "", "metadata": {"title": text, "status": "pending"}}
