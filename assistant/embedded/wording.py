"""From tool results to text: which sentences, in which order. Every number is a fact a tool formatted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import prompts
from assistant.embedded import record_wording, shop_answers, shop_wording
from assistant.embedded.conversation import Payload, items_of
from assistant.embedded.decision_wording import before_write, currency, decided, lacking, once, rate, rules
from assistant.embedded.dialogue import INSTEAD
from assistant.embedded.planning import PLANS
from assistant.embedded.planning_wording import PLANNING
from assistant.embedded.replies import Reply
from assistant.embedded.sentences import Sentences, bullets, lines, paragraphs, sentences, values_of
from assistant.embedded.tables import compare_table, price_table, what_if_table
from assistant.wording import safe

MOST_DRIVERS = 3
SAY_IT_ALL = ("decided", "rules", "once", "lacking", *shop_answers.RECORDS)
"""Kinds of answer that need no sentence of their topic before them."""
DECISIONS = ("approve", "action", "reject", "rules", "rules_list", "undo")
"""Topics on which something can be done: their sentence is for where it cannot."""


def render(replies: Sequence[Reply]) -> str:
    """The answer's Markdown."""
    return "\n\n".join(dict.fromkeys(_render(reply) for reply in replies))


def _render(reply: Reply) -> str:
    words = sentences(reply.language)
    topic = reply.request.topic
    if reply.kind in PLANNING:
        return PLANNING[reply.kind](reply, words)
    note = words.say(f"topics.{topic}") if topic and reply.kind not in SAY_IT_ALL else ""
    asks_back = reply.kind in ("topic", "which", "clarify", "not_found", "currency", "rate", "error")
    if asks_back and topic in (*DECISIONS, *PLANS) and reply.kind != "topic":
        note = ""  # the question back says it all
    lead = words.known(f"instead.{topic}", {}) if topic in INSTEAD and not asks_back else ""
    said = _RENDERERS[reply.kind](reply, words)
    return paragraphs(words.sentences(note, lead), said, before_write(reply, words))


def _price(reply: Reply, words: Sentences) -> str:
    item = items_of(reply.payloads[0])[0]
    return paragraphs(
        _suggestion(item, words, asked=reply.request.objective),
        *(_you_named(payload, words) for payload in reply.payloads[1:]),
        _clarify(reply, words),
    )


def _suggestion(item: Payload, words: Sentences, *, asked: str = "profit") -> str:
    """Price first, against keeping it; then why, the rule, the confidence, the elasticity."""
    if item.get("abstained"):
        return _abstention(item, words)
    values = values_of(item, words)
    return paragraphs(
        words.sentences(
            _headline(item, values, words), _gain(item, values, words), _outcome(item, values, words)
        ),
        words.sentences(
            _aim(item, words, asked), words.known("price.margin", values) if _moves(item) else ""
        ),
        _drivers(item, words),
        bullets(_rules(item, words), _confidence(item, values, words), _elasticity(item, values, words)),
        words.known("price.test", values),
    )


def _moves(item: Payload) -> bool:
    return item.get("direction") in ("raise", "cut")


def _headline(item: Payload, values: Mapping[str, Any], words: Sentences) -> str:
    if _moves(item):
        return words.say(f"price.{item['direction']}", values)
    held = item.get("clamps") and values.get("model_price") not in (None, values.get("current_price"))
    return words.say("price.keep_rule" if held else "price.keep", values)


def _gain(item: Payload, values: Mapping[str, Any], words: Sentences) -> str:
    if not _moves(item) or not item.get("gain_sign"):
        return ""
    return words.known(f"price.gain_{item['gain_sign']}", values)


def _outcome(item: Payload, values: Mapping[str, Any], words: Sentences) -> str:
    return words.known("price.outcome" if _moves(item) else "price.outcome_keep", values)


def _aim(item: Payload, words: Sentences, asked: str) -> str:
    if "cost_missing" in item.get("cautions", ()):
        return words.say("price.cost_unknown")
    return words.say("price.aim_revenue") if asked == "revenue" and item.get("objective") == "revenue" else ""


def _drivers(item: Payload, words: Sentences, most: int = MOST_DRIVERS) -> str:
    drivers = item.get("drivers", [])[:most]
    if not drivers:
        return ""
    rows = [
        words.say(
            f"why.driver_{driver['direction']}",
            driver=_driver(driver, words),
            contribution=driver["contribution"],
        )
        for driver in drivers
    ]
    return paragraphs(words.say("why.title"), bullets(*rows))


def _driver(driver: Payload, words: Sentences) -> str:
    return str(driver.get("label") or words.label("drivers", str(driver["name"])))


def _rules(item: Payload, words: Sentences, *, whole: bool = False) -> str:
    clamps = item.get("clamps", [])
    if not clamps:
        return words.say("rule.none")
    steps = [
        {"rule": clamp.get("label") or words.label("rules", clamp["rule"]), **_pair(clamp)}
        for clamp in clamps
    ]
    if len(steps) == 1 or not whole:
        return words.say("rule.one", steps[-1])
    return words.say("rule.many", trail=words.join([words.say("rule.step", step) for step in steps]))


