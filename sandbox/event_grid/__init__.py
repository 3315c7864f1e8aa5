"""A local Event Grid: events of ARM writes and of custom topics, delivered as Azure does."""
