#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A tour of governance: a service comes to be in a running demo, a new client may ask it, sees less, and no more.
#
#   paasla demo &            # or `cargo xtask demo`, in another terminal
#   examples/tour.sh [DATA]  # the demo's folder, `demo-data` if none is named
#
# PAASLA names the program, if it is not `paasla`. Nothing in the demo is changed for good: what the tour puts in it takes out.
set -euo pipefail

data="${1:-demo-data}"
paasla="${PAASLA:-paasla}"
client="EE/COM/12345678/kauplus"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# What the demo tells scripts: a line for each value.
told() { sed -n "s/^ *\"$1\": \"\([^\"]*\)\",\{0,1\}$/\1/p" "$data/demo.json" | head -n 1; }
PAASLA_HOST="$(told base_url)"
export PAASLA_HOST
adult="$(told adult)"

say() { printf '\n== %s\n' "$*"; }
as() { # ROLE ARGUMENTS…
    PAASLA_TOKEN="$(told "$1")" "$paasla" "${@:2}"
}
# Confirms what the text on standard input says was proposed.
confirm() {
    local id
    id="$(sed -n 's/.*it is proposal \([0-9]*\),.*/\1/p')"
    as rule_approver proposal confirm "$id" --reason "the agreement is signed" | tail -n 1
}
ask() {
    curl -sS -w '\n%{http_code}\n' "$PAASLA_HOST/xroad/age/v1/query" -H "X-Road-Client: $client" \
        -H "X-Road-UserId: EE60001017869" -H "Content-Type: application/json" \
        -d "{\"select\": [\"birthDate\", \"status\"], \"where\": {\"personalCode\": \"$adult\"}}"
}
expect() { # STATUS PATTERN: of the next answer
    local answer
    answer="$(ask)"
    if [ "$(tail -n 1 <<<"$answer")" != "$1" ] || ! grep -q "$2" <<<"$answer"; then
        printf 'expected %s and `%s`, but got:\n%s\n' "$1" "$2" "$answer" >&2
        exit 1
    fi
    printf 'The query is answered with %s.\n' "$1"
}
expect_text() { # PATTERN: in the text on standard input, which is shown
    local text
    text="$(cat)"
    printf '%s\n' "$text"
    grep -q -- "$1" <<<"$text" || { printf 'expected `%s` in this\n' "$1" >&2; exit 1; }
}

began="$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)"
say "A shop asks about somebody: it has no access right."
expect 403 'grant.none'

say "A data manager makes a purpose, a service for it, and an access right; an approver confirms each."
cat >"$work/purpose.toml" <<'TOML'
iri = "rr:ShopAgeCheck"
kind = "purpose"
label = "Age check at a shop"
label-et = "Vanuse kontroll poes"
broader = ["dpv:IdentityVerification"]
TOML
cat >"$work/service.toml" <<'TOML'
name = "age"
version = 1
title = "Whether somebody may buy"
entity = "person"
keys = ["personalCode"]
fields = ["birthDate", "status"]
max-subjects = 1
max-records = 1
purposes = ["dpv:IdentityVerification"]
TOML
grant() { # FIELDS
    cat >"$work/grant.toml" <<TOML
id = "tour-shop"
client = "$client"
service = "age"
purposes = ["rr:ShopAgeCheck"]
legal-bases = ["eu-gdpr:A6-1-f"]
valid-from = "2026-01-01"
fields = [$1]
TOML
}
grant '"birthDate", "status"'
for kind in purpose service grant; do
    as data_manager "$kind" put "$work/$kind.toml" --reason "a shop wants to check ages" | confirm
done
expect 200 '"birthDate":"'

say "One field less: nobody else is needed, and the next answer lacks it."
grant '"status"'
as data_manager grant put "$work/grant.toml" --reason "the status is enough" | expect_text 'is at work'
expect 200 'grant.field-not-open'

say "Who may see the birth date that the service age has, and who that of the service person?"
as auditor service who age --field birthDate | expect_text "$client"
as auditor service who person --field birthDate | expect_text 'legitimate-interest-person'

say "The access right ends in some seconds."
at="$(date -u -d '+8 seconds' +%Y-%m-%dT%H:%M:%SZ)"
as data_manager grant retire tour-shop --at "$at" --reason "the shop closes" | expect_text 'is done at'
as auditor proposal list | expect_text 'scheduled'
for _ in $(seq 1 60); do
    [ "$(ask | tail -n 1)" = 403 ] && break
    sleep 1
done
expect 403 'grant.none'

say "What held before the tour, and what stood under the name since."
as auditor rulebook show --at "$began" | sed -n 1p
as auditor grant show tour-shop | expect_text 'taken out'

say "Service and purpose go, too; the purpose needs a second person, since other terms could hang on it."
as data_manager service retire age/v1 --reason "the tour is over" | expect_text 'removed service age/v1'
as data_manager purpose retire rr:ShopAgeCheck --reason "the tour is over" | confirm

say "Every step is in the list of changes."
as auditor policy changes --limit 20 | expect_text 'grant.put'
