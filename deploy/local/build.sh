#!/usr/bin/env bash
# Builds a project in Release, quietly: the compiler is heard only when it fails.
set -euo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd -P)
log=$(mktemp)
# A compiler server of our own for this one build: it is warm after the first project, and must not keep memory long after the last.
server=exchange-$$
stop() {
    local command
    for command in /proc/[0-9]*/cmdline; do
        if tr '\0' ' ' <"$command" 2>/dev/null | grep -q -- "-pipename:$server\b"; then command=${command%/cmdline}; kill "${command#/proc/}" 2>/dev/null || true; fi
    done
    rm -f "$log"
}
trap stop EXIT
printf 'building %s\n' "$1"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
if ! dotnet build "$root/$1" -c Release -v quiet --nologo -nodeReuse:false -p:UseSharedCompilation=true -p:SharedCompilationId="$server" >"$log" 2>&1; then
    cat "$log" >&2
    printf 'The build of %s failed.\n' "$1" >&2
    exit 1
fi
