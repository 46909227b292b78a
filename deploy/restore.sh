#!/bin/sh
# Put a backup into an empty place: restore.sh FILE
#
# The place is DATABASE_URL: an SQLite file that is not there yet, or an empty PostgreSQL database.
# Nothing is ever overwritten. Stop the site before, start it after. To be run as the user and in the
# environment of the site: docs/deploy.md.
set -eu
umask 077

file=${1:?usage: restore.sh FILE}
here=$(dirname "$0")
state=${STATE_DIR:-$here/../var}
url=${DATABASE_URL:-sqlite:///$state/db.sqlite3}
[ -f "$file" ] || { echo "There is no $file." >&2; exit 2; }

case $url in
postgres://* | postgresql://*)
	case $file in *.dump) ;; *) echo "$file is no dump of PostgreSQL." >&2; exit 2 ;; esac
	# All or nothing. A table that is there already ends it.
	python=$here/../.venv/bin/python
	[ -x "$python" ] || python=python3
	"$python" "$here/on_database.py" "${PG_RESTORE:-pg_restore}" \
		--exit-on-error --single-transaction --no-owner --no-privileges "$file"
	;;
sqlite:///*)
	case $file in *.sqlite3) ;; *) echo "$file is no copy of SQLite." >&2; exit 2 ;; esac
	target=${url#sqlite:///}
	target=${target%%\?*}
	for there in "$target" "$target-wal" "$target-shm"; do
		[ ! -e "$there" ] || { echo "$there is there already: move it away first." >&2; exit 1; }
	done
	cp "$file" "$target.part"
	sync "$target.part"
	mv "$target.part" "$target"
	;;
*)
	echo "DATABASE_URL must begin with postgres:// or sqlite:///." >&2
	exit 2
	;;
esac
echo "Restored $file. Run \`manage.py migrate\` if the code is newer, then start the site."
