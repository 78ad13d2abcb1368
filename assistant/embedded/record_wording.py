"""Words about competitors, price sensitivity, the data, past forecasts, records and the assistant itself."""

from __future__ import annotations

from typing import Any

from assistant.embedded.conversation import Payload, items_of
from assistant.embedded.replies import Reply
from assistant.embedded.sentences import Sentences, lines, paragraphs, values_of
from assistant.embedded.shop_wording import named
from assistant.embedded.tables import compared_table, markdown
from assistant.wording import safe

MOST_UNKNOWN = 8
GROUPS = ("inelastic", "elastic", "unclear")


def competitors(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    rows, unknown = payload.get("rows", []), payload.get("unknown", [])
    about_some = bool(reply.resolved.products)
    if about_some and not rows:
        return paragraphs(words.say("competitors.unknown_one", names=named(unknown, words)))
    if not rows:
        return words.say("competitors.none")
    stale = [row for row in rows if row["stale"]]
    late = words.say("competitors.stale", names=named(stale, words)) if stale else ""
    if len(rows) == 1 and about_some:
        values = values_of(rows[0], words)
        return paragraphs(
            words.sentences(
                words.say(f"competitors.one_{rows[0]['position']}", values),
                words.known("competitors.recorded", values),
            ),
            late,
            words.say("competitors.unknown", names=named(unknown, words)) if unknown else "",
            words.sentences(words.say("competitors.limits"), words.say("competitors.match_ask")),
        )
    keys = ("name", "current_price", "competitor_price", "price_gap", "competitor_date")
    cells = [[values_of(row, words).get(key) for key in keys] for row in rows]
    facts = payload["facts"]
    return paragraphs(
        words.sentences(
            words.say("competitors.lead", {**facts, "known": facts["known"]}),
            words.say("competitors.lead_level", facts) if facts["level"] != "0" else "",
        ),
        markdown(words.cells("competitors.columns"), cells, words),
        late,
        words.say("competitors.unknown", names=named(unknown, words)) if unknown else "",
        words.sentences(words.say("competitors.limits"), words.say("competitors.match_ask")),
    )


def sensitivity(reply: Reply, words: Sentences) -> str:
    rows = reply.payloads[0].get("rows", [])
    if len(rows) == 1:
        return _one_sensitivity(rows[0], words)

    def listed(group: str) -> str:
        return lines(
            *(words.known("sensitivity.row", values_of(row, words)) for row in rows if row["group"] == group)
        )

    unknown = [
        words.say(
            "sensitivity.unknown_row",
            name=safe(str(row["name"])),
            reason=words.label("abstained", str(row["reason"])),
        )
        for row in rows
        if row["group"] == "unknown"
    ]
    parts = [
        paragraphs(words.say(f"sensitivity.{group}"), listed(group)) for group in GROUPS if listed(group)
    ]
    whole = not reply.resolved.products
    return paragraphs(
        words.say("sensitivity.no_inelastic") if whole and not listed("inelastic") else "",
        *parts,
        paragraphs(words.say("sensitivity.unknown"), lines(*unknown)) if unknown else "",
    )


def _one_sensitivity(row: Payload, words: Sentences) -> str:
    values = values_of(row, words)
    if row["group"] == "unknown":
        values["reason"] = words.label("abstained", str(row["reason"]))
    remedies = row.get("remedies", [])
    return paragraphs(
        words.sentences(
            words.say(f"sensitivity.headline_{row['group']}", values),
            words.known("sensitivity.value", values),
        ),
        words.known(
            "sensitivity.evidence_none" if row["reason"] == "price_never_varied" else "sensitivity.evidence",
            values,
        ),
        words.say("sensitivity.help", remedies=words.labels("remedies", remedies)) if remedies else "",
    )


def data(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    issues, products = payload.get("issues", []), payload.get("products", [])
    rows = []
    for issue in issues:
        values = {**issue, **issue["facts"], "names": _some(issue["products"], words)}
        values["period"] = words.label("period", "week")
        rows.append(words.known("data.issue", values))
    lead = (
        lines(*(words.known("data.one", values_of(row, words)) for row in products))
        if products
        else words.known("data.lead", payload["facts"])
    )
    concerned = any("revenue_concerned" in issue["facts"] for issue in issues)
    return paragraphs(
        lead, lines(*rows) or words.say("data.complete"), words.say("data.worth") if concerned else ""
    )


def _some(rows: list[Payload], words: Sentences) -> str:
    more = ["…"] if len(rows) > MOST_UNKNOWN else []
    return words.join([*(safe(str(row["name"])) for row in rows[:MOST_UNKNOWN]), *more])


def span(reply: Reply, words: Sentences) -> str:
    return words.known("data.span", reply.payloads[0]["facts"])


def imports(reply: Reply, words: Sentences) -> str:
    events = [event for event in reply.payloads[0].get("events", []) if event["action"] == "import"]
    if not events:
        return words.say("data.imports_none")
    last = events[0]
    values = {**last.get("facts", {}), "on": last["on"], "subject": safe(str(last["subject"]))}
    return words.known("data.imports", values)


def cost_told(reply: Reply, words: Sentences) -> str:
    told = reply.request.given.unit_cost
    cost = f"{told:.2f}" if told is not None else ""
    products = reply.resolved.products
    if len(products) != 1:
        return words.sentences(words.say("data.cost_told_plain", cost=cost), words.say("data.cost_which"))
    return words.say("data.cost_told", cost=cost, name=safe(products[0].name))


def track(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    lead = words.say("track.baseline") if reply.request.topic == "baseline" else ""
    reports = words.say("track.reports") if "of_report" in reply.request.flags else ""
    if payload["status"] == "not_measured":
        return paragraphs(lead, words.say("track.not_measured"), reports)
    facts, against = payload["facts"], payload.get("against", {})
    return paragraphs(
        lead,
        words.known("track.headline", facts),
        lines(*(words.known("track.product", values_of(row, words)) for row in payload.get("rows", []))),
        words.sentences(
            words.known("track.how", facts),
            *(words.say(f"track.{name}_{verdict}") for name, verdict in against.items()),
        ),
        words.sentences(
            words.known("track.given", facts) if facts["given"] != "0" else words.say("track.given_none"),
            words.say("track.cannot"),
        ),
        reports,
    )


def readiness(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    facts = payload["facts"]
    return paragraphs(
        words.sentences(
            words.say(f"readiness.{'enough' if payload['enough'] else payload['refused']}"),
            words.known("readiness.counts", facts),
        ),
        words.say("readiness.no_promise") if payload["enough"] else "",
        words.sentences(
            words.say("readiness.adapter" if payload.get("adapter") else "readiness.base"),
            words.say("readiness.without"),
            words.say("readiness.start") if payload["enough"] else "",
        ),
    )


def place(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    key = "unknown"
    if payload.get("leaves_computer") is not None:
        key = "built_in" if payload["built_in"] else "away" if payload["leaves_computer"] else "local"
    said = {"model": safe(str(payload.get("chat_model"))), "endpoint": safe(str(payload.get("endpoint")))}
    return paragraphs(words.say(f"place.{key}", said), words.known("place.data", payload))


def range_meaning(reply: Reply, words: Sentences) -> str:
    """What the ranges in answers hold."""
    return words.say("ranges.meaning", reply.payloads[0]["facts"])


def audit(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    about = payload.get("name")
    suggestions = [_suggestion(row, words) for row in payload.get("suggestions", [])]
    prices = [words.say(f"audit.price_{row['source']}", row) for row in payload.get("prices", [])]
    events = [
        words.known("audit.event", {**row, "subject": safe(str(row["subject"])) if row["subject"] else ""})
        for row in payload.get("events", [])
    ]
    now = payload["now"]
    return paragraphs(
        words.say("audit.lead", name=safe(str(about))) if about else words.say("audit.lead_shop"),
        paragraphs(*suggestions) or (words.say("audit.none") if about else ""),
        paragraphs(words.say("audit.prices"), lines(*prices)) if prices else "",
        paragraphs(words.say("audit.events"), lines(*events)) if events else "",
        words.say("audit.now", model=now["model"], adapter=_adapter(now["adapter"], words)),
    )


def _suggestion(row: Payload, words: Sentences) -> str:
    values: dict[str, Any] = {**row["facts"], "id": row["decision_id"], "on": row["on"], "by": row["by"]}
    versions = {key: row[key] for key in ("model", "rules", "data")}
    return words.sentences(
        words.known("audit.suggestion", values),
        words.say("audit.versions", versions, adapter=_adapter(row["adapter"], words)),
        words.say(f"audit.verdict_{row['verdict']}") if row["verdict"] else "",
    )


def _adapter(adapter: str | None, words: Sentences) -> str:
    return words.say("audit.adapter", adapter=adapter) if adapter else words.say("audit.no_adapter")


def compared(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    items = items_of(payload)
    best = next((item for item in items if item["sku"] == payload.get("most_profit")), None)
    if reply.request.topic == "cross_compared":
        return paragraphs(words.say("topics.cross_compared"), compared_table(items, words))
    return paragraphs(
        words.known("compare.most_profit", values_of(best, words)) if best else "",
        compared_table(items, words),
        words.say("compare.note"),
    )
