#!/usr/bin/env bash
# Makes sure that the .NET SDK and the server programs are there. PostgreSQL and RabbitMQ come from the system's packages;
# the packages' own services are neither started now nor enabled for the next boot: only private servers are used here.
# --browser: also Chromium and a Chinese typeface, which the tests of the pages need.
set -euo pipefail

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$@" >&2; exit 2; }

postgres_bin() {
    local found
    found=$(for folder in /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && basename "$(dirname "$folder")"
    done | sort -n | tail -1)
    [ -n "$found" ] && [ "${found%%.*}" -ge 15 ]
}
rabbit_bin() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && [ -x /usr/lib/rabbitmq/bin/rabbitmqctl ]; }

# grep -c reads to the end: with -q the writer would die of a broken pipe, which pipefail reports.
dotnet_sdk() { command -v dotnet >/dev/null && dotnet --list-sdks 2>/dev/null | grep -c '^10\.' >/dev/null; }
dotnet_sdk || fail "The .NET SDK 10 is missing: 'dotnet --list-sdks' shows no 10.x." \
    "Install it from https://dotnet.microsoft.com/download/dotnet/10.0 (or the package dotnet-sdk-10.0) and start again."

missing=()
[ -n "${EXCHANGE_POSTGRES:-}" ] || postgres_bin || missing+=(postgresql)
[ -n "${EXCHANGE_RABBITMQ:-}" ] || rabbit_bin || missing+=(rabbitmq-server)
if [ "${1:-}" = --browser ] && [ -z "${EXCHANGE_CHROMIUM:-}" ]; then
    command -v chromium >/dev/null || missing+=(chromium)
    fc-list :lang=zh-cn 2>/dev/null | grep -c . >/dev/null || missing+=(fonts-noto-cjk)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

by_hand=(
    "These programs are missing: ${missing[*]}"
    "Install them as root:"
    "    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    "or name running servers in EXCHANGE_POSTGRES and EXCHANGE_RABBITMQ, and a browser in EXCHANGE_CHROMIUM (see README)."
    "PostgreSQL 15 or newer is looked for in /usr/lib/postgresql/*/bin, RabbitMQ in /usr/lib/rabbitmq/bin.")
command -v apt-get >/dev/null || fail "${by_hand[@]}"
if [ "$(id -u)" = 0 ]; then root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then root=(sudo -n)
else fail "${by_hand[@]}"
fi

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.conf
kept=$(mktemp)
own_policy= own_clusters=
put_back() {
    if [ -n "$own_policy" ]; then "${root[@]}" rm -f "$policy"; fi
    if [ -n "$own_clusters" ]; then "${root[@]}" cp "$kept" "$clusters"; fi
    rm -f "$kept"
}
trap put_back EXIT
trap 'exit 130' INT TERM

apt() {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}
install() {
    apt install -y --no-install-recommends "$@" >"$kept.log" 2>&1 || { cat "$kept.log" >&2; rm -f "$kept.log"; return 1; }
    rm -f "$kept.log"
}

say "installing ${missing[*]} from the system's packages"
if ! [ -e "$policy" ]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod 755 "$policy"
fi
known() { apt-cache policy "$1" 2>/dev/null | grep -c 'Candidate: [0-9]' >/dev/null; }
for package in "${missing[@]}"; do
    known "$package" || { say "reading the package lists"; apt update >/dev/null || fail "${by_hand[@]}"; break; }
done
for package in "${missing[@]}"; do
    if [ "$package" = postgresql ]; then
        # Without this line the package makes a cluster of its own on port 5432. The file is put back afterwards.
        install postgresql-common || { apt update >/dev/null && install postgresql-common; } || fail "${by_hand[@]}"
        cat "$clusters" >"$kept"; own_clusters=yes
        printf '\ncreate_main_cluster = false\n' | "${root[@]}" tee -a "$clusters" >/dev/null
    fi
    install "$package" || { apt update >/dev/null && install "$package"; } || fail "${by_hand[@]}"
    if [ "$package" = rabbitmq-server ] && command -v systemctl >/dev/null; then
        # Stopping as well: a policy of the machine's own may have let it start.
        if [ -d /run/systemd/system ]; then
            "${root[@]}" systemctl stop rabbitmq-server.service epmd.service epmd.socket >/dev/null 2>&1 || true
        fi
        "${root[@]}" systemctl disable rabbitmq-server.service epmd.service epmd.socket >/dev/null 2>&1 || true
    fi
done

[ -n "${EXCHANGE_POSTGRES:-}" ] || postgres_bin || fail "${by_hand[@]}"
[ -n "${EXCHANGE_RABBITMQ:-}" ] || rabbit_bin || fail "${by_hand[@]}"
say "installed ${missing[*]}"
