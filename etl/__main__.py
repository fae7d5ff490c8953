"""The console script and `python -m etl`."""

import os
import sys


def main() -> None:
    """Run the command line and leave with the exit code of the table."""
    # Arrow's allocator asks for pages of 2 MiB, gives them back and asks again: clearing them takes a
    # tenth of a plan's time. It reads this when it is loaded.
    os.environ.setdefault("MIMALLOC_ALLOW_THP", "0")
    # The import is what start-up costs; keep it in one place.
    from etl.cli.main import again_where_lost, run  # noqa: PLC0415

    sys.unraisablehook = again_where_lost
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
