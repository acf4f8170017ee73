"""`pvdm benchmark` in a clone that is not installed."""

import sys

from pvdm.cli import main

sys.exit(main(["benchmark", *sys.argv[1:]]))
