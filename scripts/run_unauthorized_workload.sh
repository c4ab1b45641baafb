#!/usr/bin/env bash
# An image that Primus did not allow has run, and was refused the model. Ends with 0 when it was refused.
# Usage: scripts/run_unauthorized_workload.sh --reference IMAGE      as Secundus: an image of its own
# shellcheck source=scripts/config_env.sh
. "$(dirname "$0")/config_env.sh"

vm=$WORKLOAD_VM-unauthorized
code=0
symbolon operator launch --project "$SECUNDUS_PROJECT_ID" --zone "$SECUNDUS_PROJECT_ZONE" --name "$vm" \
    --service-account "$WORKLOAD_SERVICEACCOUNT" --input "gs://$SECUNDUS_INPUT_STORAGE_BUCKET" \
    --results "gs://$SECUNDUS_RESULT_STORAGE_BUCKET/$vm" --policy "$PRIMUS_FOLDER/policy.toml" --yes --anyway "$@" || code=$?
symbolon operator destroy "$vm" --project "$SECUNDUS_PROJECT_ID" --zone "$SECUNDUS_PROJECT_ZONE" --yes
[ "$code" = 4 ] || fail "the job ended with $code, and not with 4: denied" 'look at what it said above'
printf 'refused, as it should be\n'
