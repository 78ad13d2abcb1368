"""What each part of the page shows, by the part's name: `app.py` puts it on gradio's components."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from babel.dates import format_datetime

from assistant import panels
from assistant.agent import Answer, ToolCall
from assistant.evidence import View
from assistant.facts import LOCALES
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
EVIDENCE = ("product", "headline", "view", "figure", "facts")
THREADS = ("drawer", "threads", "forget")
"""The conversations so far."""
SHOP = ("situation", "back", "upload", "understood", "aside", *CHIPS, *THREADS)
"""What depends on whose sales the page is about."""
LABELS = ("brand", "chat", "question", "begin", "evidence_title", "file_title", *DECISION)


def in_language(visit: Visit, language: Language) -> Changes:
    """Every label of the page; what was said and shown stays in the language in which it was asked."""
    words = wording(language)
    changes: Changes = {
        "brand": {"value": panels.brand(words)},
        "chat": {"placeholder": words("chat.placeholder")},
        "begin": {"value": words("talks.begin")},
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
    formats = "" if own else words("data.formats", limit=UPLOAD_LIMIT_MB)
    return {
        "situation": {"value": f"{visit.situation(language)}\n\n<small>{formats}</small>"},
        "aside": {"value": words("data.set_aside")},
        "upload": {"label": words("data.upload_other" if own else "data.upload")},
        "back": {
            "value": words("data.back_shop" if own else "data.create_demo"),
            "visible": own or visit.shop_is_empty,
        },
        **chips(visit, language),
        **conversations(visit, language),
    }


def chips(visit: Visit, language: Language) -> Changes:
    """Questions to go on with after the last answer; to begin with, those that fit the shop."""
    waits = visit.answer is not None and bool(visit.answer.pending)
    texts = visit.follow_ups or ([] if waits else visit.examples(language))
    some: list[dict[str, Any]] = [{"value": text, "visible": True} for text in texts]
    return dict(zip(CHIPS, some + [{"visible": False}] * (len(CHIPS) - len(some)), strict=True))


def conversations(visit: Visit, language: Language) -> Changes:
    """Those so far, the one that goes on here chosen."""
    words, known = wording(language), visit.conversations
    choices = [
        (words("talks.one", title=it.title, when=_moment(it.updated_at, words)), it.thread) for it in known
    ]
    here = visit.thread if visit.thread in {it.thread for it in known} else None
    return {
        "drawer": {"label": words("talks.title", count=len(known)), "visible": bool(known)},
        "threads": {"choices": choices, "value": here},
        "forget": {"value": words("talks.forget"), "visible": here is not None},
    }


def beginning(visit: Visit, language: Language) -> Changes:
    """A new conversation."""
    visit.begin()
    return _conversation(visit, [], language)


def resuming(visit: Visit, thread: str, language: Language) -> Changes:
    """A conversation as it was left, with the evidence behind its last answer."""
    return _conversation(visit, [said(role, text) for role, text in visit.open(thread)], language)


def forgetting(visit: Visit, language: Language) -> Changes:
    """The conversation deleted, and a new one begun."""
    visit.forget()
    return _conversation(visit, [], language)


def _conversation(visit: Visit, messages: list[dict[str, Any]], language: Language) -> Changes:
    behind = evidence(visit) if visit.evidence else no_evidence(wording(language))
    waits = visit.answer is not None and bool(visit.answer.pending)
    chat: Changes = {"chat": {"value": messages}, "drawer": {"open": False}}
    return behind | deciding(waits) | chips(visit, language) | _merged(conversations(visit, language), chat)


def answering(visit: Visit, question: str, history: list[Any], language: Language) -> Iterator[Changes]:
    """An answer's steps as they begin, then the answer in their place; `told` is what follows."""
    return _telling(visit, visit.ask(question, language), history, language)


def settling(visit: Visit, approve: bool, history: list[Any], language: Language) -> Iterator[Changes]:
    """The same after a yes or a no by button to what waits for one."""
    word = wording(language, WORDS)("ask.yes" if approve else "ask.no")
    return _telling(visit, visit.settle(approve), [*history, said("user", word)], language)


def _telling(
    visit: Visit, steps: Iterator[ToolCall | Answer], history: list[Any], language: Language
) -> Iterator[Changes]:
    words, done = wording(language), list[str]()
    try:
        yield {"chat": {"value": history}} | deciding(False)
        if not visit.ready:
            yield {"chat": {"value": [*history, doing(words("chat.waking"), done)]}}
        for step in steps:
            if isinstance(step, Answer):
                answer: Changes = {"chat": {"value": [*history, said("assistant", step.text)]}}
                yield answer | deciding(bool(step.pending)) | chips(visit, language)
            else:
                # A language model may call a tool that there is not.
                text = words(f"progress.{step.name if step.name in TOOL_NAMES else 'other'}")
                if visit.ready:
                    yield {"chat": {"value": [*history, doing(text, done)]}}
                done.append(text)
    finally:
        visit.end_turn()


def told(visit: Visit, language: Language) -> Changes:
    """What follows an answer once it is shown: the evidence behind it and the list of conversations; nothing
    where no answer is new, so that what is being looked at stays."""
    if not visit.answer_is_new():
        return {}
    behind = evidence(visit) if visit.evidence else no_evidence(wording(language))
    return behind | conversations(visit, language)


def deciding(waits: bool) -> Changes:
    """The buttons for what waits for a yes or a no; they take no room where nothing does."""
    return {name: {"visible": waits} for name in DECISION}


def evidence(visit: Visit, index: int = 0, view: View | None = None) -> Changes:
    """One part of the evidence behind the last answer, and the choices between its parts and its figures."""
    chosen = visit.evidence[index]
    view = view if view in chosen.views else next(iter(chosen.views), None)
    figure = visit.figure(chosen, view) if view is not None else None
    words = wording(chosen.language)
    titles = [(part.title, number) for number, part in enumerate(visit.evidence)]
    views = [(words(f"evidence.view.{name}"), name) for name in chosen.views]
    cited, facts = (visit.answer.cited, visit.answer.facts) if visit.answer else ((), [])
    return {
        "product": {"choices": titles, "value": index, "visible": len(titles) > 1},
        "headline": {"value": panels.headline(chosen)},
        "view": {"choices": views, "value": view, "visible": len(views) > 1},
        "figure": {"value": figure, "visible": figure is not None},
        "facts": shown(panels.facts_table(chosen.facts, words, cited=cited, every=facts)),
    }


def no_evidence(words: Wording) -> Changes:
    """What stands where the evidence will be."""
    return {
        "product": {"visible": False},
        "view": {"visible": False},
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


def doing(text: str, done: Sequence[str] = ()) -> dict[str, Any]:
    """A message that says what is going on, below what is done, until the answer takes its place."""
    steps = "\n".join(f"- {step.rstrip('.…')}" for step in done)
    return {"role": "assistant", "content": steps, "metadata": {"title": text, "status": "pending"}}


def _moment(when: dt.datetime, words: Wording) -> str:
    """In this machine's time zone."""
    return str(format_datetime(when.astimezone(), words("talks.when"), locale=LOCALES[words.language]))


def _merged(changes: Changes, more: Changes) -> Changes:
    """Both; where both change one part, all of its properties."""
    return {name: changes.get(name, {}) | more.get(name, {}) for name in changes.keys() | more.keys()}
