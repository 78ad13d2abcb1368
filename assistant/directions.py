"""Signs and direction words: whether what a text says goes the way that the facts go."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from assistant.facts import Fact
from assistant.numerals import Number

_UP_MOVE = (
    r"rais\w*|increas\w*|higher|\bmore\b|\babove\b|hik\w+|\bup\b|\brise[sn]?\b|\brising\b"
    r"|上调|提高|提价|涨(?!跌)|上升|调高|加价"
)
_DOWN_MOVE = (
    r"\bcut\w*|lower\w*|reduc\w*|decreas\w*|drop\w*|\bdown\b|discount\w*|mark\w*\sdown|markdown|cheaper|\boff\b"
    r"|fall\w*|\bless\b|\bfewer\b|\bbelow\b|下调|降|调低|减|便宜|折|跌"
)
_UP_OUTCOME = r"\bgain\w*|\bmore\b|\badd\w*|\bearn\w*|\bextra\b|\bbetter\b|多赚|增加|增益|多|赚|增长"
_DOWN_OUTCOME = (
    r"\blos[est]\w*|\bless\b|\bfewer\b|\bworse\b|\bdown\b|\bshrink\w*|\bcosts?\syou\b"
    r"|(?:reduc|decreas|lower|drop|fall|cut)\w*(?:\s(?:by|your|the|in))*\s?(?:profit|revenue|sales|units|margin)\w*"
    r"|(?:profit|revenue|sales|units)\s(?:falls?|drops?|decreases?|down)\b|少赚|亏|损失|减少|下降|下滑|少"
)
_NAMED_OUTCOME = re.compile(f"(?P<down>{_DOWN_OUTCOME})|(?P<up>{_UP_OUTCOME})", re.IGNORECASE)
_NAMED_MOVE = re.compile(f"(?P<up>{_UP_MOVE})|(?P<down>{_DOWN_MOVE})", re.IGNORECASE)
_PRICE_VERB = re.compile(
    r"(?P<up>\b(?:rais(?:e|es|ed|ing)|increas(?:e|es|ed|ing)|hik(?:e|ed|ing)|put(?:ting)?\s(?:it\s)?up)\b"
    r"|上调|提高|提价|涨(?!跌)|调高|加价)"
    r"|(?P<down>\b(?:cut(?:ting)?|lower(?:ed|ing)?|reduc(?:e|es|ed|ing)|drop(?:ped|ping)?|mark(?:ed|ing)?\sdown)\b"
    r"|下调|降|调低|减价)",
    re.IGNORECASE,
)
_OF_RULES = re.compile(
    r"\brules?\b|\blimits?\b|\bmodel|\bfloor\b|\bending\b|\blargest\b|\bsmallest\b|\bminimum\b|规则|限制|模型|尾数|最大|最低|底",
    re.IGNORECASE,
)
_TARGET = re.compile(r"(?:\bto|到|至|成|为)[\s*]*$", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.,](?!\d)|[;:!?，。；：！？、()（）\n|]|\s(?:but|and|while|whereas)\s|而|但")


def agrees(text: str, number: Number, fact: Fact, stated: Number, moves: Mapping[str, float]) -> bool:
    """Whether the sign written, and the direction words around, fit the fact."""
    if stated.value == 0 or stated.kind == "date":
        return True
    start, end = _clause(text, number)
    if stated.sign == 0:
        before = text[start : number.start]
        if fact.key == "price" and number.sign == 0:
            return _fits_move(before, moves.get(fact.subject))
        if fact.key.startswith("clamp.") and _PRICE_VERB.search(before):
            return bool(_OF_RULES.search(text, start, end))  # otherwise it is the price that is spoken of
        if fact.key == "current_price" and _PRICE_VERB.search(before) and _TARGET.search(before):
            return False  # nothing moves to where it is
        return number.sign == 0 or (number.sign < 0 and _is_listed_discount(number, fact))
    if fact.unit == "elasticity":
        return number.sign in (0, stated.sign)
    move = fact.key == "change" or fact.key.startswith("driver.")
    if number.sign:
        verb_fits = fact.key != "change" or _fits_move(text[start : number.start], fact.raw)
        return number.sign == stated.sign and verb_fits
    said = _nearest(_NAMED_MOVE if move else _NAMED_OUTCOME, text, start, end, number)
    return said == stated.sign or (said == 0 and stated.sign > 0)


def _is_listed_discount(number: Number, fact: Fact) -> bool:
    """Nothing unsigned may be written with a minus, save 八折 and the like, which carry their own."""
    return number.text.endswith("折") and fact.unit == "percent"


def _fits_move(before: str, change: float | None) -> bool:
    """`raise it to $15.49` does not fit where the price is cut; no verb fits everything."""
    if change is None:
        return True
    verbs = {match.lastgroup for match in _PRICE_VERB.finditer(before)}
    return verbs != {"down" if change > 0 else "up"} or change == 0


def _nearest(words: re.Pattern[str], text: str, start: int, end: int, number: Number) -> int:
    """+1 or -1 by the direction word nearest to the number in its clause; 0 where there is none."""
    best, sign = end - start + 1, 0
    for match in words.finditer(text, start, end):
        if number.start <= match.start() < number.end:
            gap = 0
        else:
            gap = number.start - match.end() if match.end() <= number.start else match.start() - number.end
        if 0 <= gap < best:
            best, sign = gap, 1 if match.lastgroup == "up" else -1
    return sign


def _clause(text: str, number: Number) -> tuple[int, int]:
    start, end = 0, len(text)
    for one_ends, next_starts in _clause_ends(text):
        if next_starts <= number.start:
            start = next_starts
        elif one_ends >= number.end:
            end = one_ends
            break
    return start, end


@lru_cache(maxsize=16)
def _clause_ends(text: str) -> tuple[tuple[int, int], ...]:
    """Where each clause of a text ends and the next starts; it is asked for every number of it."""
    return tuple(match.span() for match in _CLAUSE_END.finditer(text))


# Pairs in order

_FROM_TO = re.compile(r"\s*(?:to|–|—|-|~|～|→|(?:降|涨|调|改|升)?[到至为]|and)\s*", re.IGNORECASE)


def joined(text: str, first: Number, second: Number) -> bool:
    """Whether two numbers are written as a range or as from one to the other."""
    between = re.sub(r"[*_]", "", text[first.end : second.start])
    return bool(_FROM_TO.fullmatch(between)) or bool(
        re.fullmatch(r"\s*(?:降|涨|调|改|升)?[到至为]\s*", between)
    )


# Advice without a number

_ADVISING = (
    r"(?:^|[:：>•.!?。！？]\s*|^\s*[-*]\s+)[\W_]*(?:so\s|then\s|yes,?\s|please\s|我?建议|应该|最好|不妨|可以)?"
    r"|\b(?:should|recommend\w*|suggest\w*|advise|best\sto|better\sto|worth)\b[^.,;:]{0,25}?"
    r"|(?:建议|应该|应当|最好|不妨|推荐)[^，。；：]{0,10}?"
)
_ADVICE = re.compile(
    rf"(?:{_ADVISING})(?:(?P<up>\b(?:rais(?:e|ing)|increas(?:e|ing)|hik(?:e|ing))\b|上调|提高|提价|涨价|涨(?![价跌幅])|调高|加价)"
    r"|(?P<down>\b(?:cut(?:ting)?|lower(?:ing)?|reduc(?:e|ing)|drop(?:ping)?)\b|下调|降价|降(?![价幅])|调低|减价))"
    r"(?!的|\W*\d+\s?[个款种件])(?P<what>\s+(?:it|them|this|that|(?:the|its|their|your|this)\s(?:\w+\s){0,2}?prices?|prices?)\b|)",
    re.IGNORECASE | re.MULTILINE,
)
_NOT = re.compile(
    r"\b(?:not|never|no|without|instead\sof|rather\sthan|if|whether)\b|n't\b|不|别|勿|若|如果|是否",
    re.IGNORECASE,
)


_SENTENCE_START = re.compile(r"[.!?](?!\d)|[。！？\n；;]")


def advice_in(text: str) -> Iterator[tuple[int, int, int, bool]]:
    """(start, end, +1 to raise or -1 to cut, whether a price is its object) of every plain advice."""
    for match in _ADVICE.finditer(text):
        start, end = match.span("up" if match["up"] else "down")
        said = _SENTENCE_START.split(text[:start])[-1]
        if not _NOT.search(said):
            chinese = not match[0].isascii()
            yield start, end, 1 if match["up"] else -1, bool(match["what"]) or chinese


def advises_against(sign: int, changes: Collection[float]) -> bool:
    """Whether no change at hand goes that way."""
    return all(change * sign <= 0 for change in changes)
