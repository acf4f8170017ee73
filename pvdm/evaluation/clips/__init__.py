"""Where evaluated clips come from: videos, data sets, models."""
