"""The exchange of one plan's workers where the state is in an object store.

Nothing is shared on disk: each task brings what it needs into a room of its own, which goes with it.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from etl.config.workspace import Workspace
from etl.errors import EtlError, InputError, LaterError, LedgerError
from etl.model.plan import PlanFolder
from etl.pipeline.probing import Probe
from etl.pipeline.workroom import workroom
from etl.plan.scatter import Slices, cut_out
from etl.storage.remote import RemoteDepot

_PLANS: Final = "plans"
_EXCHANGE: Final = ".building-exchange-"
"""How the name of such a folder begins, beside the plans."""
_AT_ONCE: Final = 8
"""Files of which a task reads at once: each is a few requests that wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExchange:
    """As `Exchange`, below a place in a store; a file replaces the one of its name whole or not at all."""

    uri: str = field(repr=False)
    """The place of the target's folder. May hold credentials."""
    prefix: str
    """The exchange's folder there."""

    def exists(self, name: str) -> bool:
        """Return whether a file is there."""
        return self._depot(Path()).exists(f"{self.prefix}/{name}")

    def fetch(self, name: str, workshop: Path) -> Path:
        """Return a copy of a file in the workshop."""
        return self._depot(workshop / "fetched").fetch(f"{self.prefix}/{name}")

    def slices(self, names: Sequence[str], workshop: Path, *, shard: int, shards: int) -> Slices:
        """Return copies of one shard's rows, of each file one that holds nothing else."""
        folder = workshop / "slices"
        folder.mkdir(mode=0o700, exist_ok=True)
        depot = self._depot(workshop)

        def bring(name: str) -> Path:
            look = partial(cut_out, path=folder / name, shard=shard, shards=shards)
            depot.scan(f"{self.prefix}/{name}", look)
            return folder / name

        with ThreadPoolExecutor(_AT_ONCE) as beside:
            return Slices(paths=tuple(beside.map(bring, names)), shard=0, shards=1)

    def plan(self, plan: PlanFolder, workshop: Path) -> PlanFolder:
        """Return a copy of a published plan's messages and lanes in the workshop."""
        depot, folder = self._depot(workshop / "fetched"), f"{_PLANS}/{plan.path.name}"
        for path in (*plan.messages, plan.lanes):
            depot.fetch(f"{folder}/{path.name}")
        return replace(plan, path=depot.cache.path(folder))

    def hand_out(self, workshop: Path, names: dict[str, str]) -> None:
        """Publish files of a workshop, by their names there, under other names, in that order."""
        depot = self._depot(workshop)
        for own, name in names.items():
            depot.publish(workshop / own, f"{self.prefix}/{name}")

    def say(self, workshop: Path, name: str, words: dict[str, Any]) -> None:
        """Publish a few words; the files that they speak of must be there already."""
        (workshop / name).touch(mode=0o600)
        (workshop / name).write_text(json.dumps(words), encoding="utf-8")
        self.hand_out(workshop, {name: name})

    def said(self, name: str) -> dict[str, Any]:
        """Return what was said under a name."""
        words: dict[str, Any] = json.loads(self._depot(Path()).read(f"{self.prefix}/{name}"))
        return words

    def numbers(self, kind: str) -> set[int]:
        """Return the numbers of the words of a kind that were said."""
        names = (Path(name) for name in self._depot(Path()).names(self.prefix))
        words = (path.stem for path in names if path.match(f"{kind}-*.json"))
        return {int(stem.removeprefix(f"{kind}-")) for stem in words}

    def probe(self) -> Probe:
        """Return what asks a worker whether it can read and write there."""
        text, name = secrets.token_hex(8), f"{self.prefix}/seen"
        with workroom(self.uri) as room:
            (room / "seen").write_text(text, encoding="ascii")
            self._depot(room).publish(room / "seen", name)
        return Probe(store=self.uri, token_file=name, token_text=text, writes=True)

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """Give a private folder of the worker's own, gone afterwards with all that was fetched.

        Raises:
            InputError: this machine's disk is full, or a file is damaged or missing.
        """
        with workroom(self.uri) as room:
            try:
                yield room
            except FileNotFoundError as error:
                raise InputError(
                    f"{self._depot(room).location}/{self.prefix}: what workers handed to each other is gone",
                    hint="the same command makes it anew",
                ) from error
            except (OSError, pa.ArrowException) as error:
                reason = getattr(error, "strerror", None) or type(error).__name__
                raise InputError(
                    f"{room.parent}: a worker can't work there: {reason}",
                    hint="make room, or set XDG_CACHE_HOME to a folder on a larger disk, on every worker",
                ) from error

    def _depot(self, cache: Path) -> RemoteDepot:
        return RemoteDepot.of(self.uri, cache=cache)


@contextmanager
def exchanging(space: Workspace, name: str) -> Iterator[StoredExchange]:
    """Give the exchange of that name, with what a dead build has left in it; remove all other dead ones'.

    It is removed when its builder comes to a good end, and by the next build of anything else.

    Raises:
        LaterError: another process builds there, or the store can't be reached.
        LedgerError: the ledger's database, which tells who is alive, can't be used.
        UsageError: the store refuses.
    """
    from etl.ledger.postgres.claims import Claims  # noqa: PLC0415  an extra

    assert space.uri is not None  # noqa: S101  the caller asked
    depot = RemoteDepot.of(space.uri, cache=space.folder)
    exchange = StoredExchange(uri=space.uri, prefix=f"{_PLANS}/.building-{name}")
    with closing(Claims(space.ledger_url or "", target=space.target)) as claims:
        if not claims.take(exchange.prefix):
            raise LaterError(
                "another process makes this very plan now",
                hint="wait for it; the same command then finds the plan",
            )
        for other in _left(depot) - {exchange.prefix}:
            if claims.take(other):
                depot.remove(other)
        yield exchange
        with suppress(EtlError):  # the plan is there; the next one removes what is left
            depot.remove(exchange.prefix)


def remove_left(space: Workspace) -> None:
    """Remove what dead builds by clusters have left in the store; elsewhere there is nothing to do.

    Raises:
        LaterError: the store can't be reached.
        UsageError: the store refuses.
    """
    if space.uri is None:
        return
    depot = RemoteDepot.of(space.uri, cache=space.folder)
    left = _left(depot)
    if not left:
        return
    from etl.ledger.postgres.claims import Claims  # noqa: PLC0415  an extra

    with suppress(LedgerError), closing(Claims(space.ledger_url or "", target=space.target)) as claims:
        for prefix in left:
            if claims.take(prefix):
                depot.remove(prefix)


def _left(depot: RemoteDepot) -> set[str]:
    folders = {"/".join(name.split("/")[:2]) for name in depot.names(_PLANS)}
    return {folder for folder in folders if folder.startswith(f"{_PLANS}/{_EXCHANGE}")}
