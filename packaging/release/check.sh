#!/usr/bin/env bash
# Says whether a version can be released from here: check.sh 1.2.3. It is a version, the changelog has its heading, and nobody has its
# tag.
set -euo pipefail

fail() { printf 'pawl: error: %s\n' "$1" >&2; exit 1; }
version=${1-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "want a version as 1.2.3, have \"$version\""
grep -qE "^## ${version//./\\.}( |\$)" CHANGELOG.md || fail "CHANGELOG.md has no heading ## $version"
if git rev-parse -q --verify "refs/tags/v$version" >/dev/null; then fail "the tag v$version is there already"; fi
