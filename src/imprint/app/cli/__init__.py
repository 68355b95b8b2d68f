"""The command line. `main` is the entry point of the script `imprint`."""

from imprint.app.cli.edge import main

__all__ = ["main"]
