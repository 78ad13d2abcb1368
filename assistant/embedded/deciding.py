"""What a merchant decides: suggestions approved or rejected, prices and rules of their own, undo.

These plans end in tools that write. The agent shows what such a call would do and carries it out only after
the merchant's yes, so that here nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assistant.embedded.conversation import Call, Payload, items_of, product_of
from assistant.embedded.products import Ask, Resolved, State, resolve
from assistant.embedded.replies import MOST_PRODUCTS, Reply, asks_back, other_currency
from assistant.embedded.ruling import change_rules, correction, list_rules
from assistant.embedded.understanding import Request
from assistant.report.progress import Format
from assistant.wording import Language

VERDICTS = ("approve", "action", "reject")
REPORT_FORMS: Mapping[str, Format] = {
    "report_html": "html",
    "report_xlsx": "xlsx",
    "report_csv": "csv",
    "report_pdf": "pdf",
    "report_json": "json",
}
"""The file that a flag asks for."""
REPORT_LANGUAGES: Mapping[str, Language] = {"report_in_en": "en", "report_in_zh": "zh"}


def decide(request: Request, state: State, ask: Ask) -> Reply | None:
    """The reply to a decision; None where the message decides nothing that can be kept."""
    if (file := _file(request, state)) is not None:
        skip = True if "skip_bad_rows" in request.flags else None
        imported = replace(request, topic="import", file=file)
        return _outcome(imported, ask([Call.of("import_sales", path=file, skip_bad_rows=skip)]))
    if request.topic == "import":
        return Reply(kind="topic", request=request)
    if request.topic == "undo":
        return _outcome(request, ask([Call.of("undo")]))
    if request.topic == "rules_list":
        return list_rules(request, state, ask)
    if (corrected := correction(request, state)) is not None:
        request = corrected
    if request.topic == "rules":
        return change_rules(request, state, ask)
    if request.topic == "training" and "start_tuning" in request.flags:
        return _outcome(request, ask([Call.of("start_fine_tuning")]))
    if request.topic == "report" and "make_report" in request.flags and "not_a_report" not in request.flags:
        return _report(request, ask)
    if request.topic in VERDICTS:
        return _verdict(request, state, ask)
    return None


def _report(request: Request, ask: Ask) -> Reply:
    """The report of the whole shop, as a file and in a language that may be named."""
    form = next((it for flag, it in REPORT_FORMS.items() if flag in request.flags), None)
    language = next((it for flag, it in REPORT_LANGUAGES.items() if flag in request.flags), None)
    return _outcome(request, ask([Call.of("start_report", format=form, language=language)]))


def _file(request: Request, state: State) -> str | None:
    """The file to import: the one named, or the last one again "without the bad rows"."""
    before = state.request
    if request.topic == "import" and request.file:
        return request.file
    again = before is not None and before.topic == "import" and "skip_bad_rows" in request.flags
    return before.file if again and before is not None else None


def _verdict(request: Request, state: State, ask: Ask) -> Reply | None:
    """Suggestions approved or rejected, or a price of the merchant's own for them."""
    if request.topic == "action" and not request.has_number:
        return None
    if "every" in request.flags and not request.mentions and not state.focus:
        return None if request.topic == "reject" or request.has_number else _everything(request, ask)
    # The product at hand is meant where its name alone would be ambiguous.
    found = resolve(replace(request, intent="what_if"), state, ask)
    if not found.products and found.failed is None and state.focus and _leftover(request, found):
        found = Resolved(state.focus)
    rate = request.given.exchange_rate
    if (question := asks_back(request, found)) is not None:
        if question.kind != "currency":
            return question
        if rate is None:
            return replace(question, kind="rate")
    reply = Reply(kind="which", request=request, resolved=found)
    if not request.amounts.signed:
        return replace(reply, kind="which_direction")
    skus = [product.sku for product in found.products]
    payload = ask([Call.of("recommend", skus=skus, objective=request.objective)])[0]
    if _failed(payload) or not items_of(payload):
        return replace(reply, kind="error", payloads=(payload,))
    ids = [str(item["decision_id"]) for item in items_of(payload)]
    reason, start = request.reason or None, _start(request)
    if request.topic == "reject":
        return _outcome(request, ask([Call.of("reject", decision_ids=ids, reason=reason)]), found)
    own = _own_price(request, state, found)
    if own is None:
        return _outcome(
            request, ask([Call.of("approve", decision_ids=ids, reason=reason, start=start)]), found
        )
    # A product that is named as it is called was not looked up before: its currency is known from here on.
    priced = tuple(map(product_of, items_of(payload)))
    if request.has_number and other_currency(request.amounts.currency, priced):
        if rate is None:
            return replace(reply, kind="rate", resolved=Resolved(priced))
        own |= {"currency": request.amounts.currency, "rate": rate}
    each = [
        Call.of("approve", decision_ids=[id], reason=reason, start=start, **own) for id in ids[:MOST_PRODUCTS]
    ]
    return _outcome(request, ask(each), found)


def _own_price(request: Request, state: State, found: Resolved) -> dict[str, Any] | None:
    """The price or change named now, or the last one tried where it is agreed to ("what if 17?" "do it")."""
    amounts = request.amounts
    if amounts.prices:
        return {"price": amounts.prices[0]}
    if amounts.percent is not None:
        return {"percent": amounts.percent}
    if amounts.amount is not None:
        return {"amount": amounts.amount}
    if state.tried and not request.mentions and "suggested" not in request.flags:
        tried = state.tried[-1].args
        if [product.sku for product in found.products] == [tried["sku"]]:
            return {key: tried[key] for key in ("price", "percent", "amount") if key in tried}
    return None


def _everything(request: Request, ask: Ask) -> Reply:
    """Every change that the overview suggests, approved together."""
    payload = ask([Call.of("catalogue_overview")])[0]
    ids = [str(row["decision_id"]) for row in payload.get("rows", [])]
    if _failed(payload) or not ids:
        return Reply(kind="error" if _failed(payload) else "overview", request=request, payloads=(payload,))
    return _outcome(request, ask([Call.of("approve", decision_ids=ids, start=_start(request))]))


def _start(request: Request) -> str | None:
    """The day from which the decision is to hold, where one ahead is named."""
    ahead = (it for it in request.given.times if it.start and it.kind == "stretch" and not it.is_past)
    return next((str(it.start) for it in ahead), None)


def _leftover(request: Request, found: Resolved) -> bool:
    """Whether words that name nothing only say more on the product at hand ("too low, reject it")."""
    marked = any(mention.marked for mention in request.mentions)
    return request.topic == "reject" and bool(found.missing) and not found.candidates and not marked


def _outcome(request: Request, payloads: Sequence[Payload], found: Resolved | None = None) -> Reply:
    """What became of the writes, each by its own words."""
    return Reply(kind="decided", request=request, payloads=tuple(payloads), resolved=found or Resolved())


def _failed(payload: Payload) -> bool:
    return payload.get("status") == "error"
