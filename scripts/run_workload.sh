#!/usr/bin/env bash
# The workload has run on Secundus's pictures, and its results are shown.
# Usage: scripts/run_workload.sh      as Secundus; options go to `symbolon operator launch`
# shellcheck source=scripts/config_env.sh
. "$(dirname "$0")/config_env.sh"

results=gs://$SECUNDUS_RESULT_STORAGE_BUCKET/$WORKLOAD_VM
symbolon operator launch --reference "$WORKLOAD_IMAGE" --project "$SECUNDUS_PROJECT_ID" --zone "$SECUNDUS_PROJECT_ZONE" \
    --name "$WORKLOAD_VM" --service-account "$WORKLOAD_SERVICEACCOUNT" --input "gs://$SECUNDUS_INPUT_STORAGE_BUCKET" \
    --results "$results" --policy "$PRIMUS_FOLDER/policy.toml" --yes "$@"
symbolon operator results show "$results"
