"""What `pricing-assistant backtest` prints for people, in English or Chinese."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assistant.cli_tuning_report import UNLIMITED
from assistant.facts import count, labels, money, percent, signed, span, total_decimals
from assistant.wording import Language
from prompts import load, substitute

if TYPE_CHECKING:
    from policy.evaluation.backtest.off_policy import OffPolicy
    from policy.evaluation.backtest.replay import Difference, ReplayOutcome
    from policy.evaluation.backtest.report import Backtest
    from policy.forecast.score import ForecastScore


def backtest_words(language: Language) -> dict[str, dict[str, str]]:
    """`prompts/<language>/backtest.toml`."""
    return tomllib.loads(load(language, "backtest.toml"))


def backtest_text(report: Backtest, language: Language, *, width: int | None) -> str:
    """The three parts, each with what it can and cannot say, and the terms used; tables in `width` columns or
    as many as they take."""
    return "\n".join(_Page(report, language, width).lines()).rstrip()


def draw(report: Backtest, folder: Path, written: Sequence[Path], language: Language) -> str:
    """Draw the figures into a folder, in English where no font has Chinese characters.

    Returns
    -------
    What lies in the folder, `written` before and drawn now, in words.
    """
    from policy.evaluation.backtest.figures import draw_figures, draws_chinese

    text = backtest_words(language)["text"]
    readable = language == "en" or draws_chinese()
    words = backtest_words(language if readable else "en")["figure"]
    names = ", ".join(path.name for path in (*written, *draw_figures(report, words, folder)))
    listed = substitute(text["files"], folder=str(folder), files=names)
    return listed if readable else f"{listed}\n{text['english_figures']}"


class _Page:
    def __init__(self, report: Backtest, language: Language, width: int | None):
        self._report, self._language = report, language
        self._words = backtest_words(language)
        self._console = Console(width=width or UNLIMITED, highlight=False)
        self._period = labels(language)["period"][report.panel.period]

    def lines(self) -> Iterator[str]:
        report = self._report
        first, last = report.tested
        yield self._say(
            "heading",
            file=report.file,
            used=self._count(len(report.panel)),
            products=self._count(report.products),
            first=first,
            last=last,
            period=self._period,
        )
        if report.objective == "profit" and not report.costs_known:
            yield self._say("without_cost")
        if report.seen_by_adapter:
            yield self._say("adapter_seen", date=str(report.adapter_tested_from))
        elif report.adapter_tested_from is not None:
            yield self._say("adapter_chosen", date=report.adapter_tested_from)
        yield ""
        yield from self._forecasts()
        yield self._say("off_policy_title")
        for result in report.off_policy:
            yield from self._off_policy(result)
        yield from self._replay()
        yield from self._glossary()

    def _forecasts(self) -> Iterator[str]:
        scores = self._report.forecasts.scores
        ours = scores["policy"]
        yield self._say("forecasts_title")
        yield self._closeness()
        rows = [
            (
                self._words["names"][name],
                _error(score),
                "–" if isnan(score.wql_moves) else f"{score.wql_moves:.3f}",
                percent(score.cover80, self._language),
            )
            for name, score in scores.items()
        ]
        yield from self._table(("forecaster", "wql", "wql_moves", "cover"), rows)
        yield self._say("forecasts_note", moves=self._count(ours.moves), rows=self._count(ours.rows))
        yield ""

    def _closeness(self) -> str:
        """Whose forecasts are closer, in one sentence."""
        from policy.evaluation.backtest.conclusions import LEAST_PRODUCTS, of_forecasts

        scores, gaps = self._report.forecasts.scores, self._report.forecasts.gaps
        found = {name: of_forecasts(gap) for name, gap in gaps.items()}
        if "too_few" in found.values():
            return self._say("forecasts_too_few", least=str(LEAST_PRODUCTS))
        told = [
            substitute(
                self._words["closeness"][how],
                name=self._words["names"][name],
                ours=_error(scores["policy"]),
                theirs=_error(scores[name]),
            )
            for name, how in found.items()
        ]
        return self._say("forecasts_conclusion", found=self._words["closeness"]["and"].join(told))

    def _off_policy(self, result: OffPolicy) -> Iterator[str]:
        from policy.evaluation.backtest.conclusions import of_estimates

        earnings = self._earnings(result.objective)
        if result.refused:
            yield self._none("off_policy_none", earnings, result.refused, result)
            yield ""
            return
        how = of_estimates(result.estimates)
        yield substitute(self._words["would_have_earned"][how], earnings=earnings.lower())
        rows = [
            (
                self._words["names"][estimate.estimator],
                self._money(result.earned, result.earned),
                self._money(estimate.value, result.earned),
                signed(self._money(estimate.gain, result.earned)),
                self._range(estimate.gain_low, estimate.gain_high, result.earned),
            )
            for estimate in result.estimates
        ]
        yield from self._table(("method", "earned", "estimate", "gain", "range"), rows)
        yield self._say(
            "off_policy_note",
            earnings=earnings,
            period=self._period,
            covered=percent(result.covered, self._language),
            rows=self._count(result.rows),
            ess=self._count(round(result.ess)),
        )
        yield ""

    def _replay(self) -> Iterator[str]:
        from policy.evaluation.backtest.replay import PERIODS

        length = span(PERIODS, self._report.panel.period, self._language)
        yield self._say("replay_title", span=length)
        if self._report.replay is None:
            yield self._none("replay_none", self._earnings(self._report.objective), "few_priced", None)
        for outcome in self._report.replayed:
            yield from self._played(outcome)
            yield ""

    def _played(self, outcome: ReplayOutcome) -> Iterator[str]:
        from policy.evaluation.backtest.conclusions import of_difference

        earnings = self._words["earnings"][outcome.objective]
        if not outcome.mean:
            yield self._none("replay_none", earnings, "few_priced", None)
            return
        best = outcome.mean["oracle"]
        keep, *others = outcome.differences
        yield self._difference(self._words["earns"][of_difference(keep)], keep, best, earnings)
        rows = [
            (
                self._words["names"][name],
                self._money(mean, best),
                percent(mean / best, self._language) if best > 0 and mean >= 0 else "–",
            )
            for name, mean in outcome.mean.items()
        ]
        yield from self._table(("seller", "expected", "share"), rows)
        yield self._say(
            "replay_note", earnings=earnings, period=self._period, products=self._count(outcome.products)
        )
        for difference in others:
            yield self._difference(self._words["text"]["difference"], difference, best, earnings)

    def _difference(self, sentence: str, difference: Difference, beside: float, earnings: str) -> str:
        """The policy against another seller: `gain` is the difference, `more_or_less` its size."""
        return substitute(
            sentence,
            against=self._words["names"][difference.against],
            period=self._period,
            earnings=earnings.lower(),
            more_or_less=self._money(abs(difference.mean), beside),
            gain=signed(self._money(difference.mean, beside)),
            range=self._range(difference.low, difference.high, beside),
        )

    def _glossary(self) -> Iterator[str]:
        """The terms that stand above, for a reader without statistics."""
        from policy.evaluation.backtest.off_policy import LEAST_ESS

        words = self._words["glossary"]
        terms = ["wql", *self._report.forecasts.gaps]
        if any(result.estimates for result in self._report.off_policy):
            terms += ["sniw", "dr", "ess"]
        yield words["title"]
        yield from ("- " + substitute(words[term], least_ess=f"{LEAST_ESS:g}") for term in terms)

    def _earnings(self, objective: str) -> str:
        """What is counted: revenue where no product has a cost, whatever was asked for."""
        return self._words["earnings"][objective if self._report.any_cost_known else "revenue"]

    def _none(self, sentence: str, earnings: str, code: str, result: OffPolicy | None) -> str:
        """Why a part has no number, and what would help."""
        from policy.evaluation.backtest.off_policy import LEAST_ESS, LEAST_PRODUCTS

        values = {"least": str(LEAST_PRODUCTS), "least_ess": f"{LEAST_ESS:g}"}
        if result is not None:
            values |= {
                "covered": percent(result.covered, self._language),
                "rows": self._count(result.rows),
                "ess": self._count(round(result.ess)),
            }
        reason = substitute(self._words["refused"][code], **values)
        earnings = earnings.lower()
        return self._say(sentence, earnings=earnings, reason=reason, help=self._words["help"][code])

    def _say(self, key: str, **values: str) -> str:
        return substitute(self._words["text"][key], **values)

    def _count(self, value: int) -> str:
        return count(value, self._language)

    def _money(self, value: float, beside: float) -> str:
        """With as many decimals as the amount that it stands beside needs."""
        decimals = total_decimals(self._report.currency, beside)
        return money(value, self._report.currency, self._language, decimals=decimals)

    def _range(self, low: float, high: float, beside: float) -> str:
        ends = {"low": low, "high": high}
        shown = {name: signed(self._money(end, beside)) for name, end in ends.items()}
        return str(labels(self._language)["range"]["money"]).format(**shown)

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        titles: Mapping[str, Any] = self._words["columns"]
        for i, column in enumerate(columns):
            table.add_column(titles[column], justify="left" if i == 0 else "right", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        with self._console.capture() as captured:
            self._console.print(table)
        yield "\n".join(line.rstrip() for line in captured.get().splitlines())


def _error(score: ForecastScore) -> str:
    return f"{score.wql:.3f}"
