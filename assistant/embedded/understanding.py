"""From a merchant's message to what is asked, of which products, at which price: `understand`.

All knowledge of a language is in its lexicon. A product's name is data: what is quoted, or is the known name
of a product, is set aside before anything else is read, so that words and numbers inside a name mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache

from assistant.embedded.amounts import Amounts, amounts_in
from assistant.embedded.circumstances import Circumstances, blanked, circumstances_in
from assistant.embedded.lexicon import FILE, Lexicon, languages, lexicon, matches
from assistant.embedded.mentions import Mention, mentions_in, signs_in
from assistant.embedded.rule_words import Clause, RuleChange, clauses_in
from assistant.embedded.spelling import mended, normal

UNKNOWN = "unknown"
COST_TOPICS = frozenset({"fees", "shipping"})
"""Topics of one question: what is paid on a sale."""
WITH_REASON = ("approve", "action", "reject")
"""Topics whose message may say why."""
DECIDED = (*WITH_REASON, "rules")
"""Those, and rules, which may tell it too."""
OF_WHOLE = ("jailbreak", "echo", "deceive", "collusion", "personal", "predatory")
"""Topics that a message is about as a whole, whatever its sentences say by themselves."""
_MASK = 0xA000
"""First of the letters that stand for names set aside: of a script (Yi) that no merchant here writes in."""
_FILE = re.compile(FILE)
_QUOTED = re.compile(
    r"(?<!\w)['\"]([^'\"]{2,}(?:'\w[^'\"]*)?)['\"](?!\w)"  # 'lamp', "women's socks"
    r"|[“「《]([^”」》]{2,})[”」》]"
)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which of the products spoken of before is meant."""

    index: int | None = None
    other: bool = False


