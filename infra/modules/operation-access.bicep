// How a long write on the gateway ended stands below its subscription and not below the service
// (Azure-AsyncOperation: …/providers/Microsoft.ApiManagement/locations/…/operationsStatuses/…), so
// the right to read it can't come with the role on the service.

targetScope = 'subscription'

@description('Who gets the role: the app.')
param principalId string

@description('Makes the role\'s name this installation\'s own.')
param token string

var role = loadJsonContent('../roles/gateway-role.json')
var roleName = guid(subscription().id, token, 'model-onramp operations')

resource definition 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: roleName
  properties: {
    roleName: 'model-onramp operations ${token}'
    description: 'Reading how long-running writes on API Management ended.'
    type: 'CustomRole'
    permissions: [
      {
        actions: role.operations
        notActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, roleName)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleName)
  }
  dependsOn: [
    definition
  ]
}
