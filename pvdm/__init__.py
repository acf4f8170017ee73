"""Video generation by diffusion in a projected latent space (Yu et al., CVPR 2023, arXiv 2302.07685)."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)  # names are in __init__.pyi
