"""Video generation by diffusion in a projected latent space (Yu et al., CVPR 2023, arXiv 2302.07685)."""
