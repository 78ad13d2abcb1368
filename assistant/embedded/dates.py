"""The times that a merchant's message names: stretches of days, deadlines and lengths.

The knowledge is in `prompts/<language>/dates.toml`. Atoms are times by themselves (September, Black Friday, 2
weeks); each found is replaced by a mark of its kind, so that frames can put them together (the last week of
September) and say something of them (before Black Friday). Whether what comes back every year or week is the
next or the last is told by words in the phrase, else by the nearest cue of its sentence; without any, the
merchant plans, and the next is meant. Today belongs to what lies ahead: the past 7 days end yesterday, the
next 7 begin today. Weeks begin on Monday.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, Literal

from assistant.embedded.amounts import Span
from assistant.embedded.date_grammar import FILLER, MARKS, Grammar, Rule, grammar
from assistant.embedded.date_reading import Found, Reader, Unit, shifted, third_of, unit_around
from assistant.embedded.retail_calendar import Stretch

_DAY = timedelta(days=1)
_MARK = re.compile("[" + "".join(f"{chr(r[0])}-{chr(r[-1])}" for r in MARKS.values()) + f"]{FILLER}*")
_SENTENCE_END = re.compile(r"[.!?;。！？；](?=\s|$)|[。！？；]|\n")
_DAYS_IN: Mapping[Unit, float] = {
    "day": 1,
    "week": 7,
    "month": 365.25 / 12,
    "quarter": 365.25 / 4,
    "year": 365.25,
}
_DEADLINES = ("before", "by_day", "until", "to", "through")


@dataclass(frozen=True, kw_only=True)
class When:
    """A time that a message names. At least one of `start` and `end` is known, and `start <= end`."""

    kind: Literal["stretch", "deadline", "length"]
    """A stretch of known days; a day by which something has to be done; or only how long, for which the days
    from today on, or up to yesterday, are an assumption."""
    start: date | None
    """First day; None where the words leave it open ("before March", of the past)."""
    end: date | None
    """Last day, included; None where the words leave it open ("after Christmas")."""
    span: Span
    """Where in the message; numbers in it are no prices."""
    is_past: bool = False
    """Whether it is what has been that is spoken of."""
    length: tuple[int, Unit] | None = None
    """The number of units, where it is said in numbers: 4 weeks is (4, "week")."""
    event: str | None = None
    """The event that names it, one of `retail_calendar.EVENTS`."""
    other_day: date | None = None
    """For 11/3: the day meant if day and month are the other way round, for the assistant to mention."""

    def __post_init__(self) -> None:
        if self.start is None and self.end is None:
            raise ValueError("A time needs a first day or a last.")
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(f"A time ends after it starts, got {self.start} to {self.end}.")

    @property
    def days(self) -> int | None:
        """How many days; None where an end is open."""
        return None if self.start is None or self.end is None else (self.end - self.start).days + 1

    def periods(self, unit: Unit) -> int | None:
        """How many periods of a shop it comes to, rounded, at least one; None where an end is open."""
        if self.length is not None and self.length[1] == unit:
            return self.length[0]
        if self.days is None:
            return None
        # A deadline of 14 days counts the day on which it is said: 15 days, and still two weeks.
        return max(1, round(self.days / _DAYS_IN[unit]))


def times_in(text: str, language: str, *, today: date) -> tuple[When, ...]:
    """Every time that a message names.

    Parameters
    ----------
    text
        The merchant's words, or one sentence of them.
    language
        The language they are in: a folder of `prompts` with a `dates.toml`.
    today
        The day on which they are said.

    Returns
    -------
    The times in the order of the text; their spans lie in it and do not overlap.
    """
    reading = _Reading(_plain(text), grammar(language), today)
    reading.find_atoms()
    reading.find_explicit()
    reading.build_frames()
    return reading.times()


def _plain(text: str) -> str:
    """The text with each character in its plainest form, none added and none lost."""
    plain = (unicodedata.normalize("NFKC", sign) for sign in text)
    signs = (new if len(new) == 1 else old for new, old in zip(plain, text, strict=True))
    return "".join(" " if "\ue000" <= sign <= "\uf8ff" else "'" if sign in "’`" else sign for sign in signs)


class _Reading:
    """One message on its way from words to times."""

    def __init__(self, text: str, rules: Grammar, today: date) -> None:
        self.plain, self.text, self.rules, self.today = text, text, rules, today
        self.reader = Reader(rules, today)
        self.found: dict[str, Found] = {}

    def find_atoms(self) -> None:
        for rule in self.rules.atoms:
            self._replace(rule.pattern, partial(self._atom, rule))

    def find_explicit(self) -> None:
        """Dates in forms that no atom knows; dateparser is only asked where the text looks like one."""
        for pattern in self.rules.explicit:
            self._replace(pattern, self._explicit)

    def build_frames(self) -> None:
        for rule in self.rules.frames:
            while self._replace(rule.pattern, partial(self._framed, rule)):
                pass

    def times(self) -> tuple[When, ...]:
        times = (self._when(self.found[m.group()[0]], m.span()) for m in _MARK.finditer(self.text))
        return tuple(when for when in times if when is not None)

    def _replace(self, pattern: re.Pattern[str], read: Callable[[re.Match[str]], Found | None]) -> bool:
        """Put marks where the pattern finds a time; whether there was any."""
        changed = False

        def marked(match: re.Match[str]) -> str:
            nonlocal changed
            found = read(match) if match.group() else None
            if found is None:
                return match.group()
            used = sum(mark in MARKS[found.mark] for mark in map(ord, self.found))
            if used == len(MARKS[found.mark]):
                return match.group()
            changed = True
            mark = chr(MARKS[found.mark][used])
            self.found[mark] = found
            return mark + FILLER * (len(match.group()) - 1)

        self.text = pattern.sub(marked, self.text)
        return changed

    def _atom(self, rule: Rule, match: re.Match[str]) -> Found | None:
        return self.reader.read(rule.do, self.rules.said(rule, match))

    def _explicit(self, match: re.Match[str]) -> Found | None:
        import dateparser  # slow to import, and seldom needed

        languages = list(dict.fromkeys((self.rules.language, "en")))  # digits alone are of no language

        def parsed(order: str, *parts: str) -> date | None:
            settings: Any = {
                "DATE_ORDER": order,
                "PREFER_LOCALE_DATE_ORDER": False,
                "REQUIRE_PARTS": list(parts),
                "RELATIVE_BASE": datetime.combine(self.today, time()),
            }
            moment = dateparser.parse(match.group(), languages=languages, settings=settings)
            return moment.date() if moment else None

        if "." in match.group():  # where people write dots, the day comes first
            order = other = "DMY"
        elif self.rules.month_first:
            order, other = "MDY", "DMY"
        else:
            order, other = "DMY", "MDY"
        if day := parsed(order, "day", "month", "year"):
            swapped = parsed(other, "day", "month", "year") or day
            return self.reader.fixed((day, day), swapped=((swapped, swapped),) if swapped != day else ())
        day = parsed(order, "day", "month")
        return self.reader.read("day", {"m": str(day.month), "d": str(day.day)}) if day else None

    def _framed(self, rule: Rule, match: re.Match[str]) -> Found | None:
        said = self.rules.said(rule, match)
        parts = [self.found[mark.group()[0]] for mark in _MARK.finditer(match.group())]
        times = [part for part in parts if part.length is None]
        length = next((part.length for part in parts if part.length is not None), None)
        if length is None and "unit" in said:
            length = (1, self.reader.unit(said))
        if rule.do in (*_DEADLINES, "since", "after", "from", "plain"):
            return replace(times[0], mark="Z", relation="" if rule.do == "plain" else rule.do)
        if length is not None and rule.do in ("within", "length", "past_length", "next_length"):
            tense = {"past_length": -1, "next_length": 1}.get(rule.do, 0)
            return Found(mark="Z", length=length, relation=rule.do, tense=tense)
        return self._combined(rule.do, said, times, length)

    def _combined(
        self, do: str, said: Mapping[str, Any], times: list[Found], length: tuple[int, Unit] | None
    ) -> Found | None:
        """One time out of others; None where they do not go together."""
        found: Found | None = None
        if do == "of_year":
            found = _of_year(times, self.reader.year(said))
        elif do == "named_day" and all(start == end for start, end in times[1].stretches):
            found = times[1]
        elif do == "shift_of":
            found = self._shifted(times[0], self.reader.shift(said))
        elif do == "of_unit":
            day, month = sorted(times, key=lambda part: part.mark != "M")
            first, last = month.stretches[0]
            found = replace(day, stretches=tuple(s for s in day.stretches if first <= s[0] <= last))
        elif do == "edge":
            at = 0 if self.rules.value("edges", said["edge"]) == "start" else 1
            found = times[0].mapped(lambda s: (s[at], s[at]), event=None, is_part=at == 1)
        elif do == "third":
            found = times[0].mapped(lambda s: third_of(s, said["third"]), event=None, is_part=True)
        elif do == "week_of":
            found = times[0].mapped(lambda s: unit_around(s[0], "week"))
        elif do == "range":
            found = _ranged(*times)
        elif length is not None and do == "ago":
            found = self.reader.fixed(unit_around(shifted(self.today, -length[0], length[1]), length[1]))
        elif length is not None:
            found = times[0].mapped(lambda s: self._beside(do, s, length, said), length=None, event=None)
        if found is None or not found.stretches:
            return None
        mark = "F" if len(found.stretches) == 1 else "R" if found.mark == "E" else found.mark
        return replace(found, mark=mark)

    def _beside(
        self, do: str, stretch: Stretch, length: tuple[int, Unit], said: Mapping[str, Any]
    ) -> Stretch | None:
        """A length beside or within a stretch."""
        (start, end), (count, unit) = stretch, length
        if do == "length_before":
            return shifted(start, -count, unit), start - _DAY
        if do == "length_after":
            return end + _DAY, shifted(end, count, unit)
        if do == "length_from":
            return start, shifted(start, count, unit) - _DAY
        nth = self.reader.ordinal(said)
        if nth < 0:
            start = max(start, shifted(end + _DAY, -count, unit))
        else:
            start = shifted(start, count * (nth - 1), unit)
            end = min(end, shifted(start, count, unit) - _DAY)
        return (start, end) if start <= end else None

    def _shifted(self, found: Found, shift: int) -> Found:
        """Last, this or next of what comes back: complete, of this year, or not begun."""
        before = [s for s in found.stretches if s[1] < self.today]
        ahead = [s for s in found.stretches if s[0] > self.today]
        this = [s for s in found.stretches if s[0].year == self.today.year]
        chosen = before[shift:][:1] if shift < 0 else ahead[shift - 1 :][:1] if shift else this[:1]
        return replace(found, mark="F", stretches=tuple(chosen), tense=0)

    def _when(self, found: Found, span: Span) -> When | None:
        if found.length is not None:
            return self._long(found, found.length, span)
        cue = found.tense or (-1 if found.relation == "since" else self._cue(span))
        bounds = [self._bounds(found, stretch) for stretch in found.stretches]
        start, end = _chosen(bounds, cue, self.today)
        other = _chosen([(s[0], s[1]) for s in found.swapped], cue, self.today)[0] if found.swapped else None
        is_deadline = found.relation in _DEADLINES
        is_past = end is not None and end < self.today
        if cue < 0 and not is_deadline and start is not None and start < self.today:
            is_past, end = True, self.today if found.relation in ("since", "from") else end
        if is_deadline and not is_past:
            start = self.today
        if start is not None and end is not None and start > end:
            return None  # "since" a day to come
        return When(
            kind="deadline" if is_deadline else "stretch",
            start=start,
            end=end,
            span=span,
            is_past=is_past,
            event=found.event,
            other_day=other,
        )

    def _long(self, found: Found, length: tuple[int, Unit], span: Span) -> When:
        """A length from today on or up to yesterday; a deadline where it says "within"."""
        past = (found.tense or self._cue(span)) < 0 and found.relation != "within"
        is_sure = found.relation in ("past_length", "next_length")
        end = shifted(self.today, *length)
        return When(
            kind="deadline" if found.relation == "within" else "stretch" if is_sure else "length",
            start=shifted(self.today, -length[0], length[1]) if past else self.today,
            end=self.today - _DAY if past else end if found.relation == "within" else end - _DAY,
            span=span,
            is_past=past,
            length=length,
        )

    def _bounds(self, found: Found, stretch: Stretch) -> tuple[date | None, date | None]:
        """First and last day of what is said of a stretch; None for an open end."""
        start, end = stretch
        is_day = start == end or found.event is not None
        if found.is_part and found.relation in _DEADLINES:
            return None, start + (end - start) // 2
        match found.relation:
            case "since" | "from":
                return start, None
            case "after":
                return end + _DAY, None
            case "before":
                return None, start - _DAY
            case "by_day":
                return None, start if start == end and found.event is None else start - _DAY
            case "until":  # "by March" is before March begins, "by this week" before it is over
                return None, start if is_day else end if start <= self.today else start - _DAY
            case "to":
                return None, start if is_day else end
            case "through":
                return None, end
            case _:
                return start, end

    def _cue(self, span: Span) -> int:
        """-1 where the nearest cue in the sentence speaks of the past, else +1."""
        start = max((m.end() for m in _SENTENCE_END.finditer(self.text, 0, span[0])), default=0)
        after = _SENTENCE_END.search(self.text, span[1])
        end = after.start() if after else len(self.text)
        nearest = (len(self.text) + 1, 1)
        for tense, words in ((1, self.rules.future), (-1, self.rules.past)):
            for match in words.finditer(self.text, start, end):
                away = max(span[0] - match.end(), match.start() - span[1], 0)
                nearest = min(nearest, (away, tense))
        return nearest[1]


def _chosen(
    bounds: list[tuple[date | None, date | None]], cue: int, today: date
) -> tuple[date | None, date | None]:
    """The last that has begun where the past is spoken of, else the first that is not over."""
    if cue < 0:
        begun = [b for b in bounds if (b[0] or b[1] or today) < today]
        return begun[-1] if begun else bounds[0]
    ahead = [b for b in bounds if (b[1] or b[0] or today) >= today]
    return ahead[0] if ahead else bounds[-1]


def _of_year(times: list[Found], year: int | None) -> Found:
    """What comes back every year, in one year."""
    if year is None:
        year = next(found for found in times if found.mark == "Y").stretches[0][0].year
    found = next(found for found in times if found.mark != "Y")
    return found.mapped(lambda s: s if s[0].year == year else None)


def _ranged(first: Found, last: Found) -> Found:
    """From the start of one time to the end of the next that follows it."""
    pairs: list[Stretch] = []
    if len(first.stretches) == 1:
        start = first.stretches[0][0]
        pairs = [(start, end) for _, end in last.stretches if end >= start][:1]
    else:
        for begin, end in last.stretches:
            starts = [start for start, _ in first.stretches if start <= begin]
            pairs += [(starts[-1], end)] if starts else []
    mark = "F" if len(pairs) == 1 else "R"
    return Found(mark=mark, stretches=tuple(pairs), swapped=first.swapped)
