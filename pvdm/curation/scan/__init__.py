"""What one pass over each file of a heap tells."""
