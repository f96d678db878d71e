#!/usr/bin/env bash
# Installs a release of pawl after checking it against the release's checksums and, where gh is logged in, against the
# attestation of where it was built. For Linux, macOS, and Windows' Git Bash.
#
#   PAWL_VERSION      the release, such as 1.2.3
#   PAWL_BIN          the folder to install into; $HOME/.local/bin when empty
#   PAWL_RELEASES     the URL below which the releases are, for a mirror
#   PAWL_ATTESTATION  off does not ask gh
set -euo pipefail

fail() { printf 'pawl: error: %s\n' "$1" >&2; exit 1; }
sum() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
version=${PAWL_VERSION:-}
version=${version#v}
case $version in
  "") fail "no version is given, such as 1.2.3" ;;
  *[!0-9A-Za-z.+-]*) fail "the version is none; give one such as 1.2.3" ;;
esac
bin=${PAWL_BIN:-$HOME/.local/bin}
releases=${PAWL_RELEASES:-https://github.com/pawl-cd/pawl/releases/download}
case $(uname -m) in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail "no release is built for $(uname -m)" ;;
esac
case $(uname -s) in
  Linux) archive=pawl_${version}_linux_$arch.tar.gz ;;
  Darwin) archive=pawl_${version}_darwin_$arch.tar.gz ;;
  MINGW* | MSYS*) archive=pawl_${version}_windows_$arch.zip ;;
  *) fail "no release is built for $(uname -s)" ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for file in "$archive" checksums.txt; do
  curl --fail --silent --show-error --location --proto-redir =https --retry 3 --output "$work/$file" \
    "${releases%/}/v$version/$file" || fail "downloading $file of release $version failed"
done
expected=$(awk -v name="$archive" '$2 == name { print $1 }' "$work/checksums.txt")
actual=$(sum < "$work/$archive" | cut -d ' ' -f 1)
[ "$actual" = "$expected" ] || fail "the checksum of $archive is $actual, the release names ${expected:-none}"
# Where gh is there and logged in, also GitHub's word counts that pawl's own release workflow built the archive from the main branch.
repository=pawl-cd/pawl
if [ "${PAWL_ATTESTATION:-}" = off ] || ! command -v gh >/dev/null; then
  :
elif [ -z "${GH_TOKEN:-}${GITHUB_TOKEN:-}" ] && ! GH_HOST=github.com gh auth token >/dev/null 2>&1; then
  printf 'pawl: warning: gh is not logged in, so where %s was built is not checked\n' "$archive" >&2
else
  GH_HOST=github.com gh attestation verify "$work/$archive" --repo "$repository" --source-ref refs/heads/main \
    --signer-workflow "$repository/.github/workflows/release.yaml" >/dev/null ||
    fail "gh does not confirm that $archive was built by the release of $version; PAWL_ATTESTATION=off does not ask it"
fi
program=pawl
case $archive in
  *.zip) program=pawl.exe && unzip -q -o "$work/$archive" "$program" -d "$work" ;;
  *) tar -xzf "$work/$archive" -C "$work" "$program" ;;
esac
# A release under another one's name would pass all of that.
[[ " $("$work/$program" version) " == *" v$version "* ]] || fail "$archive holds another version than $version"
mkdir -p "$bin"
mv "$work/$program" "$bin/$program"
