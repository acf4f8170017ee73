"""Metrics: one file each, with its equations and what a protocol measures by it; `metric_registry.py` names them."""
