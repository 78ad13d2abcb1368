"""From a conversation to its next step: tool calls to make, or what to answer.

The plan of an answer reads as if tools answered at once (`ask`). Where a result is not there yet, `Pending`
carries the calls out, and the same plan runs again once they are answered; earlier turns are understood by
running theirs on the results recorded in the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from langchain_core.messages import BaseMessage, SystemMessage

from assistant.embedded.amounts import Amounts
from assistant.embedded.completing import completed
from assistant.embedded.context import PRODUCT_INTENTS, in_context
from assistant.embedded.conversation import (
    Call,
    Payload,
    Product,
    Turn,
    items_of,
    names_in,
    product_of,
    turns_of,
)
from assistant.embedded.deciding import decide
from assistant.embedded.mentions import Mention
from assistant.embedded.planning import continued, plan_ahead
from assistant.embedded.planning_steps import Clock
from assistant.embedded.products import Ask, Resolved, State, resolve
from assistant.embedded.replies import MOST_PRODUCTS, Kind, Reply, asks_back
from assistant.embedded.shop_answers import PORTFOLIO, about_records, about_shop, matched
from assistant.embedded.understanding import UNKNOWN, Request, language_of, understand

INSTEAD: Mapping[str, str] = {
    "fabricate": "price",
    "echo": "price",
    "override": "price",
    "rounding": "price",
    "below_cost": "facts",
    "match": "what_if",
    "profit_target": "price",
}
"""What can be answered where the thing asked for cannot: the answer opens with the topic's sentence."""

KEEPS_FOCUS = PORTFOLIO | {
    "competitors",
    "sensitivity",
    "data",
    "track",
    "readiness",
    "place",
    "range_meaning",
    "span",
    "audit",
}
"""Answers after which the product spoken of before is still the one at hand."""
MOST_WORDS_OF_A_NAME = 3
MOST_TRIED = 2
"""Earlier what-if prices that stand beside a new one."""

_ISO_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_PERIOD = re.compile(r"\bperiod\b[^.;,]*?\b(day|week|month)\b", re.IGNORECASE)


class Pending(Exception):
    """Tool calls whose results the plan needs first."""

    def __init__(self, calls: Sequence[Call]) -> None:
        super().__init__(calls)
        self.calls = tuple(calls)


def next_step(messages: Sequence[BaseMessage]) -> tuple[Call, ...] | tuple[Reply, ...]:
    """Calls to make now, or, once all results are there, the replies that make up the answer."""
    turns = turns_of(messages)
    if not turns:
        return (Reply(kind="greeting", request=Request(text="", language="en")),)
    system = " ".join(str(message.text) for message in messages if isinstance(message, SystemMessage))
    language = language_of(system, "en")
    clock = _clock(system)
    state, names = State(), dict[str, str]()
    for turn in turns[:-1]:
        names |= names_in(turn.payloads)
        language_then = language_of(turn.said, language)
        said = understand(turn.said, language=language_then, names=names, today=clock.today)
        state = _remember(turn, said, state, clock)
    turn = turns[-1]
    names |= names_in(turn.payloads)
    replies: list[Reply] = []
    requests = understand(
        turn.said, language=language_of(turn.said, language), names=names, today=clock.today
    )
    for request in requests:
        try:
            reply = _plan(request, state, turn, clock)
        except Pending as pending:
            return pending.calls
        replies.append(reply)
        state = _after(reply, state)
    return tuple(replies)


def _clock(system: str) -> Clock:
    """Today and the shop's period, as the system message gives them."""
    day, period = _ISO_DAY.search(system), _PERIOD.search(system)
    return Clock(date.fromisoformat(day[0]) if day else date.today(), period[1] if period else "week")


def _remember(turn: Turn, requests: Sequence[Request], state: State, clock: Clock) -> State:
    """The state after a turn that is over."""
    for request in requests:
        try:
            state = replace(_after(_plan(request, state, turn, clock), state), answer=turn.answer)
        except Pending:  # words without tool calls, or another model's calls
            products = tuple({p.sku: p for x in turn.payloads for p in map(product_of, items_of(x))}.values())
            spoken = request.mentions or _spoken_of(turn.answer) or state.mentions
            state = State(
                request=replace(request, mentions=spoken),
                focus=products,
                mentions=spoken,
                candidates=state.candidates,
                listing=state.listing,
                answer=turn.answer,
            )
    if not turn.said and turn.answer:  # the conversation opens with the assistant's words
        state = replace(state, mentions=_spoken_of(turn.answer), answer=turn.answer)
    return state


def _spoken_of(answer: str) -> tuple[Mention, ...]:
    """What an answer without tool calls seems to speak of."""
    requests = understand(answer, language=language_of(answer, "en"))
    return next((request.mentions[:1] for request in requests if request.mentions), ())


