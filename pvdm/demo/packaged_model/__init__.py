"""What the page shows of the model that comes with the package."""
