"""Models outside PyTorch: their networks as graphs, what runs these, and a web page that does."""
