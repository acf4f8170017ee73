"""The page that shows a benchmark: our figures next to published ones, charts, videos, and a blind comparison."""

from pvdm.benchmark.report.report_page import write_report

__all__ = ["write_report"]
