"""What the shop remembers: products, sales, prices, rules, decisions and who changed what."""

from assistant.store.database import StoreError, data_home
from assistant.store.ingest import ImportResult
from assistant.store.records import (
    AuditEntry,
    Decision,
    Product,
    RuleChange,
    RulesProposal,
    RulesVersion,
    Verdict,
)
from assistant.store.store import Store

__all__ = [
    "AuditEntry",
    "Decision",
    "ImportResult",
    "Product",
    "RuleChange",
    "RulesProposal",
    "RulesVersion",
    "Store",
    "StoreError",
    "Verdict",
    "data_home",
]
