"""Azure Resource Manager on loopback: one HTTP front door, one provider per namespace."""
