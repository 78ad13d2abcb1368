"""Words about the shop as a portfolio: the overview and its parts, lists of products."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.embedded.conversation import Payload
from assistant.embedded.replies import Reply
from assistant.embedded.sentences import Sentences, lines, paragraphs, values_of
from assistant.embedded.tables import markdown, price_table
from assistant.wording import safe


def overview(reply: Reply, words: Sentences) -> str:
    payload, flags = reply.payloads[0], reply.request.flags
    rows = list(payload.get("rows", []))
    wanted = {"raise", "cut"} & flags
    if len(wanted) == 1:
        rows = [row for row in rows if row.get("direction") in wanted]
    values = {**payload.get("facts", {}), "period": words.label("period", str(payload.get("period", "week")))}
    lead = words.sentences(words.known("overview.lead", values), words.known("overview.total", values))
    not_priced = _with_reasons(payload.get("not_priced", []), words)
    if reply.request.topic == "report" or "brief" in flags:
        top = words.known("overview.top", values_of(rows[0], words)) if rows else words.say("overview.none")
        return words.sentences(lead, top, words.say("overview.risk", names=not_priced) if not_priced else "")
    title = "overview.rows" if len(wanted) != 1 else f"overview.rows_{wanted.pop()}"
    table = paragraphs(words.say(title), price_table(rows, words), words.say("table.after"))
    return paragraphs(
        lead,
        table if rows else words.say("overview.none"),
        words.say("overview.not_priced", names=not_priced) if not_priced else "",
        words.say("overview.ask") if rows else "",
    )


def _with_reasons(rows: Sequence[Payload], words: Sentences) -> str:
    named = [
        words.say(
            "overview.named", name=safe(str(row["name"])), reason=words.label("abstained", str(row["reason"]))
        )
        for row in rows
    ]
    return words.join(named, "ask.semicolon")


def below_cost(reply: Reply, words: Sentences) -> str:
    """Prices below cost, and where that cannot be told."""
    payload = reply.payloads[0]
    rows = payload.get("below_cost", [])
    unknown = [row for row in payload.get("gaps", []) if row.get("reason") == "cost_missing"]
    return paragraphs(
        words.say("shop.below_some", payload["facts"]) if rows else words.say("shop.below_none"),
        lines(*(words.say("shop.below_row", values_of(row, words)) for row in rows)),
        words.say("shop.below_unknown", names=named(unknown, words)) if unknown else "",
    )


def idle(reply: Reply, words: Sentences) -> str:
    """Stock that does not sell, and what cannot sell for want of stock."""
    rows = reply.payloads[0].get("stock", [])

    def listed(state: str, key: str) -> str:
        return lines(*(words.known(key, values_of(row, words)) for row in rows if row["state"] == state))

    dead, slow = listed("dead", "shop.idle_row"), listed("slow", "shop.slow_row")
    sold_out = [row for row in rows if row["state"] == "sold_out"]
    wanted = "cut" in reply.request.flags
    return paragraphs(
        words.say("shop.idle") if dead else words.say("shop.no_idle"),
        dead,
        words.say("shop.sold_out", names=named(sold_out, words)) if sold_out else "",
        words.say("shop.slow") if slow else "",
        slow,
        overview(reply, words) if wanted else "",
    )


def earners(reply: Reply, words: Sentences) -> str:
    """Where the profit is made at the prices now."""
    payload = reply.payloads[0]
    period = words.label("period", str(payload.get("period", "week")))
    rows = [values_of(row, words) for row in payload.get("earners", [])]
    keys = ("name", "current_price", "profit_keep", "profit_keep_range")
    unknown = [row for row in payload.get("gaps", []) if row.get("reason") == "cost_missing"]
    return paragraphs(
        words.say("shop.earners"),
        markdown(
            words.cells("shop.earners_columns", period=period),
            [[row.get(k) for k in keys] for row in rows],
            words,
        ),
        words.say("shop.earners_unknown", names=named(unknown, words)) if unknown else "",
    )


def kept(reply: Reply, words: Sentences) -> str:
    """Prices to leave as they are."""
    rows = reply.payloads[0].get("keep", [])
    if not rows:
        return words.say("shop.kept_none")
    return paragraphs(
        words.say("shop.kept"),
        lines(*(words.say("shop.kept_row", name=safe(str(row["name"]))) for row in rows)),
        words.say("shop.kept_why"),
    )


def unpriced(reply: Reply, words: Sentences) -> str:
    """Products without a suggestion, and why."""
    rows = reply.payloads[0].get("not_priced", [])
    if not rows:
        return words.say("shop.unpriced_none")
    reasons = [
        words.say(
            "shop.unpriced_row",
            name=safe(str(row["name"])),
            reason=words.label("abstained", str(row["reason"])),
        )
        for row in rows
    ]
    return paragraphs(words.say("shop.unpriced"), lines(*reasons), words.say("shop.unpriced_help"))


def upside(reply: Reply, words: Sentences) -> str:
    """What all suggestions together are expected to bring."""
    payload = reply.payloads[0]
    values = {**payload["facts"], "period": words.label("period", str(payload.get("period", "week")))}
    both = "gain_profit_total" in values
    return paragraphs(
        words.sentences(
            words.known("shop.upside", values), words.known("shop.upside_revenue", values) if both else ""
        )
        or words.say("overview.none"),
        words.say("shop.upside_caution", values),
    )


def endings(reply: Reply, words: Sentences) -> str:
    """How many prices end as asked, or how they all end."""
    payload = reply.payloads[0]
    found = {str(row["ending"]): str(row["count"]) for row in payload.get("endings", [])}
    products = payload["facts"]["products"]
    asked = re.search(r"[.:](\d\d)(?!\d)", reply.request.text)
    if asked is None:
        rows = [[ending, count] for ending, count in found.items()]
        told = paragraphs(
            words.say("shop.endings_all", products=products),
            markdown(words.cells("shop.endings_columns"), rows, words),
        )
    else:
        ending = f".{asked[1]}"
        key = "shop.endings" if ending in found else "shop.endings_none"
        told = words.known(key, {"count": found.get(ending), "products": products, "ending": ending})
    return paragraphs(told, words.say("shop.endings_effect"))


def named(rows: Sequence[Payload], words: Sentences) -> str:
    """The names of some products."""
    return words.join([safe(str(row["name"])) for row in rows])


def product_list(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    rows = payload.get("matches", [])
    more = isinstance(payload.get("total"), int) and payload["total"] > len(rows)
    return paragraphs(
        words.say("ask.list"),
        lines(*(words.known("ask.row", {**row, "name": safe(str(row["name"]))}) for row in rows)),
        words.say("ask.list_more", total=payload.get("facts", {}).get("total", payload.get("total")))
        if more
        else "",
    )
