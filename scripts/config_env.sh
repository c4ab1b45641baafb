# Who the two companies of the codelab are, and what their things are called: sourced by the scripts beside it.
# Set before what is yours; each variable that is set is left as it is. symbolon reads them all.
# shellcheck shell=bash
set -euo pipefail

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 7
}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -x "$HERE/../.venv/bin/symbolon" ]; then
    PATH=$(cd "$HERE/../.venv/bin" && pwd):$PATH
fi
command -v symbolon >/dev/null || fail 'symbolon is not on the path' 'scripts/environment demo makes it, below .venv'
: "${PRIMUS_PROJECT_ID:?error: set PRIMUS_PROJECT_ID to the project of the company that has the model}"
: "${SECUNDUS_PROJECT_ID:?error: set SECUNDUS_PROJECT_ID to the project of the company that has the pictures}"

export PRIMUS_PROJECT_ID SECUNDUS_PROJECT_ID
export PRIMUS_PROJECT_REGION=${PRIMUS_PROJECT_REGION:-us-west1}
export PRIMUS_PROJECT_REPOSITORY_REGION=${PRIMUS_PROJECT_REPOSITORY_REGION:-us}
export PRIMUS_INPUT_STORAGE_BUCKET=${PRIMUS_INPUT_STORAGE_BUCKET:-$PRIMUS_PROJECT_ID-input-bucket}
export PRIMUS_ARTIFACT_REPOSITORY=${PRIMUS_ARTIFACT_REPOSITORY:-$PRIMUS_PROJECT_ID-artifact-repo}
export PRIMUS_WORKLOAD_IDENTITY_POOL=${PRIMUS_WORKLOAD_IDENTITY_POOL:-$PRIMUS_PROJECT_ID-wip}
export PRIMUS_WIP_PROVIDER=${PRIMUS_WIP_PROVIDER:-$PRIMUS_PROJECT_ID-wip-provider}
export PRIMUS_SERVICEACCOUNT=${PRIMUS_SERVICEACCOUNT:-$PRIMUS_PROJECT_ID-sa}
export SECUNDUS_PROJECT_REGION=${SECUNDUS_PROJECT_REGION:-us-west1}
export SECUNDUS_PROJECT_ZONE=${SECUNDUS_PROJECT_ZONE:-us-west1-b}
export SECUNDUS_PROJECT_REPOSITORY_REGION=${SECUNDUS_PROJECT_REPOSITORY_REGION:-us}
export SECUNDUS_ARTIFACT_REPOSITORY=${SECUNDUS_ARTIFACT_REPOSITORY:-$SECUNDUS_PROJECT_ID-artifact-repo}
export SECUNDUS_INPUT_STORAGE_BUCKET=${SECUNDUS_INPUT_STORAGE_BUCKET:-$SECUNDUS_PROJECT_ID-input-bucket}
export SECUNDUS_RESULT_STORAGE_BUCKET=${SECUNDUS_RESULT_STORAGE_BUCKET:-$SECUNDUS_PROJECT_ID-result-bucket}
export WORKLOAD_IMAGE_NAME=${WORKLOAD_IMAGE_NAME:-workload-container}
export WORKLOAD_IMAGE_TAG=${WORKLOAD_IMAGE_TAG:-latest}
export WORKLOAD_SERVICEACCOUNT=${WORKLOAD_SERVICEACCOUNT:-workload-sa}
export WORKLOAD_VM=${WORKLOAD_VM:-workload-vm}

# Not the codelab's: the folder in which `symbolon owner init` has written terms and policy, and the photos.
export PRIMUS_FOLDER=${PRIMUS_FOLDER:-primus}
export SECUNDUS_PICTURES=${SECUNDUS_PICTURES:-photos}
WORKLOAD_IMAGE=$PRIMUS_PROJECT_REPOSITORY_REGION-docker.pkg.dev/$PRIMUS_PROJECT_ID/$PRIMUS_ARTIFACT_REPOSITORY/$WORKLOAD_IMAGE_NAME:$WORKLOAD_IMAGE_TAG
export WORKLOAD_IMAGE
