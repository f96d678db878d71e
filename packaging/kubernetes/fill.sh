#!/usr/bin/env bash
# Prints a manifest of a release, which names the image by its digest: fill.sh 1.2.3 dist/digests.txt cronjob.yaml > dist/cronjob.yaml
# The second file has a line for each image, its digest before its name, as goreleaser writes it; the third is a file beside this one.
set -euo pipefail

image=ghcr.io/pawl-cd/pawl
template=$(dirname "$0")/$(basename "${3:-cronjob.yaml}")
fail() { printf 'pawl: error: %s\n' "$1" >&2; exit 1; }
[ $# = 2 ] || [ $# = 3 ] || fail "give the version, the file of digests and the manifest: fill.sh 1.2.3 dist/digests.txt cronjob.yaml"
digest=$(awk -v name="$image:$1" '$2 == name || $2 == "*" name { sub(/^sha256:/, "", $1); print $1 }' "$2" | sort -u)
[[ $digest =~ ^[0-9a-f]{64}$ ]] || fail "$2 names no single digest of $image:$1"
[ "$(grep -c "image: $image:VERSION@sha256:DIGEST\$" "$template")" = 1 ] || fail "$template does not say where the image goes"
sed "s|$image:VERSION@sha256:DIGEST\$|$image:$1@sha256:$digest|" "$template"
