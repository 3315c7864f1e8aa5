"""model-onramp's own code; see docs/architecture.md for the rooms and the walk of one event."""
