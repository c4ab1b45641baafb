#!/usr/bin/env bash
# Primus has what it needs: bucket, account, pool and repository; and its model is in the bucket.
# Usage: scripts/setup_primus_company_resources.sh      as Primus; `symbolon owner init` has written $PRIMUS_FOLDER
# shellcheck source=scripts/config_env.sh
. "$(dirname "$0")/config_env.sh"

[ -f "$PRIMUS_FOLDER/terms.toml" ] ||
    fail "there are no terms in $PRIMUS_FOLDER" "symbolon owner init MODEL --output $PRIMUS_FOLDER writes them; or set PRIMUS_FOLDER"
symbolon owner provision --apply
symbolon owner protect "$PRIMUS_FOLDER"
