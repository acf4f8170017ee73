"""A study in the browser: its videos, its server and its pages."""
