"""What a command need not load."""

import subprocess
import sys

import pytest

from etl.model.lean import spare_pandas

SPARED = """
import sys
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from etl.model.lean import spare_pandas
spare_pandas()
pc.equal(pa.array(np.arange(3)), pa.array([0, 1, 5])).to_numpy(zero_copy_only=False)
print("pandas" in sys.modules)
print(pa.table({"a": [1, None]}).to_pandas(integer_object_nulls=True)["a"].tolist())
import pandas as pd
print(pd.to_datetime("2024-01-02").year)
"""


def test_arrays_are_made_without_pandas_and_pandas_still_works():
    """It takes as long to import as reading half a million rows."""
    done = subprocess.run([sys.executable, "-c", SPARED], capture_output=True, text=True, check=True)
    assert ["False", "[1, None]", "2024"] == done.stdout.split("\n")[:3]


def test_pandas_that_is_loaded_stays():
    """A program that uses both must not lose it."""
    pandas = pytest.importorskip("pandas")
    spare_pandas()
    assert pandas is sys.modules["pandas"]
