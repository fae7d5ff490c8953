"""How a call's end travels: a value, never a foreign exception, whose text an engine would log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from etl.errors import EtlError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[Result]):
    """It returned."""

    value: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It raised."""

    error: EtlError


def guarded(function: Callable[[Item], Result], argument: Item) -> Done[Result] | Failed:
    """Call a function and return its end as a value."""
    try:
        return Done(value=function(argument))
    except EtlError as error:
        return Failed(error=error)
    except Exception as error:  # noqa: BLE001  its text could quote a message: only type and place travel
        return Failed(error=EtlError(f"a defect of etl on a worker: {place(error)}", hint=_DEFECT))


def result_of(end: Done[Result] | Failed) -> Result:
    """Return the value, or raise the error."""
    if isinstance(end, Failed):
        raise end.error
    return end.value


def place(error: BaseException) -> str:
    """Return an exception's type and where it arose, without its text."""
    trace, found = error.__traceback__, "?"
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if "/etl/" in path or found == "?":
            found = f"{path.rsplit('/etl/', 1)[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {found}"


_DEFECT = "please report this line and the command; running it again is safe"
