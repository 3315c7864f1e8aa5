"""The Microsoft.ApiManagement resource provider of the local Azure."""
