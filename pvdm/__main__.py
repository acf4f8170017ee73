"""`python -m pvdm` is the command `pvdm`."""

import sys

from pvdm.cli import main

sys.exit(main())
