// Second step, once for each watched subscription, when the app's code is there: its system topic
// and our event subscription on it.

targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the installation, as in main.bicep.')
param environmentName string

@description('Region of the resource group.')
param location string

@description('Resource group for the topic and its alerts; made if there is none. Not used with an existing topic.')
param resourceGroupName string

@description('Resource id of the function app: output AZURE_FUNCTION_APP_ID of main.bicep.')
param functionAppId string

@description('Resource id of the storage account for dead letters: output AZURE_STORAGE_ID of main.bicep.')
param storageId string

@description('Who is told of events that did not arrive: output ALERT_ACTION_GROUP_ID of main.bicep; empty for nobody.')
param actionGroupId string = ''

@description('The subscription\'s system topic, if it has one already: there can be only one.')
param existingTopicName string = ''

@description('Resource group of that topic.')
param existingTopicResourceGroup string = ''

@description('Resource id of a user-assigned identity that writes dead letters; it needs Storage Blob Data Contributor on the storage account. Empty to leave that to Event Grid itself.')
param deadLetterIdentityId string = ''

var tags = {
  'azd-env-name': environmentName
}
var isNew = empty(existingTopicName)
var groupName = isNew ? resourceGroupName : existingTopicResourceGroup
var topicName = isNew ? 'evgt-onramp-${uniqueString(subscription().id, environmentName)}' : existingTopicName
var eventSubscriptionName = 'model-onramp-${environmentName}'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = if (isNew) {
  name: resourceGroupName
  location: location
  tags: tags
}

module topic 'modules/event-topic.bicep' = if (isNew) {
  name: 'onramp-event-topic'
  scope: resourceGroup(groupName)
  params: {
    name: topicName
    tags: tags
    deadLetterIdentityId: deadLetterIdentityId
  }
  dependsOn: [
    group
  ]
}

module events 'modules/event-subscription.bicep' = {
  name: 'onramp-event-subscription'
  scope: resourceGroup(groupName)
  params: {
    topicName: topicName
    name: eventSubscriptionName
    functionAppId: functionAppId
    storageId: storageId
    deadLetterIdentityId: deadLetterIdentityId
  }
  dependsOn: [
    topic
  ]
}

module alerts 'modules/event-alerts.bicep' = {
  name: 'onramp-event-alerts'
  scope: resourceGroup(groupName)
  params: {
    topicName: topicName
    eventSubscriptionName: eventSubscriptionName
    tags: tags
    actionGroupId: actionGroupId
  }
  dependsOn: [
    events
  ]
}

output EVENT_TOPIC_NAME string = topicName
output EVENT_SUBSCRIPTION_NAME string = eventSubscriptionName
