"""Who is who among the workers of an engine."""

from collections import Counter
from collections.abc import Mapping
from typing import Any


class Names:
    """What workers are called: one that died and came back at another address has the same name.

    Its host, as long as it was always alone there, as in a container; else its nanny's address, if any.
    """

    def __init__(self) -> None:
        self._shared: set[str] = set()

    def of(self, known: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """Return what each of those that the scheduler knows is called, by its address."""
        hosts = Counter(said["host"] for said in known.values())
        self._shared |= {host for host, workers in hosts.items() if workers > 1}
        return {
            address: (said.get("nanny") or address) if said["host"] in self._shared else said["host"]
            for address, said in known.items()
        }
