"""Reading scenes: what a clip of a scene shows, from its pixels alone, and whether that agrees with a caption."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)  # names are in __init__.pyi