def _allowed(item: Payload, words: Sentences) -> str:
    """The prices that each rule allows, and why one does not apply."""
    rows = [
        words.known(
            "rule.allowed",
            {**rule, "status": words.join([str(rule[key]) for key in ("status_label", "note") if rule[key]])},
        )
        for rule in item.get("rules", [])
    ]
    return paragraphs(words.say("rule.allowed_title"), bullets(*rows)) if rows else ""


def _pair(clamp: Payload) -> dict[str, str]:
    return {"before": str(clamp["before"]), "after": str(clamp["after"])}


def _confidence(item: Payload, values: Mapping[str, Any], words: Sentences) -> str:
    cautions, remedies = item.get("cautions", []), item.get("remedies", [])
    said = words.say("confidence.plain", values)
    if cautions:
        said = words.say("confidence.because", values, cautions=words.labels("cautions", cautions))
    return words.sentences(
        said, words.say("confidence.remedy", remedies=words.labels("remedies", remedies)) if remedies else ""
    )


def _elasticity(item: Payload, values: Mapping[str, Any], words: Sentences) -> str:
    return words.known(f"elasticity.{item['demand']}", values) if item.get("demand") else ""


def _abstention(item: Payload, words: Sentences) -> str:
    values, code = values_of(item, words), str(item["abstained"])
    remedies = item.get("remedies", [])
    have = "abstain.have" if code == "too_little_history" else "abstain.have_plain"
    return paragraphs(
        words.sentences(
            words.known("abstain.headline", values),
            words.say("abstain.reason", reason=words.label("abstained", code)),
        ),
        words.sentences(
            words.known(have, values),
            words.say("abstain.remedy", remedies=words.labels("remedies", remedies)) if remedies else "",
            words.known("price.test", values),
        ),
        words.known("price.outcome_keep", values),
    )


def _explain(reply: Reply, words: Sentences) -> str:
    item = items_of(reply.payloads[0])[0]
    if item.get("abstained"):
        return paragraphs(_abstention(item, words), words.say("abstain.not_guessing"))
    return explanation(item, words)


def explanation(item: Payload, words: Sentences) -> str:
    """Why a price is recommended, as Markdown: the chat's answer and the report's page."""
    values = values_of(item, words)
    model = words.known("why.model", values) if item.get("clamps") else words.say("why.model_only")
    return paragraphs(
        words.sentences(_headline(item, values, words), _gain(item, values, words)),
        _aim(item, words, "profit"),
        _drivers(item, words, most=len(item.get("drivers", []))) or words.say("why.none"),
        words.sentences(_rules(item, words, whole=True), model if _moves(item) or item.get("clamps") else ""),
        _allowed(item, words),
        words.known("why.keeping", values),
        bullets(_elasticity(item, values, words), _confidence(item, values, words)),
        words.known("why.evidence", values),
    )


def _brief(reply: Reply, words: Sentences) -> str:
    item = items_of(reply.payloads[0])[0]
    if item.get("abstained"):
        return _abstention(item, words)
    values = values_of(item, words)
    if not _moves(item):
        return words.known("why.brief_keep", values)
    # Only what pushed the price the way it went: "because of" would be false of the others.
    sign = "up" if item["direction"] == "raise" else "down"
    behind = [_driver(driver, words) for driver in item.get("drivers", []) if driver["direction"] == sign][:2]
    if behind and item["drivers"][0]["name"] != "elasticity":
        return words.known("why.brief_change", values, drivers=words.join(behind, "ask.and"))
    return words.known("why.brief_change_plain", values)


def _sure(reply: Reply, words: Sentences) -> str:
    item = items_of(reply.payloads[0])[0]
    if item.get("abstained"):
        return _abstention(item, words)
    values, cautions, remedies = values_of(item, words), item.get("cautions", []), item.get("remedies", [])
    uncertain = words.say("confidence.because_of", cautions=words.labels("cautions", cautions))
    return paragraphs(
        words.sentences(
            words.say("confidence.headline" if _moves(item) else "confidence.headline_keep", values),
            words.known("confidence.ranges", values),
        ),
        words.sentences(
            words.known("confidence.meaning", values),
            uncertain if cautions else words.say("confidence.nothing_special"),
            words.say("confidence.remedy", remedies=words.labels("remedies", remedies)) if remedies else "",
        ),
        _elasticity(item, values, words),
        words.known("why.evidence", values),
    )


def _sensitivity(reply: Reply, words: Sentences) -> str:
    item = items_of(reply.payloads[0])[0]
    if not item.get("demand") or item.get("abstained") in ("too_little_history", "price_never_varied"):
        return _abstention(item, words) if item.get("abstained") else _explain(reply, words)
    values = values_of(item, words)
    return paragraphs(
        words.say(f"elasticity.headline_{item['demand']}", values),
        _elasticity(item, values, words),
        words.sentences(_confidence(item, values, words), words.known("why.evidence", values)),
    )


