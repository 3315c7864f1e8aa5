"""``/metadata/endpoints``: how clients learn where a cloud's parts are, and that it is this one.

Shapes by api-version, as their readers parse them:

- 2015-01-01: flat ``galleryEndpoint`` ... (Azure Stack clients; github.com/Azure/azure-cli,
  ``cloud register --endpoint-resource-manager`` of older releases)
- 2019-05-01 and 2018..2020: a list of clouds (Azure/azure-cli ``cloud.py`` reads
  ARM_CLOUD_METADATA_URL, go-autorest FromMetadataEndpoint)
- 2022-09-01 and later: one cloud (hashicorp/go-azure-sdk ``sdk/internal/metadata/client.go``,
  Azure/azure-dev CloudConfigFromMetadataHost with 2023-11-01)
"""

from urllib.parse import urlsplit

from sandbox.arm.provider import Reply
from sandbox.contracts import Json

_AUDIENCES = ["https://management.core.windows.net/", "https://management.azure.com/"]
_LISTS = {"2018-05-01", "2018-11-01", "2019-05-01", "2019-10-01", "2020-06-01"}
_SUFFIXES = {
    "storage": "core.windows.net",
    "keyVaultDns": "vault.azure.net",
    "mhsmDns": "managedhsm.azure.net",
    "acrLoginServer": "azurecr.io",
    "sqlServerHostname": "database.windows.net",
    "mysqlServerEndpoint": "mysql.database.azure.com",
    "mariadbServerEndpoint": "mariadb.database.azure.com",
    "postgresqlServerEndpoint": "postgres.database.azure.com",
    "storageSyncEndpointSuffix": "afs.azure.net",
    "synapseAnalytics": "dev.azuresynapse.net",
    "attestationEndpoint": "attest.azure.net",
    "azureFrontDoorEndpointSuffix": "azurefd.net",
    "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
    "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
}


def endpoints(api_version: str, base_url: str, authority: str) -> Reply:
    parts = urlsplit(authority)
    login = f"{parts.scheme}://{parts.netloc}"
    match api_version:
        case "":
            message = "The api-version query parameter (?api-version=) is required for all requests"
            return Reply(
                400, {"error": {"code": "MissingApiVersionParameter", "message": f"{message}."}}
            )
        case "2015-01-01" | "2015-11-01" | "1.0":
            return Reply(body=_flat(login))
        case version if version in _LISTS:
            return Reply(body=[_cloud(base_url, login)])
        case _:
            return Reply(body=_cloud(base_url, login))


def _flat(login: str) -> Json:
    return {
        "galleryEndpoint": "https://gallery.azure.com/",
        "graphEndpoint": "https://graph.windows.net/",
        "portalEndpoint": "https://portal.azure.com/",
        "graphAudience": "https://graph.windows.net/",
        "authentication": {"loginEndpoint": login, "audiences": _AUDIENCES},
    }


def _cloud(base_url: str, login: str) -> Json:
    """The public cloud, but with this ARM and this authority.

    It keeps the name AzureCloud: clients look further endpoints up by name (azure-cli
    ``_get_microsoft_graph_resource_id``).
    """
    return {
        "name": "AzureCloud",
        "portal": "https://portal.azure.com",
        "authentication": {
            "loginEndpoint": login,
            "audiences": _AUDIENCES,
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": f"{base_url}/",
        "gallery": "https://gallery.azure.com/",
        "graph": "https://graph.windows.net/",
        "graphAudience": "https://graph.windows.net/",
        "microsoftGraphResourceId": "https://graph.microsoft.com/",
        "media": "https://rest.media.azure.net",
        "batch": "https://batch.core.windows.net/",
        "sqlManagement": "https://management.core.windows.net:8443/",
        "vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/main/"
        "arm-compute/quickstart-templates/aliases.json",
        "activeDirectoryDataLake": "https://datalake.azure.net/",
        "appInsightsResourceId": "https://api.applicationinsights.io",
        "appInsightsTelemetryChannelResourceId": "https://dc.applicationinsights.azure.com/v2/track",
        "attestationResourceId": "https://attest.azure.net",
        "synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
        "logAnalyticsResourceId": "https://api.loganalytics.io",
        "ossrDbmsResourceId": "https://ossrdbms-aad.database.windows.net",
        "suffixes": _SUFFIXES,
    }
