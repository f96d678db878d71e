#!/usr/bin/env bash
# Scans what is about to be released: scan.sh DIST TOOLS. Each bill of materials and the image by grype, the source and the program by
# govulncheck. It fails where one of them knows of a hole that has a fix, or cannot scan, or has nothing to scan.
set -euo pipefail

fail() { printf 'pawl: error: %s\n' "$1" >&2; exit 1; }
[ $# = 2 ] || fail "give the folder of the release and that of the tools: scan.sh dist .tools"
dist=$1 tools=$2
shopt -s nullglob
boms=("$dist"/*.sbom.json)
programs=("$dist"/pawl_linux_amd64*/pawl)
[ ${#boms[@]} -gt 0 ] || fail "$dist holds no bill of materials"
[ ${#programs[@]} -gt 0 ] || fail "$dist holds no program for linux/amd64"
[ -f "$dist/image.tar" ] || fail "$dist holds no image.tar"
refused=0
for bom in "${boms[@]}"; do
  "$tools/grype" "sbom:$bom" --only-fixed --fail-on medium || refused=1
done
"$tools/grype" "docker-archive:$dist/image.tar" --only-fixed --fail-on medium || refused=1
"$tools/govulncheck" ./... || refused=1
"$tools/govulncheck" -mode binary "${programs[0]}" || refused=1
[ "$refused" = 0 ] || fail "a scan refuses the release"
