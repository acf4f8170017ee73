"""Decoding of video files and folders of images: the frames that a player would show."""
