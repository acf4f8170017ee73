"""Steps that look at single frames of a clip: text, captions, image-text similarity, and functions of users."""
