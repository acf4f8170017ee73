"""Pixels in and out: clips read from files, videos written to files, and the ranges between."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)  # names are in __init__.pyi
