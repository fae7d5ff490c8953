"""Options that belong together reach a command as one value, so that each is written down once."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def gathered(
    name: str, build: Callable[..., object], *options: Callable[[Any], Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds `options`, in that order, and hands over what `build` makes of them.

    `build` takes every option by its name, and the command gets the result as `name`.
    """
    names = tuple(signature(build).parameters)

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(**given: object) -> object:
            one = build(**{option: given.pop(option) for option in names})
            return function(**{name: one}, **given)

        return added(command, *options)

    return add


def added(function: Function, *options: Callable[[Any], Any]) -> Function:
    """Return a function with options added, in the order in which the help shows them."""
    for option in reversed(options):
        function = option(function)
    return function
