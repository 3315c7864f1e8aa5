// What the app's own log lines tell. An alert without an action group is still seen in the portal.

param prefix string
param location string
param tags object

@description('The Log Analytics workspace that the app logs to.')
param workspaceId string

@description('Who is told; empty for nobody.')
param actionGroupId string

// Each query is a file: the test reads them, and whoever is woken by one can run it.
// Severity 1 is an error, 2 a warning, 3 something to look at. A query that must find something
// (the sweep) fires below its threshold, the others above.
var rules = [
  {
    name: 'no-sweep'
    description: 'No sweep for an hour: the app is stopped, fails at start or can\'t reach its storage.'
    query: loadTextContent('../queries/sweeps.kql')
    operator: 'LessThan'
    threshold: 1
    window: 'PT1H'
    every: 'PT15M'
    severity: 1
  }
  {
    name: 'poisoned'
    description: 'A unit\'s message failed five times. GET /api/dead-letters lists it and can replay it.'
    query: loadTextContent('../queries/poisoned.kql')
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
    every: 'PT15M'
    severity: 2
  }
  {
    name: 'failing-runs'
    description: 'Runs end without success, again and again.'
    query: loadTextContent('../queries/failing-runs.kql')
    operator: 'GreaterThan'
    threshold: 5
    window: 'PT1H'
    every: 'PT15M'
    severity: 2
  }
  {
    name: 'quarantined'
    description: 'Deployments are quarantined: somebody must change something. GET /api/deployments?state=quarantined says what.'
    query: loadTextContent('../queries/quarantined.kql')
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT1H'
    every: 'PT15M'
    severity: 3
  }
  {
    name: 'no-events'
    description: 'In two days sweeps found what no event had told of: a filter, a subscription or a topic is wrong.'
    query: loadTextContent('../queries/no-events.kql')
    operator: 'GreaterThan'
    threshold: 0
    window: 'P2D'
    every: 'P1D'
    severity: 2
  }
]

resource alert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${prefix}-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'model-onramp: ${rule.name}'
    description: rule.description
    enabled: true
    severity: rule.severity
    evaluationFrequency: rule.every
    windowSize: rule.window
    // The table is not there before the first line is.
    skipQueryValidation: true
    // What is asked once a day is told each day anew.
    autoMitigate: rule.every != 'P1D'
    scopes: [
      workspaceId
    ]
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: rule.operator
          threshold: rule.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: empty(actionGroupId) ? [] : [actionGroupId]
    }
  }
}]
