"""The explained price report of a whole catalogue: priced in batches, put in words once, printed five ways.

entry.py      what is known of one product: the record, how it stands, its figure's series
document.py   the report as sections, tables and product pages, whatever it is printed as
"""
