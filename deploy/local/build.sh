#!/usr/bin/env bash
# Builds a project in Release, quietly: the compiler is heard only when it fails.
set -euo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd -P)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
printf 'building %s\n' "$1"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
# No build servers: they would keep this script's output open, and memory, long after it.
if ! dotnet build "$root/$1" -c Release -v quiet --nologo -nodeReuse:false -p:UseSharedCompilation=false >"$log" 2>&1; then
    cat "$log" >&2
    printf 'The build of %s failed.\n' "$1" >&2
    exit 1
fi
