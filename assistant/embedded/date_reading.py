"""What one phrase of time can mean: every stretch of days that it may name, seen from today."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal, cast, get_args

from assistant.embedded.date_grammar import Grammar
from assistant.embedded.retail_calendar import Stretch, event_days

Unit = Literal["day", "week", "month", "quarter", "year"]
UNITS: tuple[Unit, ...] = get_args(Unit)

_MONTHS_IN: Mapping[Unit, int] = {"month": 1, "quarter": 3, "year": 12}
_YEARS_BACK, _YEARS_AHEAD = 12, 6
"""The years around today in which what comes back every year is looked for."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A time as read so far: the stretches that it may name, or a length."""

    mark: str
    """Its kind among `date_grammar.MARKS`."""
    stretches: tuple[Stretch, ...] = ()
    """In order of time; one where the words leave no choice."""
    swapped: tuple[Stretch, ...] = ()
    """The same with day and month the other way round, where that is a date too."""
    length: tuple[int, Unit] | None = None
    event: str | None = None
    tense: int = 0
    """-1 where the words mean the past, +1 the future, 0 where the rest of the sentence has to say."""
    is_part: bool = False
    """Whether it is a part or the end of something, which "before" includes: before the end of January."""
    relation: str = ""
    """What is said of it: before, until, since, ..."""

    def mapped(self, change: Callable[[Stretch], Stretch | None], **more: Any) -> Found:
        """The same time with each of its stretches changed, or dropped where `change` gives None."""
        changed = (tuple(filter(None, map(change, group))) for group in (self.stretches, self.swapped))
        stretches, swapped = changed
        return replace(self, stretches=stretches, swapped=swapped, **more)


def shifted(day: date, count: int, unit: Unit) -> date:
    """The day that many units later; the last day of a month stands for days that it lacks."""
    if unit in _MONTHS_IN:
        months = day.year * 12 + day.month - 1 + count * _MONTHS_IN[unit]
        year, month = divmod(months, 12)
        return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
    return day + timedelta(days=count * (7 if unit == "week" else 1))


def unit_around(day: date, unit: Unit, *, shift: int = 0) -> Stretch:
    """The calendar day, week (from Monday), month, quarter or year around a day, or one `shift` away."""
    first = {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
        "year": date(day.year, 1, 1),
    }[unit]
    first = shifted(first, shift, unit)
    return first, shifted(first, 1, unit) - _DAY


