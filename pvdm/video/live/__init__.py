"""Video in pipes: read as it comes, written frame by frame, and how long that takes."""
