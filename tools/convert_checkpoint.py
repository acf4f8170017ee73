"""`pvdm convert` for a clone: the same options."""

import sys

from pvdm.cli import main

sys.exit(main(["convert", *sys.argv[1:]]))
