# Lets each watched subscription tell the app what happens in it: infra/events.bicep, once for each.
# Run by azd after the code, with its environment; or by hand, with the outputs of main.bicep set.
$ErrorActionPreference = 'Stop'

$events = Join-Path $PSScriptRoot '../events.bicep'

foreach ($subscription in $env:ONRAMP_WATCHED.Split(',')) {
  Write-Host "Events of subscription $subscription"
  # A topic that is there already is named for its own subscription:
  # ONRAMP_TOPIC_<id with _ for -> as <resource group>/<name>.
  $variable = 'ONRAMP_TOPIC_' + $subscription.ToLowerInvariant().Replace('-', '_')
  $topic = "$([Environment]::GetEnvironmentVariable($variable))".Split('/')
  az deployment sub create `
    --name "model-onramp-events-$env:AZURE_ENV_NAME" `
    --subscription $subscription `
    --location $env:AZURE_LOCATION `
    --template-file $events `
    --output none `
    --parameters `
    environmentName="$env:AZURE_ENV_NAME" `
    location="$env:AZURE_LOCATION" `
    resourceGroupName="$env:AZURE_RESOURCE_GROUP" `
    functionAppId="$env:AZURE_FUNCTION_APP_ID" `
    storageId="$env:AZURE_STORAGE_ID" `
    actionGroupId="$env:ALERT_ACTION_GROUP_ID" `
    deadLetterIdentityId="$env:ONRAMP_DEAD_LETTER_IDENTITY_ID" `
    existingTopicResourceGroup="$($topic[0])" `
    existingTopicName="$($topic[-1])"
  if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}
