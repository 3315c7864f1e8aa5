"""The command line: ``python -m onramp``. Runs on an engineer's machine, never in the app."""
