"""Evaluation by named protocols: clips, feature networks, metrics, results."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)  # names are in __init__.pyi
