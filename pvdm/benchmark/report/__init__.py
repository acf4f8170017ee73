"""The page that shows a benchmark: our figures beside published ones, plots, videos, and a blind comparison."""

from pvdm.benchmark.report.page import write_report

__all__ = ["write_report"]
