// Callers of the HTTP functions show a token of this tenant for one application, besides the
// function key. Event Grid's deliveries are no such callers: they stay with their system key.

param appName string

@description('Client id of the application registration that callers ask for tokens of.')
param clientId string

param issuer string

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource auth 'Microsoft.Web/sites/config@2025-03-01' = {
  // checkov:skip=CKV_AZURE_13: this is that authentication; the check reads its older form, properties.siteAuthEnabled
  // checkov:skip=CKV_AZURE_63: Linux has no IIS logs; requests are in Application Insights
  // checkov:skip=CKV_AZURE_65: as CKV_AZURE_63, these are files of IIS
  // checkov:skip=CKV_AZURE_66: as CKV_AZURE_63, these are files of IIS
  // checkov:skip=CKV_AZURE_80: there is no .NET in it
  // checkov:skip=CKV_AZURE_88: Flex Consumption mounts no files, and the app writes none
  // checkov:skip=CKV_AZURE_222: this resource has no such property; see the site
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      // UNVERIFIED: that a delivery passes by these. Authentication does cover /runtime/webhooks on
      // Flex Consumption (github.com/Azure/azure-functions-mcp-extension/issues/273). Both forms, as
      // nothing says whether a path covers what is below it.
      excludedPaths: [
        '/runtime/webhooks/eventgrid'
        '/runtime/webhooks/*'
      ]
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          openIdIssuer: issuer
        }
        validation: {
          allowedAudiences: [
            clientId
            'api://${clientId}'
          ]
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}