def _after(reply: Reply, state: State) -> State:
    products, candidates = reply.resolved.products, reply.resolved.candidates
    if reply.kind in ("topic", "help", "greeting", "thanks", "unknown"):
        return replace(state, asked="", tried=())
    return State(
        request=reply.request,
        focus=products or (state.focus if reply.kind in KEEPS_FOCUS else ()),
        candidates=candidates or (products if len(products) > 1 else state.candidates),
        listing=reply.resolved.listing or state.listing,
        asked=_asked_back(reply),
        spoken_of=tuple(dict.fromkeys((*state.spoken_of, *products))),
        tried=reply.calls if reply.kind == "what_if" else (),
    )


def _asked_back(reply: Reply) -> str:
    """What the reply asks of the merchant, by one word; nothing where it does not."""
    if reply.kind == "decided" and any(it.get("code") in _WITHOUT_REASON for it in reply.payloads):
        return "reason"
    return _QUESTIONS.get(reply.kind, "")


_WITHOUT_REASON = ("reason_below_cost", "reason_breaks_rules")
_QUESTIONS: Mapping[str, str] = {
    "clarify": "which",
    "which": "which",
    "at_which_price": "price",
    "which_direction": "direction",
    "rate": "rate",
    "lacking": "lacking",
}


def _plan(request: Request, state: State, turn: Turn, clock: Clock) -> Reply:
    """What to answer to one request; raises Pending for results that are not there yet."""

    def ask(calls: Sequence[Call]) -> list[Payload]:
        if lacking := [call for call in dict.fromkeys(calls) if call not in turn.results]:
            raise Pending(lacking)
        return [turn.results[call] for call in calls]

    if request.topic == "jailbreak" and request.mentions:
        # Such words may stand in a product's name, which is only a name. Once the shop has named it, the
        # message is read again with the name set aside, and does not come here.
        ask([Call.of("find_products", query=request.text)])
    asked = request
    request = completed(request, state, clock.today) or request
    request = in_context(continued(request, state), state)
    if (planned := plan_ahead(request, state, ask, clock)) is not None:
        return planned
    if (decided := decide(request, state, ask)) is not None:
        return decided
    if (told := about_records(request, state, ask)) is not None:
        return told
    if (told := about_shop(request, state, ask)) is not None:
        return told
    if (told := matched(request, state, ask)) is not None:
        return told
    if request.intent == "compare" and request.has_number:
        request = replace(request, intent="what_if")  # prices of one product, or a price against keeping
    if request.intent in PORTFOLIO:  # of a product: "is the kettle overpriced?", "is it below cost?"
        request = replace(request, intent="facts" if request.intent == "below_cost_now" else "price")
    elif request.intent in ("competitors", "data", "gaps", "sensitivity"):
        request = replace(request, intent="facts" if request.intent != "sensitivity" else "elasticity")
    if request.topic == "made_up" and state.focus and not request.mentions:
        request = replace(request, topic=None, intent="confidence")
    request = _instead(request, state)
    if request.topic is not None and request.intent == UNKNOWN:
        return Reply(kind="topic", request=request)
    if request.intent == "find":
        call = Call.of("find_products", query=request.mentions[0].text if request.mentions else "")
        payload = ask([call])[0]
        rows = tuple(product_of(row) for row in payload.get("matches", []))
        found = Resolved(candidates=rows, listing=(call,))
        if payload.get("status") == "not_found":
            found = Resolved(missing=tuple(mention.text for mention in request.mentions))
        listed: Kind = "error" if _failed(payload) else "not_found" if found.missing else "list"
        return Reply(kind=listed, request=request, payloads=(payload,), resolved=found)
    if request.intent not in PRODUCT_INTENTS:
        kinds: dict[str, Kind] = {"help": "help", "greeting": "greeting", "thanks": "thanks"}
        return Reply(kind=kinds.get(request.intent, "unknown"), request=request)
    reply = _about_products(request, state, ask)
    if (
        reply.kind == "not_found"
        and asked.intent == UNKNOWN
        and len(asked.text.split()) > MOST_WORDS_OF_A_NAME
    ):
        return replace(reply, kind="unknown")  # a sentence about something else, not a product's name
    return reply


def _about_products(request: Request, state: State, ask: Ask) -> Reply:
    """The answer to a question about one or several products."""
    found = resolve(request, state, ask)
    if not found.products and _either_of_two(request, state, found):
        # Neither had been chosen, so that "the other one" tells nothing: both are, rather than asked again.
        found = replace(found, products=found.candidates, candidates=())
        request = replace(request, flags=request.flags | {"neither"})
    if (question := asks_back(request, found)) is not None:
        return question
    reply = Reply(kind="which", request=request, resolved=found)
    if request.intent == "what_if":
        return _what_if(request, state, ask, reply)
    skus = [product.sku for product in found.products]
    if request.intent in ("price", "compare") or len(skus) > 1:
        payload = ask([Call.of("recommend", skus=skus, objective=request.objective)])[0]
        kind: Kind = "price" if len(items_of(payload)) == 1 else "table"
        return _checked(replace(reply, kind=kind, payloads=(payload, *_price_named(request, payload, ask))))
    payload = ask([Call.of("explain", sku=skus[0])])[0]
    kind = "brief" if "brief" in request.flags and request.intent == "explain" else _EXPLAINED[request.intent]
    return _checked(replace(reply, kind="table" if len(items_of(payload)) > 1 else kind, payloads=(payload,)))


