#!/usr/bin/env bash
# The image is published, the policy pins it, and the provider asks that policy.
# Usage: scripts/create_workload.sh --base NAME@sha256:…      as Primus; options go to `symbolon owner publish`
# shellcheck source=scripts/config_env.sh
. "$(dirname "$0")/config_env.sh"

symbolon owner publish --reference "$WORKLOAD_IMAGE" --terms "$PRIMUS_FOLDER/terms.toml" \
    --policy "$PRIMUS_FOLDER/policy.toml" "$@"
symbolon owner provision --policy "$PRIMUS_FOLDER/policy.toml" --apply
