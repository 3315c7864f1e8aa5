"""Microsoft.CognitiveServices: accounts, their deployments, soft delete."""