@dataclass(frozen=True)
class RuleClause:
    """Limits to change, and what the message calls the products that they are to hold for."""

    changes: tuple[RuleChange, ...]
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One thing a merchant asks for."""

    text: str
    language: str
    intent: str = UNKNOWN
    topic: str | None = None
    """Something to say first: what is refused, or not built; the intent is then what can be done instead."""
    mentions: tuple[Mention, ...] = ()
    signs: tuple[Mention, ...] = ()
    """Single signs that may call a product where nothing else does."""
    amounts: Amounts = field(default_factory=Amounts)
    given: Circumstances = field(default_factory=Circumstances)
    """What is assumed or demanded beside the price."""
    flags: frozenset[str] = frozenset()
    selection: Selection | None = None
    reason: str = ""
    """Why the merchant decides so, where they say."""
    clauses: tuple[RuleClause, ...] = ()
    """Rules to change."""
    file: str = ""
    """The file to import, as it was written."""
    unread: str = ""
    """What is said of a rule without the amount that it needs."""

    @property
    def objective(self) -> str:
        """What to aim at: profit unless revenue is asked for."""
        return "revenue" if "revenue" in self.flags and "profit" not in self.flags else "profit"

    @property
    def has_number(self) -> bool:
        """Whether a price or a change of price is named."""
        return (
            bool(self.amounts.prices) or self.amounts.percent is not None or self.amounts.amount is not None
        )


def language_of(text: str, default: str) -> str:
    """The language a message is in, by its function words; a bare name or number keeps `default`."""
    text = normal(text)
    for name in (_FILE, _QUOTED):  # may be in another language
        text = name.sub(" ", text).strip() or text
    known = {name: lexicon(name) for name in languages()}
    scores = {name: words.marker_weight * len(words.markers.findall(text)) for name, words in known.items()}
    best = max(scores.values())
    leaders = [name for name, score in scores.items() if score == best]
    if best:
        return leaders[0] if len(leaders) == 1 else default if default in leaders else leaders[0]
    letters = {name: len(words.script.findall(text)) for name, words in known.items()}
    # Latin letters alone may be a product's code in any language; another script tells its language.
    others = {name: count for name, count in letters.items() if count and name != "en"}
    return max(others, key=others.__getitem__) if others else default


def understand(
    text: str, *, language: str, names: Mapping[str, str] | None = None, today: date | None = None
) -> tuple[Request, ...]:
    """Read one message.

    Parameters
    ----------
    text
        The merchant's words.
    language
        The language they are in.
    names
        Names and SKUs of products already spoken of, with the SKU of each: these words are names wherever
        they occur.
    today
        The day on which they are said; without it no time is read.

    Returns
    -------
    What is asked, in order; at least one request.
    """
    return _understand(text, language, tuple(sorted((names or {}).items())), today)


@lru_cache(maxsize=256)
def _understand(
    text: str, language: str, names: tuple[tuple[str, str], ...], today: date | None
) -> tuple[Request, ...]:
    words = lexicon(language)
    if named := next((found for it in words.files if (found := it.search(text))), None):
        return (
            Request(
                text=text, language=language, topic="import", file=named["file"], flags=_flags(text, words)
            ),
        )
    masked, aside = _set_aside(normal(text), names, words)
    masked = mended(masked, words)
    parts: list[str] = []
    requests: list[Request] = []
    whole = _read(masked, words, aside, today)
    if whole.topic in OF_WHOLE:
        return (whole,)
    for part, joined in _clauses(masked, words, today):
        request = _read(part, words, aside, today)
        goes_on = not requests or not _stands_alone(request, requests[-1]) or _leads(requests[-1], request)
        if requests and not joined and goes_on:
            parts[-1] = f"{parts[-1]} {part}"
            requests[-1] = _read(parts[-1], words, aside, today)
        elif (
            requests
            and requests[-1].intent in ("greeting", "thanks", UNKNOWN)
            and not requests[-1].mentions
            and requests[-1].topic is None
        ):
            parts[-1], requests[-1] = part, request
        else:
            parts.append(part)
            requests.append(request)
    return tuple(requests) or (Request(text=text, language=language),)


def _leads(before: Request, request: Request) -> bool:
    """Whether a sentence only tells the circumstances of the next: "We buy it at 31. What price is best?" """
    tells = before.given != Circumstances() and not before.has_number and "?" not in before.text
    return tells and before.topic in (None, request.topic, "override") and not request.mentions


def _stands_alone(request: Request, before: Request) -> bool:
    """Whether a sentence is a request of its own rather than more words on the one before."""
    if before.topic is not None and before.intent == UNKNOWN and before.mentions and not request.mentions:
        return False
    if request.topic is not None:
        return request.topic != before.topic
    if request.intent in (UNKNOWN, "greeting", "thanks"):
        return False
    if request.intent == "what_if" and not request.has_number and not request.mentions:
        return False
    return request.intent != before.intent or bool(request.mentions)


def _read(part: str, words: Lexicon, aside: Mapping[str, Mention], today: date | None) -> Request:
    named = next((topic for topic in words.topics if matches(topic.patterns, part)), None)
    given = circumstances_in(part, words, topic=None if named is None else named.name, today=today)
    rest = blanked(part, given.spans)
    amounts = amounts_in(rest, words)
    request = Request(
        text=_restore(part, aside),
        language=words.language,
        mentions=mentions_in(rest, amounts, words, aside),
        signs=signs_in(rest, amounts, words, aside),
        amounts=amounts,
        given=given,
        flags=_flags(part, words),
        selection=_selection(rest, words),
    )
    told = _without_reason(part, words)
    for topic in words.topics:
        if matches(topic.patterns, told) and (request.has_number or not topic.needs_number):
            request = _decision(replace(request, topic=topic.name), part, words, aside, today)
            break
    for intent, patterns in words.intents:
        if matches(patterns, part) and (
            request.has_number or intent != "what_if" or not _asks_price(part, words)
        ):
            return replace(request, intent=intent)
    return request


def _flags(part: str, words: Lexicon) -> frozenset[str]:
    return frozenset(name for name, patterns in words.flags.items() if matches(patterns, part))


def _without_reason(part: str, words: Lexicon) -> str:
    """A decision without its reason, whose words ("because we are overstocked") are no request; else all."""
    match = words.reason.search(part)
    said = part[: match.start()] if match else ""
    first = next((topic.name for topic in words.topics if matches(topic.patterns, said)), None)
    return said if first in DECIDED else part


def _decision(
    request: Request, part: str, words: Lexicon, aside: Mapping[str, Mention], today: date | None
) -> Request:
    """The request with what its topic needs besides: a decision's reason, the rules to change."""
    if request.topic in WITH_REASON and (match := words.reason.search(part)):
        said = part[: match.start()]
        amounts = amounts_in(said, words)
        return replace(
            request,
            reason=_restore(match["reason"], aside).strip(" .。!！"),
            amounts=amounts,
            mentions=mentions_in(said, amounts, words, aside),
        )
    if request.topic == "rules" and words.rule_asking.search(part):
        return replace(request, topic="rules_list")  # asked about, not set: what holds is the answer
    if request.topic == "rules":
        match = words.reason.search(part)
        why = _restore(match["reason"], aside).strip(" .。!！") if match else ""
        said = part[: match.start()] if match else part
        once = "once" in request.flags
        clauses, unread = clauses_in(
            said, words, times=request.given.times, today=today, reason=why, once=once
        )
        if not clauses and said != part:  # "a rule: never below ..." tells the rule, not its reason
            said = part
            clauses, unread = clauses_in(part, words, times=request.given.times, today=today)
        told = tuple(
            RuleClause(clause.changes, _named_in(clause, said, request.amounts, words, aside))
            for clause in clauses
        )
        return replace(request, clauses=told, unread=_restore(unread, aside).strip(" ,.;"))
    return request


