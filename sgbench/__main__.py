"""``python -m sgbench COMMAND``."""

import sys

from sgbench.commands.door import main

if __name__ == "__main__":
    sys.exit(main())
