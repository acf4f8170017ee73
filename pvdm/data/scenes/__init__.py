"""An endless synthetic data set: rendered scenes whose bodies, motions, cameras, sounds and captions are known."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)  # names are in __init__.pyi
