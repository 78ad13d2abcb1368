"""The HTML beside the chat: the headline price, the table of facts, what was understood of a file.

Names come out of merchants' files and may hold anything, so that every value is escaped here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from html import escape

from assistant.evidence import ASKED, Evidence
from assistant.facts import Fact, labels
from assistant.grounding import Cited
from assistant.wording import Wording, wording

CHIPS = ("abstained", "confidence", "binding_rule")
"""Facts in words that the headline shows beside the prices."""

BACKGROUND = ("model_price", "driver", "clamp", "history", "date", "interval", "objective", *CHIPS)
"""Facts on how a price came about, by the first part of their key."""

NUMBERED = re.compile(r"\.\d+$")
"""Ends the keys of facts that are one of a series."""
LEADS = (
    ("units", "revenue", "profit"),
    ("chance", "left", "gain"),
    ("promo_price", "gain", "chance"),
    ("lowest_price", "unit_profit_now"),
    ("reference_price", "whole_percent"),
    ("target", "recommended"),
    ("gain_profit_total", "raise", "cut"),
)
"""Facts at a glance where an answer is not about one price, by the first of these groups that begins with a
fact of the answer."""

LOGO = (
    '<svg viewBox="0 0 40 40" aria-hidden="true"><rect width="40" height="40" rx="10" fill="#0072b2"/>'
    '<path d="M8 28 C15 28 15 13 21 13 S28 21 32 22" fill="none" stroke="#fff" stroke-width="3" '
    'stroke-linecap="round"/><circle cx="21" cy="13" r="4.5" fill="#f0a35c" stroke="#fff"/></svg>'
)
SKETCH = (
    '<svg viewBox="0 0 320 120" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" '
    'aria-hidden="true"><path d="M8 8v104h304"/><path d="M24 96c60 0 80-72 140-72s90 44 140 60"/>'
    '<path d="M164 24v88" stroke-dasharray="2 8"/><circle cx="164" cy="24" r="6" fill="currentColor"/></svg>'
)
"""A price curve drawn faintly, where the figure will be."""

FOR_COMMAND_LINE = re.compile(r"[,，][^,，.。]*--skip-bad-rows[^.。]*")
"""The part of a sentence that names an option; the page has a button in its place."""

TO_LATEST = """() => setTimeout(() => {
  const said = document.querySelectorAll("#chat .message.user, #chat .message.bot");
  const start = [...said].filter((it) => it.matches(".user")).pop() ?? said[0];
  const box = start?.closest(".bubble-wrap");
  if (box) box.scrollTop += start.getBoundingClientRect().top - box.getBoundingClientRect().top - 12;
}, 100)"""
"""Script that shows the latest question and the start of its answer, once they are drawn."""

CITE = "() => window.citeNumbers?.()"
"""Script that binds the numbers of the latest answer to their facts (`page.js`)."""


def brand(words: Wording) -> str:
    """The product's name and what it does."""
    return f"<header>{LOGO}<div><h1>{words('title')}</h1><p>{words('tagline')}</p></div></header>"


def heading(text: str) -> str:
    """The title of a part of the page."""
    return f"<h2>{escape(text)}</h2>"


def headline(evidence: Evidence) -> str:
    """The product, its price now and the suggested or asked one at a glance, and how far to trust it."""
    facts = {fact.key: fact for fact in _leading(evidence)}
    now, price, change = (facts.get(key) for key in ("current_price", "price", "change"))
    if now is not None and price is not None and now.value == price.value:
        figures = _figure(price, "suggested", wording(evidence.language)("evidence.no_change"))
    elif price is None and (lead := next((keys for keys in LEADS if keys[0] in facts), None)):
        figures = "".join(_figure(facts[key], "lead") for key in lead if key in facts)
    else:
        shown = [_figure(now, "now")] if now is not None else []
        if price is not None:
            shown.append(_figure(price, "suggested", change.value if change is not None else ""))
        figures = '<span class="arrow" aria-hidden="true">→</span>'.join(shown)
    chips = [f"{facts[key].label}: {facts[key].value}" for key in CHIPS if key in facts]
    it = evidence.recommendation
    if it is not None and evidence.asked is None:  # its cautions are about its own price, not one asked about
        cautions = labels(evidence.language)["cautions"]
        chips += [cautions.get(code, code) for code in it.cautions]
    remarks = "".join(f"<li>{escape(chip)}</li>" for chip in chips)
    sku = f" <small>{escape(it.sku)}</small>" if it is not None and it.sku != evidence.title else ""
    return (
        f'<section class="headline"><h3>{escape(evidence.title)}{sku}</h3>'
        f"{_wrapped('div', 'prices', figures)}{_wrapped('ul', 'chips', remarks)}</section>"
    )


def _leading(evidence: Evidence) -> Iterable[Fact]:
    """The facts of which the headline tells: of the price asked about, where there is one."""
    asked = [fact for fact in evidence.facts if ASKED in fact.subject]
    return asked if evidence.asked is not None else evidence.facts


