"""What a model that takes given frames makes of a video: more frames per second, missing ones, larger ones."""
