"""The GAN phase of stage 1."""