def facts_table(
    facts: Iterable[Fact], words: Wording, *, cited: Sequence[Cited] = (), every: Iterable[Fact] = ()
) -> str:
    """Labels and formatted values as tables, a quantity and its interval in one row; nothing without facts.

    The numbers that the answer states come first. The others, series by date and how it all came about are
    folded away below; where the answer states none of these facts, the others stand open.

    Parameters
    ----------
    cited
        The numbers in the answer, each with the fact that it states.
    every
        All facts of the answer, of which `facts` are one part: what is shown at the numbers in the chat.
    """
    facts = list(facts)
    stated = {it.fact.removesuffix("_range") for it in cited}
    ids = {fact.id for fact in facts}
    intervals = {fact.id: fact.value for fact in facts if fact.key.endswith("_range")}
    groups: dict[str, list[str]] = {"stated": [], "others": [], "background": []}
    for fact in facts:
        if _numbered(fact) or (fact.id in intervals and fact.id.removesuffix("_range") in ids):
            continue
        group = "background" if fact.key.split(".")[0] in BACKGROUND else "others"
        group = "stated" if fact.id.removesuffix("_range") in stated else group
        groups[group].append(_row(fact, intervals.get(f"{fact.id}_range")))
    if not groups["stated"]:
        groups["stated"], groups["others"] = groups["others"], []
    shown = _table(words("evidence.facts"), groups["stated"])
    shown += _folded(words("evidence.others"), _table("", groups["others"]))
    shown += _folded(words("evidence.by_date"), _by_number([fact for fact in facts if _numbered(fact)]))
    shown += _folded(words("evidence.background"), _table("", groups["background"]))
    return shown + (_citations(cited, every, words) if shown else "")


def _row(fact: Fact, interval: str | None) -> str:
    value = escape(fact.value) + (f" <small>{escape(interval)}</small>" if interval else "")
    label = f'<th scope="row">{escape(fact.label)}</th>'
    return f'<tr data-fact="{escape(fact.id)}">{label}<td>{value}</td></tr>'


def _numbered(fact: Fact) -> bool:
    """Whether the fact is one of a series, such as `units.3`."""
    return NUMBERED.search(fact.key) is not None


def _by_number(facts: list[Fact]) -> str:
    """Series side by side: a column for each quantity, a row for each period or step."""
    columns = {NUMBERED.sub("", fact.key): fact.label for fact in facts}
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for fact in facts:
        stem, number = fact.key.rsplit(".", 1)
        rows.setdefault((fact.subject, number), {})[stem] = fact.value
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in columns.values())
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(row.get(stem, ''))}</td>" for stem in columns) + "</tr>"
        for row in rows.values()
    )
    return f'<div class="dated"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _citations(cited: Sequence[Cited], every: Iterable[Fact], words: Wording) -> str:
    """How many numbers were checked, and for the page's script which fact each of them states."""
    if not cited:
        return ""
    facts = {fact.id: fact for fact in every}
    own = words("evidence.merchant")
    told = [
        {
            "text": it.text,
            "fact": it.fact.removesuffix("_range"),
            "label": facts[it.fact].label if it.fact in facts else own,
            "value": facts[it.fact].value if it.fact in facts else it.text,
            "about": facts[it.fact].subject if it.fact in facts else "",
        }
        for it in cited
    ]
    text = words("evidence.checked", count=len(cited))
    data = escape(json.dumps(told, ensure_ascii=False), quote=True)
    return f'<p class="checked" data-cited="{data}">{escape(text)}</p>'


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{content}</details>" if content else ""


def notice(title: str, text: str, *, kind: str) -> str:
    """A titled message of several lines for screen readers too; `kind` is `error`, `warning` or `done`."""
    text = FOR_COMMAND_LINE.sub("", text)
    role = "status" if kind == "done" else "alert"
    lines = "<br>".join(escape(line) for line in text.strip().splitlines())
    return f'<div class="notice {kind}" role="{role}"><strong>{escape(title)}</strong><p>{lines}</p></div>'


def progress(done: float, line: str, name: str) -> str:
    """A bar with a line below it; `done` is a share of 1, `name` what it is about, for screen readers."""
    return (
        f'<div class="bar" role="progressbar" aria-label="{escape(name)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{100 * done:.0f}"><div style="width: {100 * done:.1f}%">'
        f"</div></div><p>{escape(line)}</p>"
    )


def empty(text: str) -> str:
    """What stands where nothing is yet."""
    return f'<div class="empty">{SKETCH}<p>{escape(text)}</p></div>'


def pending(text: str) -> str:
    """What stands where something is being worked on."""
    return f'<div class="empty" role="status"><p>{escape(text)}</p></div>'


def _table(caption: str, rows: list[str]) -> str:
    head = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<table class="facts">{head}<tbody>{"".join(rows)}</tbody></table>' if rows else ""


def _figure(fact: Fact, role: str, change: str = "") -> str:
    extra = f"<em>{escape(change)}</em>" if change else ""
    return f'<div class="{role}"><span>{escape(fact.label)}</span><b>{escape(fact.value)}</b>{extra}</div>'


def _wrapped(tag: str, role: str, content: str) -> str:
    return f'<{tag} class="{role}">{content}</{tag}>' if content else ""
