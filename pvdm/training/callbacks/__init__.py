"""What is measured, averaged, logged and stopped during training."""
