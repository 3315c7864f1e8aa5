// First step: everything but Event Grid, whose destination must be there before it (events.bicep).

targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the installation, of letters, digits and hyphens; part of its resources\' names.')
param environmentName string

@description('Region of the app; one that has the Flex Consumption plan.')
param location string

@description('Resource id of the API Management service that gets the APIs. It needs a managed identity.')
param gatewayId string

@description('Subscriptions whose accounts are onboarded, separated by commas; the gateway\'s own if empty.')
param watchedSubscriptions string = ''

@description('Name in the owner marks; one of its own for each installation on one gateway.')
param owner string = 'default'

@allowed([
  'sync'
  'upsert-only'
  'observe'
])
@description('How far the app may go: observe writes nothing and is a good start.')
param mode string = 'sync'

@description('Whether the app may assign Cognitive Services User on the accounts to the gateway, under a condition. If not, set role: {mode: check} in onramp.yaml and assign it yourself.')
param grantModelAccess bool = true

@description('Principal ids of the gateway\'s user-assigned identities that call models, separated by commas; its system-assigned identity if empty.')
param gatewayPrincipalIds string = ''

@description('Further settings of the app, by name, such as {ONRAMP_GRACE_HOURS: \'48\'}.')
param moreSettings object = {}

@description('Whether to create an Event Grid topic that hears what runs changed.')
param createOutcomeTopic bool = false

@description('Whether the app sends traces and figures by OpenTelemetry, docs/telemetry.md. It adds a fifth of a second to a cold start; without it there are log lines only.')
param openTelemetry bool = true

@description('Who gets the alerts\' e-mails; nobody if empty.')
param alertEmail string = ''

@description('Client id of an Entra application registration: callers of the HTTP functions need a token for it then, besides the function key.')
param entraClientId string = ''

@description('A subnet for the app\'s outgoing calls, delegated to Microsoft.App/environments: for a gateway in a private network.')
param subnetId string = ''

@description('Whether the plan is spread over the region\'s zones.')
param zoneRedundant bool = false

@allowed([
  512
  2048
  4096
])
@description('Memory of one instance of the app.')
param instanceMemoryMB int = 2048

@minValue(40)
@maxValue(1000)
@description('Most instances of the app at a time.')
param maximumInstanceCount int = 40

@minValue(30)
@maxValue(730)
@description('Days for which logs are kept.')
param logRetentionDays int = 30

var tags = {
  'azd-env-name': environmentName
}
var token = toLower(uniqueString(subscription().id, environmentName, location))
var gatewaySubscription = split(gatewayId, '/')[2]
var gatewayGroup = split(gatewayId, '/')[4]
var gatewayName = last(split(gatewayId, '/'))
var watched = empty(watchedSubscriptions) ? [gatewaySubscription] : split(replace(watchedSubscriptions, ' ', ''), ',')

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'onramp-identity'
  scope: group
  params: {
    name: 'id-onramp-${token}'
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'onramp-storage'
  scope: group
  params: {
    name: 'stonramp${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'onramp-monitoring'
  scope: group
  params: {
    workspaceName: 'log-onramp-${token}'
    componentName: 'appi-onramp-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    retentionInDays: logRetentionDays
  }
}

module outcomeTopic 'modules/outcome-topic.bicep' = if (createOutcomeTopic) {
  name: 'onramp-outcome-topic'
  scope: group
  params: {
    name: 'evgt-onramp-outcomes-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module gatewayAccess 'modules/gateway-access.bicep' = {
  name: 'onramp-gateway-access-${token}'
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    gatewayName: gatewayName
    principalId: identity.outputs.principalId
    token: token
    gatewayPrincipalIds: gatewayPrincipalIds
  }
}

module operationAccess 'modules/operation-access.bicep' = {
  name: 'onramp-operation-access-${token}'
  scope: subscription(gatewaySubscription)
  params: {
    principalId: identity.outputs.principalId
    token: token
  }
}

module watchAccess 'modules/watch-access.bicep' = [for id in watched: {
  name: 'onramp-watch-access-${token}'
  scope: subscription(id)
  params: {
    principalId: identity.outputs.principalId
    token: token
    grantModelAccess: grantModelAccess
    gatewayPrincipalIds: gatewayAccess.outputs.gatewayPrincipalIds
  }
}]

// What must not be set on Flex Consumption is not here, such as FUNCTIONS_WORKER_RUNTIME
// (learn.microsoft.com/azure/azure-functions/flex-consumption-plan#deprecated-properties-and-settings).
var settings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  AzureWebJobsStorage__blobServiceUri: storage.outputs.blobEndpoint
  AzureWebJobsStorage__queueServiceUri: storage.outputs.queueEndpoint
  AzureWebJobsStorage__tableServiceUri: storage.outputs.tableEndpoint
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
  AZURE_CLIENT_ID: identity.outputs.clientId
  ONRAMP_ARM_ENDPOINT: environment().resourceManager
  ONRAMP_GATEWAY_ID: gatewayId
  ONRAMP_SUBSCRIPTIONS: join(watched, ',')
  ONRAMP_OWNER: owner
  ONRAMP_MODE: mode
}
// What docs/telemetry.md asks for; the last three keep the exporter from figures of its own.
var telemetrySettings = openTelemetry ? {
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  AzureFunctionsJobHost__telemetryMode: 'OpenTelemetry'
  APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL: 'true'
  APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED: 'true'
  APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED: 'true'
} : {}
var outcomeSettings = createOutcomeTopic ? { ONRAMP_OUTCOME_TOPIC: outcomeTopic!.outputs.endpoint } : {}

module app 'modules/app.bicep' = {
  name: 'onramp-app'
  scope: group
  params: {
    planName: 'plan-onramp-${token}'
    appName: 'func-onramp-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    packagesUrl: storage.outputs.packagesUrl
    settings: union(settings, telemetrySettings, outcomeSettings, moreSettings)
    subnetId: subnetId
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    zoneRedundant: zoneRedundant
  }
}

module entra 'modules/entra.bicep' = if (!empty(entraClientId)) {
  name: 'onramp-entra'
  scope: group
  params: {
    appName: app.outputs.name
    clientId: entraClientId
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  }
}

module actionGroup 'modules/action-group.bicep' = if (!empty(alertEmail)) {
  name: 'onramp-action-group'
  scope: group
  params: {
    name: 'ag-onramp-${token}'
    tags: tags
    email: alertEmail
  }
}

var actionGroupId = empty(alertEmail) ? '' : actionGroup!.outputs.id

module alerts 'modules/alerts.bicep' = {
  name: 'onramp-alerts'
  scope: group
  params: {
    prefix: 'onramp-${environmentName}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    actionGroupId: actionGroupId
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'onramp-workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = app.outputs.name
output AZURE_FUNCTION_APP_ID string = app.outputs.id
output AZURE_FUNCTION_APP_URL string = app.outputs.url
output AZURE_STORAGE_ID string = storage.outputs.id
output ALERT_ACTION_GROUP_ID string = actionGroupId
output ONRAMP_WATCHED string = join(watched, ',')
