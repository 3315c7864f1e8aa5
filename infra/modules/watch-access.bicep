// What the app may do in a subscription whose accounts it watches: read accounts, deployments and
// role assignments, and give the gateway's identity one role.

targetScope = 'subscription'

@description('Who gets the roles: the app.')
param principalId string

@description('Makes the roles\' names this installation\'s own.')
param token string

@description('Whether the app assigns Cognitive Services User to the gateway, or only says that it lacks.')
param grantModelAccess bool

@description('The only principals that the app may assign that role to: the gateway\'s identities.')
param gatewayPrincipalIds array

var builtIn = loadJsonContent('../roles/built-in.json')
var roles = loadJsonContent('../roles/watch-role.json')
var readName = guid(subscription().id, token, 'model-onramp watch')
var grantName = guid(subscription().id, token, 'model-onramp grant')

// One role, to service principals, and these principals only. A write is judged by the request, a
// delete by what stands, so each has its own clause
// (learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples).
var given = '{${builtIn.cognitiveServicesUser}}'
var principals = '{${join(gatewayPrincipalIds, ', ')}}'
var isWrite = 'ActionMatches{\'Microsoft.Authorization/roleAssignments/write\'}'
var isDelete = 'ActionMatches{\'Microsoft.Authorization/roleAssignments/delete\'}'
var requested = '@Request[Microsoft.Authorization/roleAssignments'
var standing = '@Resource[Microsoft.Authorization/roleAssignments'
var mayWrite = '${requested}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals ${given} AND ${requested}:PrincipalId] ForAnyOfAnyValues:GuidEquals ${principals}'
var mayDelete = '${standing}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals ${given} AND ${standing}:PrincipalId] ForAnyOfAnyValues:GuidEquals ${principals}'
var condition = '((!(${isWrite})) OR (${mayWrite})) AND ((!(${isDelete})) OR (${mayDelete}))'

resource readDefinition 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: readName
  properties: {
    roleName: 'model-onramp watch ${token} ${subscription().subscriptionId}'
    description: 'What model-onramp reads in a subscription that it watches.'
    type: 'CustomRole'
    permissions: [
      {
        actions: roles.read
        notActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

resource readAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, readName)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readName)
  }
  dependsOn: [
    readDefinition
  ]
}

resource grantDefinition 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (grantModelAccess) {
  name: grantName
  properties: {
    roleName: 'model-onramp grant ${token} ${subscription().subscriptionId}'
    description: 'Assigning roles; model-onramp has it under a condition.'
    type: 'CustomRole'
    permissions: [
      {
        actions: roles.grant
        notActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

resource grantAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (grantModelAccess) {
  name: guid(subscription().id, principalId, grantName)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', grantName)
    condition: condition
    conditionVersion: '2.0'
  }
  dependsOn: [
    grantDefinition
  ]
}
