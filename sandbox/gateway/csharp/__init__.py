"""The C# of policy expressions: a subset, parsed and evaluated; everything else is refused."""
