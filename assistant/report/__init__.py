"""The explained price report of a whole catalogue: priced in batches, put in words once, printed five ways.

entry.py      what is known of one product: the record, how it stands, its figure's series
run.py        plan, price, record, write; batches.py, pricing.py: a piece of the shop; workers.py,
              ray_engine.py: who prices it; checkpoints.py what is kept of an unfinished run, progress.py what
              it tells; printing.py a document in the formats asked for
compose.py    one pass over the catalogue: sections, tables and pages, every sentence checked, kept on a spool
sections/     what each section says; reasons.py, totals.py: why in a few words, sums with their interval
document.py   the report as sections, tables and product pages, whatever it is printed as
tables.py     CSV and JSON; workbook.py XLSX, with cell_formats.py and workbook_figures.py
review.py     the workbook that was decided in, read back by review_file.py; review_sheet.py ties the two
shop_export.py  approved prices in the import layouts of shops
pdf*.py       the PDF: its story, tables, figures, and which font has which character
"""