def _facts(reply: Reply, words: Sentences) -> str:
    values = values_of(items_of(reply.payloads[0])[0], words)
    return paragraphs(
        words.sentences(
            words.known("facts.headline", values),
            words.known("facts.cost", values) or words.say("facts.no_cost"),
        ),
        words.known("facts.competitor", values) or words.say("facts.no_competitor"),
        words.known("facts.profit", values),
    )


def _what_if(reply: Reply, words: Sentences) -> str:
    items = [items_of(payload)[0] for payload in reply.payloads]
    if len(items) > 1:
        return paragraphs(
            *what_if_table(items, words),
            _cautions(items[-1], words),
            words.say("what_if.nothing_changed"),
        )
    item, values = items[0], values_of(items[0], words)
    same = values.get("price") == values.get("current_price")
    return paragraphs(
        words.say("what_if.same_price" if same else "what_if.headline", values),
        ""
        if same
        else words.sentences(
            words.known(f"price.gain_{item.get('gain_sign') or 'unclear'}", values),
            words.known("what_if.outcome", values),
        ),
        words.known("price.margin", values)
        or (words.say("price.cost_unknown") if item.get("objective") == "revenue" else ""),
        _cautions(item, words),
        words.say("what_if.nothing_changed"),
    )


def _cautions(item: Payload, words: Sentences) -> str:
    cautions = [
        code for code in item.get("cautions", []) if code not in ("cost_missing", "outside_known_range")
    ]
    outside = item.get("known_range") is False
    return words.sentences(
        words.say("what_if.outside") if outside else "",
        words.say("what_if.cautions", cautions=words.labels("cautions", cautions)) if cautions else "",
    )


def _you_named(payload: Payload, words: Sentences) -> str:
    item = items_of(payload)[0]
    return words.sentences(words.known("what_if.you_named", values_of(item, words)), _cautions(item, words))


def _table(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    skipped = [safe(str(row.get("name") or row["sku"])) for row in payload.get("skipped", [])]
    compare = reply.request.intent in ("compare", "elasticity", "facts")
    table = (compare_table if compare else price_table)(items_of(payload), words)
    return paragraphs(
        words.say("ask.neither") if "neither" in reply.request.flags else "",
        words.say("table.lead_compare" if compare else "table.lead"),
        table,
        words.say("table.skipped", names=words.join(skipped)) if skipped else "",
        words.say("table.compare_note") if compare else words.say("table.after"),
        _clarify(reply, words),
    )


def _clarify(reply: Reply, words: Sentences) -> str:
    """What could not be settled: words for several products, and words for none."""
    rows = [words.known("ask.row", {"name": safe(p.name), "sku": p.sku}) for p in reply.resolved.candidates]
    return paragraphs(words.say("ask.clarify") if rows else "", lines(*rows), _missing(reply, words))


def _missing(reply: Reply, words: Sentences) -> str:
    return lines(*(words.say("ask.not_found", phrase=safe(phrase)) for phrase in reply.resolved.missing))


def _error(reply: Reply, words: Sentences) -> str:
    return "\n\n".join(dict.fromkeys(str(payload.get("message", "")) for payload in reply.payloads))


def _about_first(key: str) -> Callable[[Reply, Sentences], str]:
    def asked(reply: Reply, words: Sentences) -> str:
        product = reply.resolved.products[0]
        return words.say(key, name=safe(product.name))

    return asked


def _fixed(key: str) -> Callable[[Reply, Sentences], str]:
    return lambda reply, words: words.say(key)


_RENDERERS: Mapping[str, Callable[[Reply, Sentences], str]] = {
    "price": _price,
    "table": _table,
    "explain": _explain,
    "brief": _brief,
    "confidence": _sure,
    "elasticity": _sensitivity,
    "facts": _facts,
    "what_if": _what_if,
    "overview": shop_wording.overview,
    "below_cost_now": shop_wording.below_cost,
    "idle": shop_wording.idle,
    "earners": shop_wording.earners,
    "kept": shop_wording.kept,
    "unpriced": shop_wording.unpriced,
    "upside": shop_wording.upside,
    "endings": shop_wording.endings,
    "competitors": record_wording.competitors,
    "sensitivity": record_wording.sensitivity,
    "data": record_wording.data,
    "compared": record_wording.compared,
    "track": record_wording.track,
    "readiness": record_wording.readiness,
    "place": record_wording.place,
    "range_meaning": record_wording.range_meaning,
    "imports": record_wording.imports,
    "span": record_wording.span,
    "audit": record_wording.audit,
    "cost_told": record_wording.cost_told,
    "none_priced": _fixed("shop.none_priced"),
    "list": shop_wording.product_list,
    "clarify": _clarify,
    "which": _fixed("ask.which"),
    "at_which_price": _about_first("ask.at_which_price"),
    "which_direction": _about_first("ask.which_direction"),
    "currency": currency,
    "rate": rate,
    "not_found": _missing,
    "error": _error,
    "decided": decided,
    "rules": rules,
    "once": once,
    "lacking": lacking,
    "topic": lambda reply, words: "",
    "help": lambda reply, words: prompts.load(words.language, "help.txt").strip(),
    "greeting": _fixed("chat.greeting"),
    "thanks": _fixed("chat.thanks"),
    "unknown": _fixed("chat.unknown"),
}
