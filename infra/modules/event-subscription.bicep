// Which writes on the subscription are told to the app, and what becomes of those that can't be.

param topicName string
param name string

@description('Resource id of the function app.')
param functionAppId string

@description('Resource id of the storage account for dead letters.')
param storageId string

@description('User-assigned identity of the topic that writes dead letters; empty to leave that to Event Grid itself.')
param deadLetterIdentityId string

var deadLetters = {
  endpointType: 'StorageBlob'
  properties: {
    resourceId: storageId
    blobContainerName: 'dead-letters'
  }
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource events 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: name
  properties: {
    // The function must be there before: "Resource should pre-exist before attempting this
    // operation" (github.com/Azure/bicep/issues/11656).
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/deployment_events'
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      // A failed write counts too: ARM gives up waiting for a deployment that succeeds later.
      includedEventTypes: [
        'Microsoft.Resources.ResourceWriteSuccess'
        'Microsoft.Resources.ResourceWriteFailure'
        'Microsoft.Resources.ResourceDeleteSuccess'
      ]
      enableAdvancedFilteringOnArrays: true
      // By operation and not by subject, which begins with the resource group and in which template
      // deployments say "/deployments/" too. A tag alone is written by the last of these.
      advancedFilters: [
        {
          operatorType: 'StringIn'
          key: 'data.operationName'
          values: [
            'Microsoft.CognitiveServices/accounts/write'
            'Microsoft.CognitiveServices/accounts/delete'
            'Microsoft.CognitiveServices/accounts/deployments/write'
            'Microsoft.CognitiveServices/accounts/deployments/delete'
            'Microsoft.Resources/tags/write'
          ]
        }
      ]
    }
    // The longest there is (learn.microsoft.com/azure/event-grid/delivery-and-retry): an event
    // that comes late is as good as a new one.
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterDestination: empty(deadLetterIdentityId) ? deadLetters : null
    deadLetterWithResourceIdentity: empty(deadLetterIdentityId) ? null : {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: deadLetterIdentityId
      }
      deadLetterDestination: deadLetters
    }
  }
}
