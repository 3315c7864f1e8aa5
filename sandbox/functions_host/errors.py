"""The two ways in which a host run ends early."""


class StartupError(Exception):
    """The app cannot be hosted as it is; the message says what to change."""


class BindingError(Exception):
    """One invocation's binding cannot be resolved or written; that invocation fails."""
