// The board's figures as the log has them, beside the app's own board.

param location string
param tags object
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'model-onramp')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'model-onramp'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: loadTextContent('../workbook.json')
  }
}
