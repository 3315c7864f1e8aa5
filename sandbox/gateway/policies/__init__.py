"""What each policy does.

Semantics are those of learn.microsoft.com/azure/api-management/<name>-policy. What a page does not
say is marked UNVERIFIED. What a policy can be told but can't be done here is refused by name.
"""
