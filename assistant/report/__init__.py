"""The explained price report of a whole catalogue: priced in batches, put in words once, printed five ways.

entry.py      what is known of one product: the record, how it stands, its figure's series
compose.py    one pass over the catalogue: sections, tables and pages, every sentence checked, kept on a spool
sections/     what each section says; reasons.py, totals.py: why in a few words, sums with their interval
document.py   the report as sections, tables and product pages, whatever it is printed as
pdf*.py       the PDF: its story, tables, figures, and which font has which character
"""
