// Events that did not arrive: what only Event Grid itself can tell.

param topicName string
param eventSubscriptionName string
param tags object

@description('Who is told; empty for nobody.')
param actionGroupId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

var rules = [
  {
    name: 'dead-letters'
    metric: 'DeadLetteredCount'
    description: 'Events could not be delivered and lie in the container dead-letters. The next sweep lists them: GET /api/dead-letters.'
  }
  {
    name: 'dropped'
    metric: 'DroppedEventCount'
    description: 'Events are gone for good: not even the dead letters took them. The sweep finds what they would have told.'
  }
]

resource alert 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in rules: {
  name: '${eventSubscriptionName}-${rule.name}'
  location: 'global'
  tags: tags
  properties: {
    description: rule.description
    severity: 2
    enabled: true
    autoMitigate: true
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    scopes: [
      topic.id
    ]
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: rule.name
          metricNamespace: 'Microsoft.EventGrid/systemTopics'
          metricName: rule.metric
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'EventSubscriptionName'
              operator: 'Include'
              values: [
                eventSubscriptionName
              ]
            }
          ]
        }
      ]
    }
    actions: empty(actionGroupId) ? [] : [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}]
