"""Numbers written as words: English and Chinese numerals, fractions and multiples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

_ENGLISH = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_BIG = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "dozen": 12}

_WORD = "|".join(sorted((*_ENGLISH, *_BIG), key=len, reverse=True))
# Small counts of the answer's own parts ("three reasons") are no claims about the shop.
_OWN_PARTS = r"(?!\s(?:\w+\s)?(?:reasons?|things?|options?|steps?|ways?|questions?|choices?|sentences?)\b)"
english_pattern = re.compile(
    rf"\b(?:hundreds|thousands|millions|billions|dozens)\b"
    rf"|\b(?:a\s(?=hundred|thousand|million|billion|dozen))?(?:{_WORD})"
    rf"(?:(?:(?:(?<=hundred)|(?<=thousand))\sand)?[\s-](?:{_WORD}))*\b{_OWN_PARTS}",
    re.IGNORECASE,
)

_CHINESE = {
    "零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
    "九": 9,
}  # fmt: skip
_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_NO_QUANTITY_BEFORE = "(?<![第周期拜双初逐唯统单同每某任另惟])"
_OWN_PARTS_ZH = "(?![个条]?(?:原因|理由|步|建议|方面|选择|选项|要点|问题))"
# 十分 (very), 一些 (some), 三思 (think twice) ... hold numerals but no numbers.
_IDIOM = (
    "(?!十分(?!之)|三思|四季|五金|十足|一点(?![零〇一二三四五六七八九])"
    "|一[下些起般样定直旦边面共致会时味并律概切方旁向度])"
)
chinese_pattern = re.compile(
    r"(?:[几数][十百千万亿]|(?<![以晚早网线加])上[百千万亿]|成[百千])(?<!百(?=分))[十百千万亿]*"
    rf"|{_NO_QUANTITY_BEFORE}{_IDIOM}[十零〇一二两三四五六七八九][零〇一二两三四五六七八九十百千万亿]*"
    rf"(?:点[零〇一二三四五六七八九]+)?{_OWN_PARTS_ZH}"
)

Share = Literal["percent", "multiple"]
_PARTS = {"third": "33.3", "quarter": "25", "fifth": "20", "tenth": "10"}
_FOLLOWED = r"(?=\s(?:of|off|more|less|fewer|lower|higher|cheaper|as)\b|\s?[.,;:!?)]|\s?$)"
_SHARES: tuple[tuple[str, str, Share], ...] = (
    *((rf"\b(?:a|one)[\s-]{name}\b{_FOLLOWED}", value, "percent") for name, value in _PARTS.items()),
    (r"\btwo[\s-]thirds\b", "66.7", "percent"),
    (r"\bthree[\s-]quarters\b", "75", "percent"),
    (r"(?<!first )(?<!second )(?<!other )\bhalf\b|\bhalv(?:e|es|ed|ing)\b|½", "50", "percent"),
    ("⅓", "33.3", "percent"),
    ("¼", "25", "percent"),
    ("¾", "75", "percent"),
    (r"\bdoubl(?:e|es|ed|ing)\b(?![\s-]?check)|\btwice\b|\btwofold\b|翻[一]?[倍番]", "2", "multiple"),
    (r"\btripl(?:e|es|ed|ing)\b|\bthrice\b|\bthreefold\b", "3", "multiple"),
    (r"\bquadrupl(?:e|es|ed|ing)\b", "4", "multiple"),
    ("一半|半价|对半|减半|腰斩", "50", "percent"),
    ("三分之一", "33.3", "percent"),
    ("三分之二", "66.7", "percent"),
    ("四分之一", "25", "percent"),
    ("四分之三", "75", "percent"),
)
_PATTERNS = [
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), Decimal(value), kind)
    for pattern, value, kind in _SHARES
]


def fractions_and_multiples(text: str) -> Iterator[tuple[int, int, Decimal, Share]]:
    """(start, end, value, kind) of `half`, `a third of`, `double`, `一半`, `翻倍`: per cent or times."""
    for pattern, value, kind in _PATTERNS:
        for match in pattern.finditer(text):
            yield match.start(), match.end(), value, kind


def english_value(text: str) -> Decimal:
    """`twenty-five` is 25, `a hundred and ten` 110, `two thousand` 2000, `two dozen` 24."""
    total, current = 0, 0
    for word in re.findall(r"[a-z]+", text.lower()):
        word = word.removesuffix("s") if word.removesuffix("s") in _BIG else word
        if word in _ENGLISH:
            current += _ENGLISH[word]
        elif word in ("hundred", "dozen"):
            current = max(current, 1) * _BIG[word]
        elif word in _BIG:
            total, current = total + max(current, 1) * _BIG[word], 0
    return Decimal(total + current)


def chinese_value(text: str) -> Decimal:
    """`十二` is 12, `三百五` 350, `两万` 20000, `二零二六` 2026, `八五` 85, `一点五` 1.5, `上千` 1000."""
    whole, _, fraction = re.sub("^[几数上成]", "", text).partition("点")
    decimals = "".join(str(_CHINESE[digit]) for digit in fraction)
    if not any(character in _POWERS for character in whole):
        return Decimal(
            "".join(str(_CHINESE[digit]) for digit in whole) + (f".{decimals}" if decimals else "")
        )
    total, section, digit, power = 0, 0, 0, 1
    for character in whole:
        if character in _CHINESE:
            digit = _CHINESE[character]
            power = 1 if character in "零〇" else power
        elif (size := _POWERS[character]) >= 10**4:
            total, section, digit = total + (section + digit) * size, 0, 0
            power = size
        else:
            section, digit = section + (digit or 1) * size, 0
            power = size
    trailing = digit * (power // 10 if power > 10 else 1)  # 三百五 is 350, 三百零五 is 305
    return Decimal(total + section + trailing) + (Decimal(f"0.{decimals}") if decimals else 0)
