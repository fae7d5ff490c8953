"""Names in a depot: relative paths that can't lead out of it."""


def checked(name: str) -> str:
    """Return the name of a file as it is.

    Raises:
        ValueError: it is no relative path, or could lead out of its folder.
    """
    if not is_name(name):
        raise ValueError(f"{name!r} is no name in a depot")
    return name


def is_name(name: str) -> bool:
    """Return whether a name is a relative path without empty parts, `.` and `..`."""
    return "\0" not in name and all(part not in {"", ".", ".."} for part in name.split("/"))
