"""Words about what a merchant decided, and about the rules in force."""

from __future__ import annotations

from assistant.embedded.conversation import Payload
from assistant.embedded.replies import Reply
from assistant.embedded.sentences import Sentences, bullets, lines, paragraphs
from assistant.wording import safe


def decided(reply: Reply, words: Sentences) -> str:
    """What was done, or why it was not; each once."""
    unread = reply.request.unread
    return paragraphs(
        *dict.fromkeys(_became(payload) for payload in reply.payloads),
        words.say("rules.unread", text=safe(unread)) if unread else "",
    )


def lacking(reply: Reply, words: Sentences) -> str:
    """What a rule needs that was not said."""
    return words.say("rules.lacking", text=safe(reply.request.unread))


def currency(reply: Reply, words: Sentences) -> str:
    """Which price is meant in the shop's currency."""
    return words.say("ask.currency", currency=next(p.currency for p in reply.resolved.products if p.currency))


def rate(reply: Reply, words: Sentences) -> str:
    """At which rate a price in another currency is meant."""
    shop = next(product.currency for product in reply.resolved.products if product.currency)
    return words.say("ask.rate", said=str(reply.request.amounts.currency), currency=shop)


def before_write(reply: Reply, words: Sentences) -> str:
    """After what is missing of something to be recorded: that nothing is done before the merchant's yes."""
    return words.say("ask.before_write") if reply.kind in ("rate", "lacking") else ""


def once(reply: Reply, words: Sentences) -> str:
    """What can be done instead of lifting a rule for one time."""
    return words.say("rules.once")


def _became(payload: Payload) -> str:
    if payload.get("status") == "ok":
        return paragraphs(str(payload["done"]), bullets(*(str(note) for note in payload.get("notes", []))))
    return str(payload.get("message", ""))


def rules(reply: Reply, words: Sentences) -> str:
    """The rules in force, the widest scope first."""
    scopes = [
        paragraphs(
            words.known(
                "rules.scope",
                {
                    "scope": safe(str(scope["name"])),
                    "actor": safe(str(scope["actor"])) if scope.get("actor") else "",
                    "since": scope.get("since"),
                },
            ),
            lines(*(words.say("rules.rule", rule=it["label"], value=it["value"]) for it in scope["rules"])),
        )
        for scope in reply.payloads[0].get("scopes", [])
    ]
    return paragraphs(words.say("rules.lead"), *scopes, words.say("rules.change"))
