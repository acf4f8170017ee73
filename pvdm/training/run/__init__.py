"""A run and its folder: checkpoints, exact resume, signals, several processes."""
