"""`pvdm evaluate`."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """To be written."""


def run(options: argparse.Namespace) -> None:
    raise NotImplementedError
