"""The model endpoints of the emulated accounts: what the gateway forwards its calls to."""
