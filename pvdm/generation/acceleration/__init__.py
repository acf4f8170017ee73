"""What makes sampling faster without changing what is sampled."""
