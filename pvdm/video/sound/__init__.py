"""The sound of videos: reading a track, and putting one into a file."""
