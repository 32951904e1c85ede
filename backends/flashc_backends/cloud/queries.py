"""Hold the operations of Runpod's GraphQL API that a deployment sends.

Their names and arguments are those that Runpod's own tools send; the selections ask for what
`replies` reads.
"""

from __future__ import annotations

_ENVIRONMENT = "id name state activeBuildId createdAt"
_APP = f"id name flashEnvironments{{ {_ENVIRONMENT} }} flashBuilds{{ id objectKey createdAt }}"
_ENDPOINT = (
    "id name type version templateId workersMin workersMax idleTimeout scalerType scalerValue"
    " executionTimeoutMs flashBootType gpuIds gpuCount minCudaVersion instanceIds locations"
    " networkVolumeId networkVolumeIds{ networkVolumeId dataCenterId }"
)

MYSELF = "query getMyself { myself { id } }"
APPS = f"query getFlashApps {{ myself {{ flashApps {{ {_APP} }} }} }}"
APP_BY_NAME = f"""query getFlashAppByName($flashAppName: String!) {{
  flashAppByName(flashAppName: $flashAppName) {{ {_APP} }}
}}"""
CREATE_APP = """mutation createFlashApp($input: CreateFlashAppInput!) {
  createFlashApp(input: $input) { id name }
}"""
DELETE_APP = """mutation deleteFlashApp($flashAppId: String!) {
  deleteFlashApp(flashAppId: $flashAppId)
}"""
CREATE_ENVIRONMENT = """mutation createFlashEnvironment($input: CreateFlashEnvironmentInput!) {
  createFlashEnvironment(input: $input) { id name }
}"""
DELETE_ENVIRONMENT = """mutation deleteFlashEnvironment($flashEnvironmentId: String!) {
  deleteFlashEnvironment(flashEnvironmentId: $flashEnvironmentId)
}"""
ENVIRONMENT_ENDPOINTS = """query getFlashEnvironment($flashEnvironmentId: String!) {
  flashEnvironment(flashEnvironmentId: $flashEnvironmentId) {
    id name activeBuildId endpoints { id name }
  }
}"""
ENDPOINT = f"""query getEndpoint($id: String!) {{
  myself {{ endpoint(id: $id) {{ {_ENDPOINT} }} }}
}}"""
TEMPLATE = """query getTemplate($id: String!) {
  podTemplate(id: $id) { id name imageName containerDiskInGb dockerArgs env { key value } }
}"""
BUILD = """query getFlashBuild($input: String!) {
  flashBuild(flashBuildId: $input) { id manifest }
}"""
PREPARE_UPLOAD = """mutation PrepareArtifactUpload($input: PrepareFlashArtifactUploadInput!) {
  prepareFlashArtifactUpload(input: $input) { uploadUrl objectKey expiresAt }
}"""
FINALIZE_UPLOAD = """mutation FinalizeArtifactUpload($input: FinalizeFlashArtifactUploadInput!) {
  finalizeFlashArtifactUpload(input: $input) { id }
}"""
SET_MANIFEST = """mutation updateFlashBuildManifest($input: UpdateFlashBuildManifestInput!) {
  updateFlashBuildManifest(input: $input) { id }
}"""
ACTIVATE = """mutation deployBuildToEnvironment($input: DeployBuildToEnvironmentInput!) {
  deployBuildToEnvironment(input: $input) { id name }
}"""
SAVE_ENDPOINT = f"""mutation saveEndpoint($input: EndpointInput!) {{
  saveEndpoint(input: $input) {{ {_ENDPOINT} }}
}}"""
DELETE_ENDPOINT = "mutation deleteEndpoint($id: String!) { deleteEndpoint(id: $id) }"
SAVE_TEMPLATE = """mutation saveTemplate($input: SaveTemplateInput) {
  saveTemplate(input: $input) { id name imageName containerDiskInGb dockerArgs env { key value } }
}"""
SECRETS = "query mySecrets { myself { secrets { id name description createdAt } } }"
CREATE_SECRET = """mutation secretCreate($input: SecretCreateInput!) {
  secretCreate(input: $input) { id name }
}"""
DELETE_SECRET = "mutation secretDelete($id: ID!) { secretDelete(id: $id) }"
CREATE_LOGIN = "mutation createFlashAuthRequest { createFlashAuthRequest { id status expiresAt } }"
LOGIN_STATUS = """query flashAuthRequestStatus($flashAuthRequestId: String!) {
  flashAuthRequestStatus(flashAuthRequestId: $flashAuthRequestId) { id status expiresAt apiKey }
}"""
