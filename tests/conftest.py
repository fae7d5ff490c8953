"""What holds for every test."""

import os

from hypothesis import settings

# CI gives the same verdict on the same commit; a run by hand looks for new cases each time.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("hand", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "hand")
