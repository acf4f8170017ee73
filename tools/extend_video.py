"""`pvdm extend` for a clone: the same options."""

import sys

from pvdm.cli import main

sys.exit(main(["extend", *sys.argv[1:]]))
