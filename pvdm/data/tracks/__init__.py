"""What is known of a clip beside its pixels: of each frame a camera and what is heard, and scores of the whole."""
