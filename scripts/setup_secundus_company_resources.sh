#!/usr/bin/env bash
# Secundus has what it needs: two buckets and the workload's account; and its pictures, in the first bucket.
# Usage: scripts/setup_secundus_company_resources.sh      as Secundus; the pictures are in $SECUNDUS_PICTURES
# shellcheck source=scripts/config_env.sh
. "$(dirname "$0")/config_env.sh"

[ -d "$SECUNDUS_PICTURES" ] ||
    fail "there is no folder $SECUNDUS_PICTURES" 'set SECUNDUS_PICTURES to the folder with your pictures'
symbolon operator provision --apply
gcloud storage cp --recursive "$SECUNDUS_PICTURES"/* "gs://$SECUNDUS_INPUT_STORAGE_BUCKET/"
