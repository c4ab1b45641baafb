#!/usr/bin/env bash
# Nothing is left of what the scripts beside this one have made.
# Usage: scripts/cleanup.sh primus|secundus      as that company; twice, if you are both
# shellcheck source=scripts/config_env.sh
. "$(dirname "$0")/config_env.sh"

case "${1-}" in
    primus) symbolon owner provision --policy "$PRIMUS_FOLDER/policy.toml" --destroy --with-contents --yes ;;
    secundus)
        symbolon operator destroy "$WORKLOAD_VM" --project "$SECUNDUS_PROJECT_ID" --zone "$SECUNDUS_PROJECT_ZONE" --yes
        symbolon operator provision --destroy --with-contents --yes
        ;;
    *) fail 'whose things are to go?' 'scripts/cleanup.sh primus, or secundus' ;;
esac
