#!/usr/bin/env bash
# The account that the workload's VM has is there, and may do what a job does: no more.
# Usage: scripts/create_workload_service_account.sh      as Secundus
# shellcheck source=scripts/config_env.sh
. "$(dirname "$0")/config_env.sh"

symbolon operator provision --apply
printf 'the account is %s@%s.iam.gserviceaccount.com\n' "$WORKLOAD_SERVICEACCOUNT" "$SECUNDUS_PROJECT_ID"
