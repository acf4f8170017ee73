"""`pvdm benchmark learning`: how well recipes learn from the same clips at equal computation."""
