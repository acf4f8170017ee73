"""What is known of each frame beside its pixels, as one vector: the camera, and what is heard."""
