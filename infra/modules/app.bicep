// The function app, on the Flex Consumption plan.

param planName string
param appName string
param location string
param tags object

@description('Resource id of the identity that the app works with.')
param identityId string

@description('Where the plan finds the app\'s package: a blob container.')
param packagesUrl string

@description('The app\'s settings, all of them.')
param settings object

@description('A subnet for the app\'s outgoing calls, delegated to Microsoft.App/environments; empty for none.')
param subnetId string

param instanceMemoryMB int
param maximumInstanceCount int
param zoneRedundant bool

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  // checkov:skip=CKV_AZURE_225: a choice (parameter zoneRedundant), for not every region has zones; an app that is away for a while loses nothing
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  // checkov:skip=CKV_AZURE_17: Event Grid has no client certificate; callers show a function key, and an Entra token where that is chosen
  // checkov:skip=CKV_AZURE_78: Flex Consumption has no FTP and refuses a site that sets ftpsState, see siteConfig; the policy "ftp" below is off
  // checkov:skip=CKV_AZURE_212: the plan decides how many instances there are, from none to maximumInstanceCount
  // checkov:skip=CKV_AZURE_213: the platform's health check can't show the function key that /api/health asks for
  // checkov:skip=CKV_AZURE_222: Event Grid delivers events to public endpoints only
  name: appName
  location: location
  // azd finds the app that it deploys the service "app" of azure.yaml to by this tag.
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    // Flex Consumption refuses a site for some properties that others take, ftpsState among them
    // (error 51021: github.com/Azure/terraform-azurerm-avm-res-web-site/issues/360). These it takes.
    siteConfig: {
      http20Enabled: true
      minTlsVersion: '1.2'
      remoteDebuggingEnabled: false
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packagesUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  // checkov:skip=CKV_AZURE_13: these are settings; function keys ask who calls, and Entra where that is chosen (entra.bicep)
  // checkov:skip=CKV_AZURE_63: Linux has no IIS logs; requests are in Application Insights
  // checkov:skip=CKV_AZURE_65: as CKV_AZURE_63, these are files of IIS
  // checkov:skip=CKV_AZURE_66: as CKV_AZURE_63, these are files of IIS
  // checkov:skip=CKV_AZURE_80: there is no .NET in it
  // checkov:skip=CKV_AZURE_88: Flex Consumption mounts no files, and the app writes none
  // checkov:skip=CKV_AZURE_222: this resource has no such property; see the site
  parent: app
  name: 'appsettings'
  properties: settings
}

// No passwords to publish with: deployments come with an Entra identity.
resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

output id string = app.id
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
