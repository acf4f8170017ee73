"""Saying by what a file was made: metadata fields, a signed C2PA manifest, and a watermark in the pixels."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)  # names are in __init__.pyi
