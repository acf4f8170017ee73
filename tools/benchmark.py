"""`pvdm benchmark` for a clone: the same options."""

import sys

from pvdm.cli import main

sys.exit(main(["benchmark", *sys.argv[1:]]))
