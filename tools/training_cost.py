"""The tables of docs/scaling.md for other GPUs: --teraflops, --stage1, --stage2, --bandwidth, --price."""

import sys

from pvdm.benchmark.speed.cost import parse, tables

sys.stdout.write(f"{tables(parse())}\n")
