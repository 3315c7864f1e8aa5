"""What onboarding costs, measured on the local Azure; see docs/performance.md."""
