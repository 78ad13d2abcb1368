"""One way to write what merchants write in several: widths, quotes and spaces, and misspelt keywords."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz.distance import OSA

from assistant.embedded.lexicon import Lexicon


def normal(text: str) -> str:
    """One way to write what can be written in several: widths, quotes and spaces."""
    text = re.sub(r"(?<=\d)，(?=\d)", ", ", text)  # 涨到22，45 are two numbers
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("`", "'")
    return re.sub(r"[ \t]+", " ", text).strip()


def mended(text: str, words: Lexicon) -> str:
    """Correct misspelt keywords that the text does not hold already; other words stay as they are."""
    said = {token.lower() for token in re.findall(r"[A-Za-z]+", text)}
    known = set(words.keywords)

    def right(match: re.Match[str]) -> str:
        token = match.group().lower()
        if len(token) < 4 or token in known or words.fillers.fullmatch(token):
            return match.group()
        for keyword in words.keywords:
            if keyword not in said and token[0] == keyword[0] and _misspelt(token, keyword):
                return keyword
        return match.group()

    return re.sub(r"(?<![\w-])[A-Za-z]+(?![\w-])", right, text)


def _misspelt(token: str, keyword: str) -> bool:
    """One letter added, lost or swapped with its neighbour; two slips in long words."""
    if len(keyword) < 5 or keyword + "r" == token or keyword + "s" == token:
        return False
    distance = OSA.distance(token, keyword, score_cutoff=2)
    same_letters = sorted(token) == sorted(keyword)
    long = len(keyword) >= 9
    return (distance == 1 and (long or len(token) != len(keyword) or same_letters)) or (
        distance == 2 and long
    )
