"""The one error that leaves the sandbox."""


class SandboxError(Exception):
    """The sandbox can't start, or can't use its store; the message says what and where.

    Attributes:
        message: one sentence, without any message text and without the token.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
