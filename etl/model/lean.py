"""What a command need not load."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

import pyarrow as pa


class _Absent(MetaPathFinder):
    """Tells Python that pandas is not installed."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def spare_pandas() -> None:
    """Keep pyarrow from importing pandas, which takes a third of a second, at its first array.

    It looks for pandas once, to tell a Series from other sequences; nothing here makes an array of a Series.
    Who needs pandas imports it as ever, and `to_pandas` works. Call it before other threads begin.
    """
    if "pandas" in sys.modules:
        return
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(absent)
