"""What a batch holds, and what is drawn for each of its samples."""
