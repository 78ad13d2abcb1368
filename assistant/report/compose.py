"""A priced catalogue as a document: one pass over the products, every sentence made of facts and checked.

Rows and pages are written once, to a file without a name, and read back in order by every printer, so that
all formats hold the same words and numbers and memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assistant.facts import day
from assistant.report.case import case_of
from assistant.report.document import Document, Page
from assistant.report.entry import Priced
from assistant.report.scope import Composer, Part, Scope
from assistant.report.sections.actions import Actions, order_of
from assistant.report.sections.appendix import appendix
from assistant.report.sections.changes import Changes
from assistant.report.sections.competitors import Competitors
from assistant.report.sections.coverage import Coverage
from assistant.report.sections.effects import Effects
from assistant.report.sections.gaps import Gaps
from assistant.report.sections.headline import Headline
from assistant.report.sections.key_figures import KeyFigures
from assistant.report.sections.product_page import Words, packed, page_of, unpacked
from assistant.report.sections.promotions import Promotions
from assistant.report.sections.stock import Stock
from assistant.report.sections.track_record import TrackRecord
from assistant.report.spool import Ordered, Spool
from assistant.store.records import Verdict
from assistant.wording import Language
from policy.history import Period


def compose(
    priced: Priced,
    language: Language,
    *,
    statuses: Mapping[str, Verdict],
    folder: Path | None = None,
) -> Document:
    """Put a priced catalogue in words.

    Parameters
    ----------
    statuses
        What was decided already, by the id of the decision.
    folder
        Where rows and pages are kept while the document lives; the system's folder for such where None.

    Raises
    ------
    ValueError
        Where there is no product at all.
    OSError
        Where the folder has no room or cannot be written.
    """
    spool = Spool(folder)
    composer = Composer(language, spool, newest=priced.newest, since_last=priced.since_last)
    headline, coverage = Headline(composer), Coverage(composer, priced.set_aside)
    parts: list[Part] = [
        headline,
        KeyFigures(composer),
        coverage,
        Actions(composer),
        Effects(composer),
        Stock(composer),
        Competitors(composer),
        Promotions(composer),
        TrackRecord(composer),
        Changes(composer, priced.gone),
        Gaps(composer),
    ]
    pages: Ordered[Page] = Ordered(spool, unpacked)
    words = Words(composer.statements)
    date = last_date = ""
    period: Period | None = None
    outlets = categories = False
    for entry in priced.entries:
        it = entry.recommendation
        ruling = priced.rulings.get((it.sku, it.store))
        case = case_of(entry, language, statuses.get(entry.decision_id), ruling)
        composer.group(it.currency)
        for part in parts:
            part.add(case)
        gain = it.gain.mean if case.moves and it.gain is not None else 0.0
        pages.add(packed(page_of(case, words)), weight=gain, group=order_of(case, composer))
        date, last_date = max(date, it.date[:10]), max(last_date, case.standing.last_date)
        period = it.period  # one of a shop
        outlets |= bool(it.store)
        categories |= bool(entry.category)
    products = len(pages) + coverage.unread(priced.unpriced)
    if not products:
        raise ValueError("There is no product to report on: import sales first.")
    scope = Scope(
        language=language,
        period=period,
        currencies=composer.currencies,
        products=products,
        outlets=outlets,
        categories=categories,
        date=date,
        last_date=last_date,
        made_at=priced.made_at,
        last_report=priced.last_report,
    )
    sections = [part.section(scope) for part in parts]
    chosen = headline.revenue_is_chosen
    sections.append(appendix(composer, scope, priced.manifest, headline.gains, revenue_is_chosen=chosen))
    spoken = {key: day(text, language) for key, text in (("date", date), ("last_date", last_date)) if text}
    title = composer.statements.words
    return Document(
        title=title("title"),
        subtitle=title("subtitle", period=scope.period_word, **spoken) if spoken else title("no_dates"),
        language=language,
        currency=scope.currency,
        period=scope.period or "",
        made_at=priced.made_at,
        sections=tuple(sections),
        pages=pages,
        page_count=len(pages),
        manifest=priced.manifest,
    )
