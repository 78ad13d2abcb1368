"""Words about the whole shop: the overview, gaps in the data, prices that can rise, lists of products."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.embedded.conversation import Payload
from assistant.embedded.replies import Reply
from assistant.embedded.sentences import Sentences, lines, paragraphs, values_of
from assistant.embedded.tables import price_table
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


def gaps(reply: Reply, words: Sentences) -> str:
    payload = reply.payloads[0]
    groups: dict[str, list[str]] = {}
    for row in payload.get("gaps", []):
        groups.setdefault(str(row["reason"]), []).append(safe(str(row["name"])))
    if not groups:
        return words.say("gaps.none")
    counts = payload.get("gap_counts", {})
    rows = []
    for code, names in groups.items():
        values = {
            "reason": words.label("abstained", code),
            "names": words.join(names),
            "count": counts.get(code),
        }
        rows.append(words.known("gaps.row", values) or words.known("gaps.row_plain", values))
    return paragraphs(words.say("gaps.lead"), lines(*rows), words.say("gaps.remedy"))


def inelastic(reply: Reply, words: Sentences) -> str:
    rows = [row for row in reply.payloads[0].get("rows", []) if row.get("direction") == "raise"]

    def listed(demand: str) -> str:
        return lines(
            *(
                words.known("inelastic.row", values_of(row, words))
                for row in rows
                if row.get("demand") == demand
            )
        )

    sure, unclear = listed("inelastic"), listed("unclear")
    return paragraphs(
        words.say("inelastic.sure") if sure else words.say("inelastic.none"),
        sure,
        words.say("inelastic.unclear") if unclear else "",
        unclear,
    )


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
