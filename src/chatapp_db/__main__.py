"""The command line as ``python -m chatapp_db``."""

import sys

from chatapp_db.cli import main

if __name__ == "__main__":
    sys.exit(main())
