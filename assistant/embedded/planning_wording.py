"""Words about plans: costs and fees, forecasts, clearance, promotions, earlier prices, limits, measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assistant.embedded.conversation import Payload, items_of
from assistant.embedded.replies import Reply
from assistant.embedded.sentences import Sentences, bullets, lines, paragraphs, values_of
from assistant.embedded.tables import markdown
from assistant.wording import safe

MOST_ROWS = 12


def forecast(reply: Reply, words: Sentences) -> str:
    """Totals with their ranges first, then period by period, then what is not in them."""
    payload = reply.payloads[0]
    items, total = items_of(payload), payload.get("total")
    left_out = _left_out(payload, words)
    if not items:
        return paragraphs(words.say("forecast.none"), left_out)
    if total is not None:
        values = {**total["facts"], "period": words.label("period", str(payload["period"]))}
        head = paragraphs(
            words.sentences(
                words.known("forecast.total", values), words.known("forecast.total_profit", values)
            ),
            _periods(total.get("rows", []), payload, words),
            _products(items, words) if len(items) <= MOST_ROWS else "",
        )
        return paragraphs(
            head,
            words.sentences(words.known("forecast.without_cost", values), words.say("forecast.independent")),
            left_out,
            words.known("forecast.basis", values),
        )
    return paragraphs(*(_one_forecast(item, payload, words) for item in items), left_out)


def _one_forecast(item: Payload, payload: Payload, words: Sentences) -> str:
    values = values_of(item, words)
    return paragraphs(
        words.sentences(words.known("forecast.one", values), words.known("forecast.one_money", values)),
        _periods(item.get("rows", []), payload, words),
        _cautions(item, words, skip=("cost_missing",)),
        words.known("forecast.basis", values),
    )


def _periods(rows: Sequence[Payload], payload: Payload, words: Sentences) -> str:
    if len(rows) < 2:
        return ""
    cells = [[row["date"], row.get("units"), row.get("revenue"), row.get("profit")] for row in rows]
    period = words.label("period", str(payload["period"]))
    return markdown(words.cells("forecast.periods", period=period), cells, words)


def _products(items: Sequence[Payload], words: Sentences) -> str:
    cells = []
    for item in items:
        values = values_of(item, words)
        cells.append([values["name"], *(values.get(key) for key in ("units", "revenue", "profit"))])
    return markdown(words.cells("forecast.products"), cells, words)


def _left_out(payload: Payload, words: Sentences) -> str:
    rows = payload.get("left_out", [])
    if not rows:
        return ""
    named = [
        words.say(
            "overview.named", name=safe(str(row["name"])), reason=words.label("abstained", str(row["reason"]))
        )
        for row in rows
    ]
    return words.say("forecast.left_out", names=words.join(named, "ask.semicolon"))


def cover(reply: Reply, words: Sentences) -> str:
    """How long the stock lasts at the price now, and what price the policy would set with it."""
    items = [item for payload in reply.payloads for item in items_of(payload)]
    values: dict[str, Any] = {}
    for item in reversed(items):
        values |= values_of(item, words)
    said = words.known("cover.runs_out", values) or words.known("cover.lasts", values)
    priced = next((item for item in items if "direction" in item), None)
    suggestion = ""
    if priced is not None and not priced.get("abstained"):
        suggestion = words.known(f"cover.{priced['direction']}", values)
    abstained = next((item for item in items if item.get("abstained")), None)
    reason = (
        words.say("abstain.reason", reason=words.label("abstained", str(abstained["abstained"])))
        if abstained
        else ""
    )
    return paragraphs(
        said or words.known("cover.unknown", values),
        words.sentences(suggestion, reason),
        words.sentences(words.known("cover.pace", values), words.say("cover.goodwill") if suggestion else ""),
        _left_out(reply.payloads[0], words) if "left_out" in reply.payloads[0] else "",
    )


def break_even(reply: Reply, words: Sentences) -> str:
    """The floor first; margins at the prices spoken of; then whether another price would pay."""
    return paragraphs(*(_break_even(items_of(it)[0], words, reply) for it in reply.payloads))


def _break_even(item: Payload, words: Sentences, reply: Reply) -> str:
    values = values_of(item, words)
    floor = words.known("break_even.floor_fees", values) or words.known("break_even.floor", values)
    now = words.known("break_even.now", values)
    then = words.known("break_even.then_loss" if item.get("loses") else "break_even.then", values)
    same = values.get("price_then") == values.get("price_now")
    volume = "" if same else words.known("break_even.volume", values)
    margin = words.known("break_even.for_margin", values)
    if reply.request.topic == "margin":
        return paragraphs(
            margin, now if margin else words.sentences(now, words.say("break_even.meaning")), floor
        )
    return paragraphs(
        words.sentences(then, volume),
        floor,
        words.sentences(now, words.known("break_even.room", values)),
        words.sentences(words.say("break_even.no_advice"), _cautions(item, words)),
    )


def clearance(reply: Reply, words: Sentences) -> str:
    """The chance of selling through first, then the path, then what keeping the price would do."""
    later = "later" in reply.request.flags
    parts = [_clearance(items_of(payload)[0], words) for payload in reply.payloads]
    return paragraphs(words.say("clearance.later") if later else "", *parts)


def _clearance(item: Payload, words: Sentences) -> str:
    values = values_of(item, words)
    kind = "not_needed" if not item.get("needed") else "reached" if item.get("reached") else "not_reached"
    steps = [[step["date"], step["price"]] for step in item.get("steps", [])]
    moves = len(steps) > 1 or (steps and steps[0][1] != values.get("current_price"))
    limit = words.known(f"clearance.limit_{item['limited_by']}", values) if not item.get("reached") else ""
    return paragraphs(
        words.sentences(words.known(f"clearance.{kind}", values), words.known("clearance.whole", values)),
        markdown(words.cells("clearance.steps"), steps, words) if moves else "",
        words.sentences(words.known("clearance.left", values), words.known("clearance.money", values)),
        words.known("clearance.keep", values) if moves else "",
        words.sentences(limit, _cautions(item, words)),
        words.say("clearance.anew"),
    )


def no_stock(reply: Reply, words: Sentences) -> str:
    """There is nothing to clear, or it is not known how much."""
    item = items_of(reply.payloads[0])[0]
    values = values_of(item, words)
    sold_out = item.get("abstained") == "out_of_stock"
    return words.known("clearance.sold_out" if sold_out else "clearance.no_stock", values)


def promotion(reply: Reply, words: Sentences) -> str:
    """Whether it pays first; extra units against what is given away; the depth that would pay."""
    coupon = words.say("promotion.coupon") if reply.request.topic == "coupon" else ""
    items = [items_of(payload)[0] for payload in reply.payloads]
    return paragraphs(coupon, *(_promotion(item, words) for item in items))


def _promotion(item: Payload, words: Sentences) -> str:
    values = values_of(item, words)
    broken = item.get("broken_rules", [])
    rules = words.labels("rules", broken) if broken else ""
    untried = {"price_never_varied", "too_little_history"} & set(item.get("cautions", []))
    verdict = words.known(f"promotion.{item.get('gain_sign') or 'best_only'}", values)
    if untried:
        verdict = words.sentences(words.known("promotion.untried", values), verdict)
    return paragraphs(
        verdict,
        bullets(
            words.known("promotion.lift", values),
            words.known("promotion.needed", values),
            words.known("promotion.given_away", values),
            words.known("promotion.after", values),
        ),
        words.sentences(
            words.known("promotion.best", values)
            if "best_depth" in values
            else words.say("promotion.no_best"),
            words.known("promotion.deepest", values),
        ),
        words.sentences(
            words.say("promotion.broken", rules=rules) if rules else "",
            words.known("promotion.window", values),
            _cautions(item, words),
        ),
    )


def target(reply: Reply, words: Sentences) -> str:
    """Which single change would do; where none does, why not."""
    item = items_of(reply.payloads[0])[0]
    values = values_of(item, words)
    if item.get("abstained"):
        return words.say("target.abstained", values, reason=words.label("abstained", str(item["abstained"])))
    reached = [change for change in item["changes"] if change["reached"]]
    missed = [change for change in item["changes"] if not change["reached"]]
    forbidden = item.get("forbidden_by", [])
    head = "already" if item.get("already") else "reached" if reached else "none"
    return paragraphs(
        words.known(f"target.{head}", values),
        bullets(*(_change(change, "change", words) for change in reached)),
        bullets(*(_change(change, f"missed_{change['why']}", words) for change in missed)),
        words.sentences(
            words.say("target.forbidden", rules=words.labels("rules", forbidden)) if forbidden else "",
            words.known("target.without_rules", values),
        ),
        words.say("target.single"),
    )


def _change(change: Payload, key: str, words: Sentences) -> str:
    values = {**change, "input": words.label("drivers", str(change["name"]))}
    return words.known(f"target.{key}", values)


def reference(reply: Reply, words: Sentences) -> str:
    """What may be shown, by which records; each jurisdiction by its own rule. No legal advice."""
    parts = []
    for payload in reply.payloads:
        item = items_of(payload)[0]
        values = values_of(item, words)
        values["region"] = words.label("reference", f"profile.{item['region']}")
        if item.get("blocked"):
            values["blocked"] = words.label("reference", f"blocked.{item['blocked']}")
        rows = [[row["first"], row["price"]] for row in item.get("used", [])]
        notes = [words.label("reference", f"notes.{note}") for note in item.get("notes", [])]
        parts.append(
            paragraphs(
                words.known("reference.blocked" if item.get("blocked") else "reference.allowed", values),
                words.known("reference.percent", values),
                words.known("reference.rows", values) if rows else "",
                markdown(words.cells("reference.used"), rows, words) if rows else "",
                words.say("reference.notes", notes=words.join(notes, "ask.semicolon")) if notes else "",
            )
        )
    return paragraphs(*parts, words.say("reference.no_advice"))


def unit_price(reply: Reply, words: Sentences) -> str:
    return lines(*(_unit_price(items_of(payload)[0], words) for payload in reply.payloads))


def _unit_price(item: Payload, words: Sentences) -> str:
    values = values_of(item, words) | {"unit": words.label("measures", str(item["per"]))}
    return words.known("unit_price.converted" if item.get("converted") else "unit_price.plain", values)


def price_test(reply: Reply, words: Sentences) -> str:
    """What to test and for how long; what it costs and is worth; in which order."""
    item = items_of(reply.payloads[0])[0]
    values = values_of(item, words) | {"arms": words.join(item["arms"], "ask.and")}
    slots = [[slot["date"], slot["price"]] for slot in item.get("schedule", [])]
    return paragraphs(
        words.known(f"price_test.lead_{item['tells']}", values),
        words.sentences(words.known("price_test.cost", values), words.known("price_test.changed", values)),
        paragraphs(words.say("price_test.order"), markdown(words.cells("price_test.slots"), slots, words)),
        words.sentences(_cautions(item, words), words.say("price_test.yours")),
    )


def assumed(reply: Reply, words: Sentences) -> str:
    """What would be recommended under the circumstances, against now; what staying would bring."""
    items = [item for payload in reply.payloads for item in items_of(payload)]
    tried = [item for item in items if "assumed" in item]
    priced = [item for item in items if "direction" in item and "assumed" not in item]
    names = {name for item in tried for name in item.get("assumed", [])}
    first = values_of(items[0], words)
    told = [words.known(f"assumed.{name}", first) for name in sorted(names)]
    head = words.say("assumed.lead", first, what=words.join([text for text in told if text], "ask.and"))
    parts = [head] if any(told) else []
    if priced:
        parts.append(_under(priced[0], priced[-1], words))
    for item in tried:
        values = values_of(item, words)
        stays = values.get("price") == values.get("current_price")
        gain = "" if stays else words.known(f"price.gain_{item.get('gain_sign') or 'unclear'}", values)
        parts.append(
            paragraphs(
                words.sentences(words.known("assumed.stay" if stays else "assumed.at", values), gain),
                words.sentences(words.known("assumed.margin", values), _cautions(item, words)),
            )
        )
    return paragraphs(*parts, words.say("what_if.nothing_changed"))


def _under(then: Payload, now: Payload, words: Sentences) -> str:
    """The suggestion under the circumstances beside the one as things are."""
    if then.get("abstained"):
        return words.say("abstain.reason", reason=words.label("abstained", str(then["abstained"])))
    values = values_of(then, words)
    kept = then.get("direction") == "keep"
    said = words.known("assumed.keep" if kept else f"assumed.{then['direction']}", values)
    if now.get("abstained") or now is then:
        return said
    before = values_of(now, words)
    return words.sentences(said, words.known("assumed.as_is", before))


def cannot(reply: Reply, words: Sentences) -> str:
    """What is not modelled, what each unit leaves to pay for it, and what can be worked out instead."""
    rows = []
    for payload in reply.payloads:
        values = values_of(items_of(payload)[0], words)
        rows.append(words.known("cannot.margin", values))
    key = f"cannot.{reply.request.topic}"
    told = lines(words.say("cannot.leaves"), *rows) if any(rows) else ""
    return paragraphs(words.say(key), told, words.say("cannot.instead"))


def promo_choice(reply: Reply, words: Sentences) -> str:
    """Which products a promotion could suit: those whose price is better lower, and those where it is not."""
    payload = reply.payloads[0]
    rows = payload.get("rows", [])
    names = {
        side: [values_of(row, words)["name"] for row in rows if row.get("direction") == move]
        for side, move in (("join", "cut"), ("out", "raise"))
    }
    kept = [safe(str(row["name"])) for row in payload.get("keep", [])]
    unknown = [safe(str(row["name"])) for row in payload.get("not_priced", [])]
    gains = [
        words.known("promo_choice.row", values_of(row, words))
        for row in rows
        if row.get("direction") == "raise"
    ]
    return paragraphs(
        words.say("promo_choice.lead"),
        bullets(
            words.say("promo_choice.out", names=words.join(names["out"])) if names["out"] else "",
            words.say("promo_choice.keep", names=words.join(kept)) if kept else "",
            words.say("promo_choice.join", names=words.join(names["join"])) if names["join"] else "",
            words.say("promo_choice.unknown", names=words.join(unknown)) if unknown else "",
        ),
        lines(*gains[:3]),
        words.say("promo_choice.ask"),
    )


def _cautions(item: Payload, words: Sentences, *, skip: Sequence[str] = ()) -> str:
    cautions = [code for code in item.get("cautions", []) if code not in skip]
    return words.say("what_if.cautions", cautions=words.labels("cautions", cautions)) if cautions else ""


PLANNING: Mapping[str, Callable[[Reply, Sentences], str]] = {
    "forecast": forecast,
    "cover": cover,
    "break_even": break_even,
    "clearance": clearance,
    "no_stock": no_stock,
    "promotion": promotion,
    "target": target,
    "reference": reference,
    "unit_price": unit_price,
    "assumed": assumed,
    "price_test": price_test,
    "cannot": cannot,
    "promo_choice": promo_choice,
    "cost_asked": lambda reply, words: words.say("break_even.which"),
}
"""By kind of reply."""
