// The one system topic that a subscription can have
// (learn.microsoft.com/azure/event-grid/system-topics).

param name string
param tags object

@description('User-assigned identity that writes dead letters; empty to leave that to Event Grid itself.')
param deadLetterIdentityId string

// A system topic in the location global has no system-assigned identity
// (github.com/Azure/azure-cli/issues/18002). UNVERIFIED: that it takes a user-assigned one.
resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: 'global'
  tags: tags
  identity: empty(deadLetterIdentityId) ? null : {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${deadLetterIdentityId}': {}
    }
  }
  properties: {
    source: subscription().id
    topicType: 'Microsoft.Resources.Subscriptions'
  }
}

output name string = topic.name
