"""Several data sets as one, each taken in proportion to its weight."""
