"""Metrics, one file each with its equations and its measurement; `metric_registry.py` lists them."""
