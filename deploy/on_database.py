"""Run a program of PostgreSQL on the site's database: on_database.py PROGRAM [OPTION ...]

DATABASE_URL says which. Its password goes through the environment, for everybody on the machine can
read a command line.
"""

import os
import sys
from urllib.parse import unquote, urlsplit


def without_password(url: str) -> tuple[str, str | None]:
    """The URL that may be seen, and the password that was in it."""
    parts = urlsplit(url)
    password = parts.password and unquote(parts.password)
    user, at, host = parts.netloc.rpartition("@")
    query = []
    for option in filter(None, parts.query.split("&")):
        name, _, value = option.partition("=")
        if name == "password":
            password = unquote(value)
        else:
            query.append(option)
    shown = parts._replace(netloc=user.partition(":")[0] + at + host, query="&".join(query))
    return shown.geturl(), password


def main() -> None:
    program, *options = sys.argv[1:]
    url, password = without_password(os.environ["DATABASE_URL"])
    if password:
        os.environ["PGPASSWORD"] = password
    os.execvp(program, [program, *options, f"--dbname={url}"])  # noqa: S606 - as it is told


if __name__ == "__main__":
    main()
