// What the app may do on the gateway: the actions of roles/gateway-role.json and no other.
// Deployed into the gateway's own resource group, wherever that is.

param gatewayName string

@description('Who gets the role: the app.')
param principalId string

@description('Makes the role\'s name this installation\'s own: names of custom roles are unique in a tenant.')
param token string

@description('Principal ids of the gateway\'s identities, separated by commas; its system-assigned one if empty.')
param gatewayPrincipalIds string

var role = loadJsonContent('../roles/gateway-role.json')
var roleName = guid(resourceGroup().id, token, 'model-onramp gateway')

resource gateway 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: gatewayName
}

// A custom role can be made for a resource group and not for one resource; it is assigned on the
// service alone (learn.microsoft.com/azure/role-based-access-control/custom-roles).
resource definition 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: roleName
  properties: {
    roleName: 'model-onramp gateway ${token}'
    description: 'What model-onramp does on an API Management service.'
    type: 'CustomRole'
    permissions: [
      {
        actions: role.actions
        notActions: []
      }
    ]
    assignableScopes: [
      resourceGroup().id
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(gateway.id, principalId, roleName)
  scope: gateway
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleName)
  }
  dependsOn: [
    definition
  ]
}

output gatewayPrincipalIds array = empty(gatewayPrincipalIds) ? [gateway.identity.principalId] : split(replace(gatewayPrincipalIds, ' ', ''), ',')