def third_of(stretch: Stretch, third: int) -> Stretch:
    """The early, middle or late part: ten days of a month, whole months of a year, else a third of days."""
    first, last = stretch
    days = (last - first).days + 1
    if days < 28:
        cuts = [days * part // 3 for part in range(4)]
    elif days <= 31:
        cuts = [0, 10, 20, days]
    else:
        months = round(days / 30.44)
        cuts = [(shifted(first, months * part // 3, "month") - first).days for part in range(4)]
        cuts[3] = days
    return first + timedelta(days=cuts[third]), first + timedelta(days=cuts[third + 1] - 1)


class Reader:
    """Reads the atoms of one language's grammar, seen from one day."""

    def __init__(self, rules: Grammar, today: date) -> None:
        self.rules, self.today = rules, today
        self._years = range(today.year - _YEARS_BACK, today.year + _YEARS_AHEAD)

    def read(self, kind: str, said: Mapping[str, Any]) -> Found | None:
        """The time that an atom of this kind says by its groups; None where there is no such day."""
        try:
            found = cast("Callable[[Mapping[str, Any]], Found | None]", getattr(self, f"_{kind}"))(said)
        except ValueError:  # 31 June
            return None
        if found is None or not (found.stretches or found.length):
            return None
        if "relation" in said:
            found = replace(found, mark="Z", relation=said["relation"])
        return replace(found, tense=said["tense"]) if "tense" in said else found

    def fixed(self, stretch: Stretch, **more: Any) -> Found:
        """A time that can be but one."""
        return Found(mark="F", stretches=(stretch,), **more)

    def yearly(self, of_year: Callable[[int], Stretch | None], *, mark: str = "R", **more: Any) -> Found:
        """A time that comes back every year; left out where a year does not have it."""
        return Found(mark=mark, stretches=tuple(_each(of_year, self._years)), **more)

    def shift(self, said: Mapping[str, Any]) -> int:
        """Which one is meant, counted from the current: last -1, this 0, next 1."""
        return int(self.rules.value("shifts", said["shift"])) if "shift" in said else 0

    def unit(self, said: Mapping[str, Any]) -> Unit:
        """The unit of time, in the rule's own terms or the language's."""
        return said["unit"] if said["unit"] in UNITS else cast(Unit, self.rules.value("units", said["unit"]))

    def ordinal(self, said: Mapping[str, Any]) -> int:
        """First 1, second 2, last -1."""
        return int(self.rules.value("ordinals", said["ordinal"]))

    def year(self, said: Mapping[str, Any]) -> int | None:
        """The year where one is said, 2026 or '26."""
        if "y" not in said:
            return None
        year = int(said["y"].lstrip("'"))
        return year + 2000 if year < 100 else year

    def _month_number(self, said: Mapping[str, Any]) -> int:
        if "month" in said:
            return int(self.rules.value("months", said["month"]))
        return self.rules.number(said["m"])

    def _between(self, said: Mapping[str, Any], of_year: Callable[[int], Stretch | None]) -> Found | None:
        """The time in the year said, or in any."""
        year = self.year(said)
        if year is None:
            return self.yearly(of_year)
        stretch = of_year(year)
        return None if stretch is None else self.fixed(stretch)

    def _event(self, said: Mapping[str, Any]) -> Found:
        event = said["event"]
        return self.yearly(lambda year: event_days(event, year), mark="E", event=event)

    def _date(self, said: Mapping[str, Any]) -> Found:
        year = self.year(said)
        assert year is not None
        day = date(year, self._month_number(said), self.rules.number(said["d"]))
        return self.fixed((day, day))

    def _day(self, said: Mapping[str, Any]) -> Found | None:
        month, day = self._month_number(said), self.rules.number(said["d"])
        return self._between(said, lambda year: _days(year, month, day, day))

    def _days(self, said: Mapping[str, Any]) -> Found | None:
        month, day, to = (
            self._month_number(said),
            self.rules.number(said["d"]),
            self.rules.number(said["d_to"]),
        )
        return self._between(said, lambda year: _days(year, month, day, to)) if day <= to else None

    def _slash(self, said: Mapping[str, Any]) -> Found | None:
        a, b = int(said["a"]), int(said["b"])
        month, day = (a, b) if self.rules.month_first else (b, a)
        if month > 12:
            month, day = day, month
        found = self._between(said, lambda year: _days(year, month, day, day))
        if found is None or day > 12 or day == month:
            return found
        other = self._between(said, lambda year: _days(year, day, month, month))
        return found if other is None else replace(found, swapped=other.stretches)

    def _month(self, said: Mapping[str, Any]) -> Found | None:
        month = self._month_number(said)
        return self._between(said, lambda year: unit_around(date(year, month, 1), "month"))

    def _quarter(self, said: Mapping[str, Any]) -> Found | None:
        quarter = self.rules.number(said["q"]) if "q" in said else self.ordinal({"ordinal": said["quarter"]})
        month = quarter * 3 - 2 if quarter > 0 else 10
        return self._between(said, lambda year: unit_around(date(year, month, 1), "quarter"))

    def _half(self, said: Mapping[str, Any]) -> Found | None:
        half = int(said["half"]) if "half" in said else self.ordinal(said)
        first, last = ((1, 1), (6, 30)) if half == 1 else ((7, 1), (12, 31))
        return self._between(said, lambda year: (date(year, *first), date(year, *last)))

    def _year(self, said: Mapping[str, Any]) -> Found:
        year = self.year(said)
        assert year is not None
        return Found(mark="Y", stretches=((date(year, 1, 1), date(year, 12, 31)),))

    def _length(self, said: Mapping[str, Any]) -> Found | None:
        count, unit = said["n"], self.unit(said)
        count = count if isinstance(count, int) else self.rules.number(count)
        if "n_to" in said:
            count = max(count, self.rules.number(said["n_to"]))
        # Beyond ten years it is no plan and no look back.
        return (
            None
            if not 0 < count <= 3650 or (unit == "year" and count > 10)
            else Found(mark="L", length=(count, unit))
        )

    def _day_word(self, said: Mapping[str, Any]) -> Found:
        day = self.today + timedelta(days=int(self.rules.value("day_words", said["day_word"])))
        return self.fixed((day, day))

    def _unit(self, said: Mapping[str, Any]) -> Found:
        unit = self.unit(said)
        stretch = unit_around(self.today, unit, shift=self.shift(said))
        return Found(mark="Y" if unit == "year" else "F", stretches=(stretch,))

    def _year_ago(self, said: Mapping[str, Any]) -> Found:
        unit = self.unit(said)
        return self.fixed(unit_around(shifted(self.today, -1, "year"), unit))

    def _unit_edge(self, said: Mapping[str, Any]) -> Found:
        """The first or last day of a week, month, quarter or year: of whichever the rest of the words say."""
        unit = self.unit(said)
        edge = said["edge"] if said["edge"] in ("start", "end") else self.rules.value("edges", said["edge"])
        reach = {"week": 10, "month": 30, "quarter": 16, "year": 12}[unit]
        around = (unit_around(self.today, unit, shift=shift) for shift in range(-reach, reach + 1))
        days = [stretch[0 if edge == "start" else 1] for stretch in around]
        return Found(mark="R", stretches=tuple((day, day) for day in days), is_part=edge == "end")

    def _weekend(self, said: Mapping[str, Any]) -> Found:
        monday = unit_around(self.today, "week")[0]
        if "past" in said:
            monday -= timedelta(days=7 if self.today.weekday() < 6 else 0)
        weeks = [self.shift(said)] if "shift" in said or "past" in said else range(-8, 9)
        first = [monday + timedelta(days=7 * week + 5) for week in weeks]
        return Found(
            mark="F" if len(first) == 1 else "R", stretches=tuple((day, day + _DAY) for day in first)
        )

    def _weekday_in_week(self, said: Mapping[str, Any]) -> Found:
        monday = unit_around(self.today, "week", shift=self.shift(said))[0]
        day = monday + timedelta(days=int(self.rules.value("weekdays", said["weekday"])))
        if said.get("most_recent") and self.today - day > timedelta(days=7):
            day += timedelta(days=7)  # "last Tuesday" on a Thursday is that of this week
        return self.fixed((day, day))

    def _weekday(self, said: Mapping[str, Any]) -> Found:
        monday = unit_around(self.today, "week")[0]
        first = monday + timedelta(days=int(self.rules.value("weekdays", said["weekday"])))
        days = [first + timedelta(days=7 * week) for week in range(-8, 9)]
        return Found(mark="W", stretches=tuple((day, day) for day in days))

    def _day_of_month(self, said: Mapping[str, Any]) -> Found:
        number = self.rules.number(said["d"])
        months = (unit_around(self.today, "month", shift=shift)[0] for shift in range(-30, 31))
        days = [_days(first.year, first.month, number, number) for first in months]
        return Found(mark="M", stretches=tuple(filter(None, days)))


def _days(year: int, month: int, day: int, to: int) -> Stretch | None:
    """Days of one month; None where it lacks them."""
    if not (1 <= month <= 12 and 1 <= day <= to <= calendar.monthrange(year, month)[1]):
        return None
    return date(year, month, day), date(year, month, to)


def _each(of_year: Callable[[int], Stretch | None], years: Iterable[int]) -> Iterable[Stretch]:
    return filter(None, map(of_year, years))
