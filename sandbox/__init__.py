"""A local Azure, so that everything runs and is tested without a subscription. Never deployed."""
