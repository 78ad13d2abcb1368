"""What a backtest says and draws: conclusions by rule, both languages, figures."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from small_backtest import run, shop, tiny_model, with_gains

from assistant.backtest_text import backtest_text, backtest_words
from policy.evaluation.backtest.conclusions import of_difference, of_estimates, of_forecasts
from policy.evaluation.backtest.forecasts import Gap
from policy.evaluation.backtest.off_policy import Refusal
from policy.evaluation.backtest.replay import Difference
from policy.evaluation.backtest.report import Backtest
from prompts import load


@pytest.fixture(scope="module")
def report() -> Backtest:
    return run(tiny_model(), shop())


# What it comes to


@pytest.mark.parametrize(
    ("products", "mean", "error", "conclusion"),
    [
        (20, -0.03, 0.01, "closer"),
        (20, 0.03, 0.01, "further"),
        (20, -0.03, 0.02, "same"),
        (20, 0.0, 0.0, "same"),
        (20, -0.0004, 0.0001, "same"),  # 0.3592 against 0.3596 is 0.359 and 0.360: not worth a word
        (4, -0.03, 0.001, "too_few"),
        (1, -0.03, float("nan"), "too_few"),
    ],
)
def test_forecasts_are_closer_where_chance_among_products_does_not_explain_it(
    products: int, mean: float, error: float, conclusion: str
) -> None:
    assert of_forecasts(Gap(products=products, mean=mean, error=error)) == conclusion


@pytest.mark.parametrize(
    ("sniw", "dr", "conclusion"),
    [
        ((20, 5, 40), (30, 9, 70), "more"),
        ((-20, -40, -5), (-30, -70, -9), "less"),
        ((20, -5, 40), (30, 9, 70), "unclear"),
        ((20, 0, 40), (30, 0, 70), "unclear"),
        ((20, 5, 40), (-30, -70, -9), "unclear"),
    ],
)
def test_the_store_is_told_more_or_less_only_where_both_ranges_say_so(
    report: Backtest, sniw: tuple[float, ...], dr: tuple[float, ...], conclusion: str
) -> None:
    found = with_gains(report, sniw=sniw, dr=dr)
    assert of_estimates(found.off_policy[0].estimates) == conclusion
    assert found.to_dict()["off_policy"]["results"][0]["policy_earns"] == conclusion
    for language in ("en", "zh"):
        words, text = backtest_words(language), backtest_text(found, language, width=None)
        earnings = words["earnings"]["profit"].lower()
        told = {how: s.format(earnings=earnings) in text for how, s in words["would_have_earned"].items()}
        assert [how for how, said in told.items() if said] == [conclusion]


def test_nothing_is_concluded_from_what_is_refused(report: Backtest) -> None:
    assert of_estimates(()) == "unclear"
    refused = replace(report.off_policy[0], estimates=(), refused="ess_low")
    text = backtest_text(replace(report, off_policy=(refused,)), "en", width=None)
    assert "No estimate of profit" in text
    assert "would have earned" not in text.replace(backtest_words("en")["text"]["off_policy_title"], "")


@pytest.mark.parametrize(
    ("low", "high", "conclusion"), [(1, 9, "more"), (-9, -1, "less"), (-1, 9, "unclear"), (0, 9, "unclear")]
)
def test_the_replay_is_told_by_its_range_and_as_simulated(
    report: Backtest, low: float, high: float, conclusion: str
) -> None:
    keep = Difference(against="keep", mean=(low + high) / 2, low=low, high=high)
    assert of_difference(keep) == conclusion
    found = replace(report, replayed=(replace(report.replayed[0], differences=(keep,)),))
    (told,) = (
        line
        for line in backtest_text(found, "en", width=None).splitlines()
        if line.startswith("In short") and "keeping" in line
    )
    assert told.startswith(backtest_words("en")["earns"][conclusion].split("{")[0])
    assert "simulated" in told


def test_the_sentence_on_forecasts_has_the_numbers_of_its_table(report: Backtest) -> None:
    gap = Gap(products=8, mean=-0.2, error=0.05)
    for language in ("en", "zh"):
        text = backtest_text(
            replace(report, forecasts=replace(report.forecasts, gaps={"glm": gap, "seasonal_naive": gap})),
            language,
            width=None,
        )
        part = text.split("\n1. ")[1].split("\n2. ")[0].splitlines()
        sentence, table = part[1], "\n".join(part[2:])
        numbers = re.findall(r"\d\.\d{3}", sentence)
        assert len(numbers) == 4
        assert set(numbers) <= set(re.findall(r"\d\.\d{3}", table))


# Figures and words


@pytest.mark.parametrize("language", ["en", "zh"])
def test_terms_are_explained_where_they_are_used_and_only_there(report: Backtest, language: str) -> None:
    words = backtest_words(language)  # type: ignore[arg-type]
    told = with_gains(report, sniw=(20, 5, 40), dr=(30, 9, 70))
    refused = replace(report, off_policy=(replace(report.off_policy[0], estimates=(), refused="ess_low"),))
    for found, estimated in ((told, True), (refused, False)):
        text = backtest_text(found, language, width=None)  # type: ignore[arg-type]
        parts, _, terms = text.rpartition(f"\n{words['glossary']['title']}\n")
        assert parts.count(words["names"]["glm"]) and words["glossary"]["glm"] in terms
        for name in ("sniw", "dr"):
            assert (words["names"][name] in parts) == (words["glossary"][name] in terms) == estimated
        assert (words["figure"]["ess"] in parts.lower()) == (words["figure"]["ess"] in terms.lower())
        assert "{" not in terms


@pytest.mark.parametrize("language", ["en", "zh"])
def test_figures_are_drawn(report: Backtest, tmp_path: Path, language: str) -> None:
    pytest.importorskip("matplotlib")
    from policy.evaluation.backtest.figures import draw_figures

    written = {path.name for path in draw_figures(report, backtest_words(language)["figure"], tmp_path)}  # type: ignore[arg-type]
    assert {"forecasts.png", "forecasts.svg", "calibration.svg", "replay.png"} <= written
    assert all((tmp_path / name).stat().st_size > 3000 for name in written)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_figure_of_estimates_shows_the_differences_of_the_table_and_zero(
    report: Backtest, sign: float
) -> None:
    pytest.importorskip("matplotlib")
    from policy.evaluation.backtest.figures import _estimates

    words = backtest_words("en")["figure"]
    found = with_gains(report, sniw=(sign * 20, sign * 5, sign * 40), dr=(sign * 30, sign * 9, sign * 70))
    (axes,) = _estimates(found, words).axes
    (zero, points), (ranges,) = axes.lines, axes.collections
    assert set(zero.get_xdata()) == {0.0}
    assert axes.get_xlim()[0] < 0 < axes.get_xlim()[1]
    assert points.get_xdata().tolist() == [sign * 20, sign * 30]
    assert [sorted(segment[:, 0]) for segment in ranges.get_segments()] == [
        sorted([sign * 5, sign * 40]),
        sorted([sign * 9, sign * 70]),
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == [words["sniw"], words["dr"]]
    assert words["observational"] in axes.get_title()
    assert "64" in axes.get_title()


def test_both_languages_say_the_same_things() -> None:
    english, chinese = (tomllib.loads(load(language, "backtest.toml")) for language in ("en", "zh"))
    assert {section: words.keys() for section, words in english.items()} == {
        section: words.keys() for section, words in chinese.items()
    }
    for section, words in english.items():
        for key, sentence in words.items():
            assert set(_placeholders(chinese[section][key])) == set(_placeholders(sentence)), key
    assert set(Refusal.__args__) <= english["refused"].keys() == english["help"].keys()


def _placeholders(sentence: str) -> Iterator[str]:
    yield from (part.split("}")[0] for part in sentence.split("{")[1:])