def _either_of_two(request: Request, state: State, found: Resolved) -> bool:
    """Whether "the other one" is said of two products of which none was at hand."""
    other = request.selection is not None and request.selection.other
    return other and state.asked == "which" and not state.focus and len(found.candidates) == 2


_EXPLAINED: Mapping[str, Kind] = {
    "explain": "explain",
    "confidence": "confidence",
    "elasticity": "elasticity",
    "facts": "facts",
}


def _price_named(request: Request, payload: Payload, ask: Ask) -> list[Payload]:
    """What-if at the price a merchant has in mind ("is 42 right?"), where it is not the price now."""
    items = items_of(payload)
    if request.intent != "price" or request.topic is not None or len(items) != 1 or items[0].get("abstained"):
        return []
    prices = request.amounts.prices
    named = ask([Call.of("what_if", sku=items[0]["sku"], price=price) for price in prices])
    return [it for it in named if not _failed(it) and items_of(it)[0]["direction"] != "keep"]


def _what_if(request: Request, state: State, ask: Ask, reply: Reply) -> Reply:
    """What-if at each price asked about, beside those asked about just before for the same product."""
    amounts = request.amounts
    if not request.has_number:
        return replace(reply, kind="at_which_price")
    if not amounts.signed:
        return replace(reply, kind="which_direction")
    products = reply.resolved.products[:MOST_PRODUCTS]
    calls = [call for product in products for call in _changes(amounts, product)]
    if len(products) == 1 and not request.mentions:
        before = [call for call in state.tried if call.args["sku"] == products[0].sku]
        if not before and not state.focus and state.request is not None and state.request.intent == "what_if":
            before = _changes(state.request.amounts, products[0])
        if "further" in request.flags and before and "price" in before[-1].args:
            calls = _changes(_from(before[-1].args["price"], amounts), products[0])
        calls = [*before[-MOST_TRIED:], *(_as_long(call, before) for call in calls)]
    calls = list(dict.fromkeys(calls))
    return _checked(replace(reply, kind="what_if", payloads=tuple(ask(calls)), calls=tuple(calls)))


def _as_long(call: Call, before: Sequence[Call]) -> Call:
    """The call over the same time as the ones before, so that they can stand beside each other."""
    time = {k: v for it in before[-1:] for k, v in it.args.items() if k in ("periods", "start", "until")}
    return Call.of(call.tool, **call.args | time)


def _changes(amounts: Amounts, product: Product) -> list[Call]:
    """What-if calls for every price, percentage or amount that was named."""
    calls = [Call.of("what_if", sku=product.sku, price=price) for price in amounts.prices]
    if amounts.percent is not None:
        calls.append(Call.of("what_if", sku=product.sku, percent=amounts.percent))
    if amounts.amount is not None:
        calls.append(Call.of("what_if", sku=product.sku, amount=amounts.amount))
    return calls


def _from(price: float, amounts: Amounts) -> Amounts:
    """A change on top of a price just tried ("and another 2 off") as the price it leads to."""
    changed = price * (1 + (amounts.percent or 0) / 100) + (amounts.amount or 0)
    return amounts if amounts.prices else Amounts(prices=(round(changed, 2),))


def _instead(request: Request, state: State) -> Request:
    """The request with its intent set to what can be answered where its topic cannot, or to nothing."""
    if request.topic is None:
        return request
    if request.topic == "report_read":  # of a product in it: what holds of it now
        return replace(request, topic=None, intent="price" if request.intent in _VAGUE else request.intent)
    intent = INSTEAD.get(request.topic, UNKNOWN)
    if (
        request.topic == "action"
        and not request.has_number
        and request.intent == "price"
        and request.mentions
    ):
        intent = "price"
    named = bool(request.mentions or state.focus or state.mentions)
    everything = "every" in request.flags and not request.mentions
    if intent == "what_if" and (everything or not request.has_number):
        intent = UNKNOWN
    if intent in PRODUCT_INTENTS and not named and request.topic != "match":
        intent = UNKNOWN
    return replace(request, intent=intent)


_VAGUE = frozenset({UNKNOWN, "find", "overview"})


def _failed(payload: Payload) -> bool:
    return payload.get("status") == "error"


def _checked(reply: Reply) -> Reply:
    """The reply without results that failed; an error where all did."""
    good = tuple(payload for payload in reply.payloads if not _failed(payload))
    return replace(reply, payloads=good) if good else replace(reply, kind="error")
