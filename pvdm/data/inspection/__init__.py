"""Reports on a data set before training."""
