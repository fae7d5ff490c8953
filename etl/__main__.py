"""The console script and `python -m etl`."""

import sys


def main() -> None:
    """Run the command line and leave with the exit code of the table."""
    from etl.cli.main import run  # noqa: PLC0415  the import is what start-up costs; keep it in one place

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
