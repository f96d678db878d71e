#!/usr/bin/env bash
# Packs the chart of a release, which names the image by its digest, and prints the file: package.sh 1.2.3 dist/digests.txt dist .tools/helm
# The same commit gives the same bytes: every file has the commit's time.
set -euo pipefail

here=$(dirname "$0")
fail() { printf 'pawl: error: %s\n' "$1" >&2; exit 1; }
[ $# = 4 ] || fail "give the version, the file of digests, a folder and Helm: package.sh 1.2.3 dist/digests.txt dist .tools/helm"
digest=$(bash "$here/fill.sh" "$1" "$2" cronjob.yaml | sed -n 's/^ *image: .*@\(sha256:[0-9a-f]*\)$/\1/p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$here/pawl" "$work/pawl"
[ "$(grep -c '^  digest: ""$' "$work/pawl/Chart.yaml")" = 1 ] || fail "the chart does not say where the digest goes"
sed "s|^  digest: \"\"\$|  digest: $digest|" "$here/pawl/Chart.yaml" > "$work/pawl/Chart.yaml"
find "$work/pawl" -type f -exec touch -d "@$(git -C "$here" log -1 --format=%ct)" {} +
"$4" package "$work/pawl" --version "$1" --app-version "$1" --destination "$3" >&2
printf '%s\n' "$3/pawl-$1.tgz"
