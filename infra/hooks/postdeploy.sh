#!/bin/sh
# Lets each watched subscription tell the app what happens in it: infra/events.bicep, once for each.
# Run by azd after the code, with its environment; or by hand, with the outputs of main.bicep set.
set -eu

events="$(dirname "$0")/../events.bicep"

for subscription in $(echo "$ONRAMP_WATCHED" | tr ',' ' '); do
  echo "Events of subscription $subscription"
  # A topic that is there already is named for its own subscription:
  # ONRAMP_TOPIC_<id with _ for -> as <resource group>/<name>.
  eval "topic=\${ONRAMP_TOPIC_$(echo "$subscription" | tr 'A-Z-' 'a-z_'):-}"
  az deployment sub create \
    --name "model-onramp-events-$AZURE_ENV_NAME" \
    --subscription "$subscription" \
    --location "$AZURE_LOCATION" \
    --template-file "$events" \
    --output none \
    --parameters \
    environmentName="$AZURE_ENV_NAME" \
    location="$AZURE_LOCATION" \
    resourceGroupName="$AZURE_RESOURCE_GROUP" \
    functionAppId="$AZURE_FUNCTION_APP_ID" \
    storageId="$AZURE_STORAGE_ID" \
    actionGroupId="${ALERT_ACTION_GROUP_ID:-}" \
    deadLetterIdentityId="${ONRAMP_DEAD_LETTER_IDENTITY_ID:-}" \
    existingTopicResourceGroup="${topic%%/*}" \
    existingTopicName="${topic##*/}"
done
