"""Search for hyperparameters: the space, the study that processes share, and the trial, a training of its own."""
