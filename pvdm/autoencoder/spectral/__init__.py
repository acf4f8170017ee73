"""The second autoencoder: temporal frequencies, a linear code, and a network that corrects it."""
