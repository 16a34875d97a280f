"""Agreements: load, sign, decide (deny by default), and the ledger of what was decided."""
