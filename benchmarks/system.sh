#!/bin/sh
# What other servers need to be measured beside ours: on Debian as root it is installed. Elsewhere a
# server that lacks it is named as missing in the report, and the rest is measured.
set -eu

missing=""
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	echo "Installing for the benchmarks:$missing"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
	echo "Not installed:$missing. Some servers will be missing from the comparison." >&2
fi
