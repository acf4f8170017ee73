"""What one wants to see of a data set before training."""
