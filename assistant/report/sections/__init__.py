"""The sections of a report, in order of reading. Each gathers what it needs while the products go by."""
