#!/bin/sh
# A consistent copy of the database while the site runs: backup.sh DIRECTORY
#
# DATABASE_URL and STATE_DIR are read as the server reads them. A copy is named only once it is
# whole, and is its owner's alone. KEEP (default 14) says how many are kept.
set -eu
umask 077

directory=${1:?usage: backup.sh DIRECTORY}
here=$(dirname "$0")
state=${STATE_DIR:-$here/../var}
url=${DATABASE_URL:-sqlite:///$state/db.sqlite3}
keep=${KEEP:-14}
case $keep in
'' | *[!0-9]* | 0) echo "KEEP must be 1 or more, not $keep." >&2; exit 2 ;;
esac
python=$here/../.venv/bin/python
[ -x "$python" ] || python=python3
name=chatsite-$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p "$directory"

case $url in
postgres://* | postgresql://*)
	file=$directory/$name.dump
	trap 'rm -f "$file.part"' EXIT
	# One snapshot of all tables; nobody waits for it.
	"$python" "$here/on_database.py" "${PG_DUMP:-pg_dump}" \
		--format=custom --no-owner --no-privileges --file="$file.part"
	;;
sqlite:///*)
	file=$directory/$name.sqlite3
	trap 'rm -f "$file.part"' EXIT
	# One read transaction: writers go on, in the write-ahead log.
	rm -f "$file.part"
	"$python" - "${url#sqlite:///}" "$file.part" <<'PYTHON'
import sqlite3
import sys
from pathlib import Path

source, target = sys.argv[1:]
source = source.partition("?")[0]
database = sqlite3.connect(f"{Path(source).resolve().as_uri()}?mode=rw", uri=True, timeout=60)
database.execute("VACUUM INTO ?", [target])
database.close()
PYTHON
	;;
*)
	echo "DATABASE_URL must begin with postgres:// or sqlite:///." >&2
	exit 2
	;;
esac

sync "$file.part"
mv "$file.part" "$file"
echo "$file"

# The oldest go; their names are in the order of time.
find "$directory" -maxdepth 1 -name 'chatsite-*Z.*' ! -name '*.part' | sort -r | tail -n +$((keep + 1)) |
	while IFS= read -r old; do rm -f "$old"; done
