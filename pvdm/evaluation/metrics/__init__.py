"""Metrics: one file each, with its equations and what a protocol measures by it; `registry.py` names them."""
