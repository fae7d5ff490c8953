"""A TCP connection to a name: its addresses race, and the first to answer wins (RFC 8305).

Not the loop's own: asyncio's leaves a socket to the garbage collector when it is cancelled just as it is won,
and uvloop has none.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any, Final

_HEAD_START_SECONDS: Final = 0.25
"""What an address has before the next one is tried; RFC 8305 recommends it."""

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family and where to connect, as the resolver tells them."""


async def open_socket(host: str, port: int) -> socket.socket:
    """Return a connected socket, non-blocking; whatever else was tried is closed, also by a cancellation.

    Raises:
        OSError: no address of that name can be reached, or it has none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    left = deque(in_turn((family, address) for family, _, _, _, address in found))
    racing: set[asyncio.Task[socket.socket]] = set()
    try:
        while left or racing:
            if left:
                racing.add(loop.create_task(_opened(*left.popleft())))
            head_start = _HEAD_START_SECONDS if left else None
            done, _ = await asyncio.wait(racing, timeout=head_start, return_when=asyncio.FIRST_COMPLETED)
            racing -= done
            won = [task for task in done if task.exception() is None]
            if won:
                racing.update(won[1:])
                return won[0].result()
    finally:
        for task in racing:
            task.cancel()
            task.add_done_callback(_close)
    raise OSError("no address of that name can be reached")


def in_turn(addresses: Iterable[Address]) -> list[Address]:
    """Return addresses with the families taking turns, each in the resolver's order. Pure."""
    families: dict[socket.AddressFamily, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in turns if address is not None]


async def _opened(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    # The protocol is named, because the loops set TCP_NODELAY only then.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setblocking(False)  # noqa: FBT003  the socket's own signature
        await asyncio.get_running_loop().sock_connect(opened, address)
    except BaseException:
        opened.close()
        raise
    return opened


def _close(task: asyncio.Task[socket.socket]) -> None:
    """Close a socket that was connected all the same."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
