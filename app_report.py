"""The app's report tab: layout and events, as `app.py` has them for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from assistant import report_page
from assistant.page import Changes
from assistant.report.shop_export import SHOPS
from assistant.session import Visit

Page = dict[str, Any]
Updates = dict[Any, Any]


def layout(page: Page) -> None:
    """Making a report and its files on one side, what it says and what is decided on the other."""
    with gr.Column(scale=5, min_width=340):
        with gr.Column(elem_id="report-run", elem_classes="card"):
            page["report_title"] = gr.HTML()
            page["report_what"] = gr.Markdown()
            page["report_shop"] = gr.Markdown(elem_classes="quiet")
            with gr.Row(elem_classes="actions"):
                page["make"] = gr.Button("", elem_id="make", elem_classes="main")
                page["halt"] = gr.Button("", visible=False, elem_id="halt")
            page["making"] = gr.HTML(visible=False, elem_id="making", elem_classes="progress")
            page["unmade"] = gr.HTML(visible=False, elem_id="unmade")
            page["filed"] = gr.HTML(visible=False, elem_id="filed")
            with gr.Row(elem_id="files", elem_classes="actions"):
                page |= {name: gr.DownloadButton("", visible=False, size="sm") for name in report_page.FILES}
        with gr.Column(elem_id="report-export", elem_classes="card"):
            page["export_title"] = gr.HTML()
            page["export_what"] = gr.Markdown()
            page["export_shop"] = gr.Radio(list(SHOPS), value="woocommerce", elem_id="export-shop")
            page["catalogue"] = gr.File(visible=False, file_types=[".csv"], height=120, elem_id="catalogue")
            with gr.Row(elem_classes="actions"):
                page["export"] = gr.Button("", elem_id="export")
                page["get_export"] = gr.DownloadButton("", visible=False, elem_id="get-export")
            page["exported"] = gr.HTML(visible=False, elem_id="exported")
    with gr.Column(scale=6, min_width=340):
        with gr.Column(elem_id="in-short", elem_classes="card"):
            page["in_short_title"] = gr.HTML()
            page["in_short"] = gr.HTML()
        with gr.Column(elem_id="decide", elem_classes="card"):
            page["decide_title"] = gr.HTML()
            page["decide_what"] = gr.Markdown()
            page["open_only"] = gr.Checkbox(value=True, visible=False, elem_id="open-only")
            page["rows"] = gr.CheckboxGroup(visible=False, elem_id="rows")
            page["choice"] = gr.Radio(value="approve", visible=False, elem_id="verdict")
            page["own_price"] = gr.Number(visible=False, elem_id="own-price")
            page["reason"] = gr.Textbox(visible=False, max_length=500, elem_id="reason")
            with gr.Row(elem_classes="actions"):
                page["show"] = gr.Button("", visible=False, elem_id="show", elem_classes="main")
                page["workbook"] = gr.UploadButton(
                    "", visible=False, elem_id="workbook", file_types=[".xlsx"]
                )
            page["proposal"] = gr.Markdown(visible=False, elem_id="proposal")
            with gr.Row(elem_classes="actions"):
                page["agree"] = gr.Button("", visible=False, elem_id="agree", elem_classes="main")
                page["leave"] = gr.Button("", visible=False, elem_id="leave")
            page["decided"] = gr.HTML(visible=False, elem_id="decided")


def events(
    page: Page,
    visit: Callable[[gr.Request], Visit],
    updates: Callable[[Changes], Updates],
    hidden: dict[str, Any],
) -> None:
    """What happens on each click; `updates` puts changes on components, `hidden` are an event's settings."""
    parts = [page[name] for name in report_page.PARTS]

    def on(event: Callable[..., Any], change: Callable[..., Changes], *given: str, **settings: Any) -> None:
        """Call a change with the visit, the language and the values of what is given."""

        def handle(request: gr.Request, *values: Any) -> Updates:
            return updates(change(visit(request), *values))

        event(handle, [page[name] for name in ("language", *given)], parts, **(hidden | settings))

    on(page["make"].click, report_page.make)
    on(page["halt"].click, report_page.halt)
    on(page["report_tick"].tick, report_page.tick, "open_only")
    on(page["report_tab"].select, report_page.look, "open_only")
    on(page["open_only"].input, report_page.listed, "open_only")
    on(page["choice"].input, report_page.choosing, "choice")
    # What the policy has to look at waits in the queue, and is seen to be worked on.
    slow: dict[str, Any] = {"queue": True, "show_progress": "full", "show_progress_on": page["decide_what"]}
    on(page["show"].click, report_page.asking, "rows", "choice", "own_price", "reason", **slow)
    on(page["workbook"].upload, report_page.reading, "workbook", **slow)
    on(page["agree"].click, report_page.agreeing, "open_only", **slow)
    on(page["leave"].click, report_page.leaving)
    on(page["export_shop"].input, report_page.choosing_shop, "export_shop")
    on(page["export"].click, report_page.exporting, "export_shop", "catalogue")
