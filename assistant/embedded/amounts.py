"""The numbers in a merchant's message, and what each is: a price, a percentage, an amount, or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.embedded.lexicon import NUMBER, ROLES, Lexicon

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What a message says in numbers: prices in the merchant's currency, and changes of price."""

    prices: tuple[float, ...] = ()
    percent: float | None = None
    """A change in per cent, e.g. -10."""
    amount: float | None = None
    """A change in money, e.g. -2."""
    signed: bool = True
    """False where the message does not say whether a change goes up or down."""
    direction: int = 0
    """+1 up, -1 down, 0 where no word says."""
    stated_cost: float | None = None
    """What the message says that a product costs the merchant."""
    currency: str | None = None
    spans: tuple[Span, ...] = ()
    """Places that are no part of a product's name."""


def amounts_in(text: str, words: Lexicon) -> Amounts:
    """Read the numbers of a normalised message.

    Each place in the text is claimed once, by the first role whose pattern fits: a cost, a coupon, a
    percentage, a stretch of time, a past price, a measure in a product's name, a change in money, a price. A
    bare number is a price only where the message has nothing else that could be meant.
    """
    claimed: list[Span] = []
    values: dict[str, list[tuple[float, Span]]] = {role: [] for role in ROLES}
    for role in ROLES:
        for pattern in words.amounts[role]:
            for match in pattern.finditer(text):
                span = match.span("n")
                if any(start < span[1] and span[0] < end for start, end in claimed):
                    continue
                whole = span if role in ("spec", "cost") else match.span()
                claimed.append(whole)
                values[role].append((_value(match, words), whole))
    for pattern, fixed in words.fixed_percents:
        if found := pattern.search(text):
            return _change(text, words, percent=fixed, fixed=True, spans=_outside(values, found.span()))

    prices = [value for value, _ in sorted(values["price"], key=lambda pair: pair[1])]
    spans = _outside(values)
    if not prices and not values["percent"] and not values["amount"]:
        bare = [m for m in re.finditer(NUMBER, text) if not any(s <= m.start() < e for s, e in claimed)]
        alone = [m for m in bare if _is_alone(text, m)]
        prices = [parse_number(m.group(), words) for m in alone]
        spans += [m.span() for m in alone]
    percent = values["percent"][0][0] if values["percent"] else None
    amount = values["amount"][0][0] if values["amount"] and percent is None else None
    amounts = _change(text, words, percent=percent, amount=amount, prices=prices, spans=spans)
    costs = [value for value, _ in values["cost"]]
    return replace(amounts, stated_cost=costs[-1]) if costs else amounts


def _change(
    text: str,
    words: Lexicon,
    *,
    spans: list[Span],
    percent: float | None = None,
    amount: float | None = None,
    prices: Sequence[float] = (),
    fixed: bool = False,
) -> Amounts:
    direction = _direction(text, words)
    sign = direction
    for value in (percent, amount):
        if value is not None and (value < 0 or fixed):
            sign = 1
    currency = next((code for code, pattern in words.currencies if pattern.search(text)), None)
    return Amounts(
        prices=tuple(dict.fromkeys(prices)),
        percent=None if percent is None else percent * (sign or 1),
        amount=None if amount is None else amount * (sign or 1),
        signed=sign != 0 or (percent is None and amount is None),
        direction=direction,
        currency=currency,
        spans=tuple(spans),
    )


def _direction(text: str, words: Lexicon) -> int:
    """Up or down, by the first word that says so."""
    up, down = words.up.search(text), words.down.search(text)
    if up and down:
        return 1 if up.start() < down.start() else -1
    return 1 if up else -1 if down else 0


def _outside(values: dict[str, list[tuple[float, Span]]], *more: Span) -> list[Span]:
    return [span for role in ROLES if role != "spec" for _, span in values[role]] + list(more)


def _value(match: re.Match[str], words: Lexicon) -> float:
    """The value of one match; a pattern may name a fraction ("15块9") or pay-tenths ("7折", seven tenths)."""
    groups = match.groupdict()
    value = parse_number(match["n"], words)
    if groups.get("frac"):
        value += parse_number(groups["frac"], words) / 10
    if groups.get("fen"):  # "11块9毛9"
        value += parse_number(groups["fen"], words) / 100
    if groups.get("tenths") is not None:
        value *= 10
    if groups.get("pay") is not None:
        value = value * 10 - 100 if value < 10 else value - 100
    if groups.get("hundredths") is not None:  # "50 cents"
        value /= 100
    if groups.get("dimes") is not None:  # "5毛"
        value /= 10
    if groups.get("minus"):
        value = -value
    return value


def _is_alone(text: str, match: re.Match[str]) -> bool:
    """Whether a bare number can be a price: nothing else is said, or it has cents, or it ends the message."""
    rest = text[: match.start()] + text[match.end() :]
    return not re.search(r"[^\W\d_]", rest) or bool(re.fullmatch(r"\d+[.,]\d\d", match.group()))


def parse_number(text: str, words: Lexicon) -> float:
    """A number as merchants write it: 1,299.00, 1.299,00, 19,99, .99, ten, 三十五."""
    if not re.search(r"\d", text):
        return _numeral(text.lower(), words)
    if "," in text and "." in text:
        decimal = max(text.rfind(","), text.rfind("."))
        return float(re.sub(r"[.,]", "", text[:decimal]) + "." + text[decimal + 1 :])
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", text):
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))


def _numeral(text: str, words: Lexicon) -> float:
    """A number in words: one word (twenty), or digits and scales in turn (三十五, 一百二)."""
    if text in words.numerals:
        return words.numerals[text]
    total, digit, scale = 0.0, 0.0, 1.0
    for sign in text:
        value = words.numerals[sign]
        if value >= 10:
            total, digit, scale = total + (digit or 1.0) * value, 0.0, value
        else:
            digit = value
    # A digit after a scale counts the next smaller scale: 一百二 is 120, but 十二 is 12.
    return total + digit * (scale / 10 if scale > 10 else 1.0)