def _named_in(
    clause: Clause, part: str, amounts: Amounts, words: Lexicon, aside: Mapping[str, Mention]
) -> tuple[Mention, ...]:
    """What a clause calls the products that its rules are to hold for."""
    taken = (*amounts.spans, (0, clause.start), *clause.spans)
    return mentions_in(part[: clause.end], replace(amounts, spans=taken), words, aside)


def _asks_price(part: str, words: Lexicon) -> bool:
    """Whether "if we ..." without a number is only a roundabout way to ask for a price."""
    return any(intent == "price" and matches(patterns, part) for intent, patterns in words.intents)


def _selection(part: str, words: Lexicon) -> Selection | None:
    for index, patterns in enumerate(words.ordinals):
        if matches(patterns, part):
            return Selection(index=index)
    if matches(words.flags["last"], part):
        return Selection(index=-1)
    return Selection(other=True) if matches(words.flags["other"], part) else None


def _sentences(text: str, words: Lexicon) -> list[str]:
    """The message cut at the ends of sentences, each with its question mark or stop."""
    parts, start = [], 0
    for match in words.sentence_ends.finditer(text):
        parts.append(text[start : match.end()])
        start = match.end()
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()] or [text]


def _clauses(text: str, words: Lexicon, today: date | None) -> list[tuple[str, bool]]:
    """The message's sentences, cut where both sides ask something ("price the tea and tell me who is
    cheaper"), each with whether it goes on a sentence that asked something before it."""
    clauses: list[tuple[str, bool]] = []
    for sentence in _sentences(text, words):
        start, joined = 0, False
        places = sorted(
            (*words.joints.finditer(sentence), *words.splitters.finditer(sentence)), key=re.Match.start
        )
        for match in places:
            if match.start() < start:
                continue
            before, after = sentence[start : match.start()], sentence[match.end() :]
            both = match.re is words.joints and _ask_apart(before, after, words, today)
            if both or _each_a_change(before, after, words, today):
                clauses.append((before.strip(), joined))
                start, joined = match.end(), True
        clauses.append((sentence[start:].strip(), joined))
    return clauses


def _each_a_change(before: str, after: str, words: Lexicon, today: date | None) -> bool:
    """Whether both sides name a product and a price or change of its own: "tea up 1, masks down 1"."""
    sides = [_read(side, words, {}, today) for side in (before, after)]
    own = all(side.mentions and side.has_number and "charges" not in side.flags for side in sides)
    return own and sides[0].topic is None


def _ask_apart(before: str, after: str, words: Lexicon, today: date | None) -> bool:
    """Whether both sides could be requests by themselves, the first more than what the second builds on:
    "they take 6 % an order, what is my floor for the lamp?" is one request."""
    first, second = (_read(side, words, {}, today) for side in (before, after))
    tells = first.given != Circumstances() or (first.topic is not None and first.has_number)
    same = first.topic in (None, second.topic, "override") or {first.topic, second.topic} <= COST_TOPICS
    follows = same if second.topic is not None else first.topic is not None or second.intent == "price"
    builds = tells and follows and not second.has_number and not (first.mentions and second.mentions)
    return not builds and all(
        side.topic is not None or side.intent not in (UNKNOWN, "greeting", "thanks", "help")
        for side in (first, second)
    )


def _set_aside(
    text: str, names: tuple[tuple[str, str], ...], words: Lexicon
) -> tuple[str, dict[str, Mention]]:
    """Replace known names and quotations by one character each."""
    aside: dict[str, Mention] = {}

    def put(mention: Mention) -> str:
        mark = chr(_MASK + len(aside))
        aside[mark] = mention
        return mark

    for name, sku in sorted(names, key=lambda pair: -len(pair[0])):
        if len(name) > 1 and name.lower() in text.lower():
            pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(normal(name))}(?![A-Za-z0-9])", re.IGNORECASE)
            while match := pattern.search(text):
                text = text[: match.start()] + put(Mention(match.group(), sku)) + text[match.end() :]

    def quotation(match: re.Match[str]) -> str:
        said = match[1] or match[2]
        # 'was 129 now 99' is in quotation marks too, but nothing in it could be a name.
        is_name = re.search(r"[^\W\d_]", words.fillers.sub(" ", said))
        return put(Mention(said.strip())) if is_name else match.group()

    return _QUOTED.sub(quotation, text), aside


def _restore(part: str, aside: Mapping[str, Mention]) -> str:
    return "".join(aside[sign].text if sign in aside else sign for sign in part)
