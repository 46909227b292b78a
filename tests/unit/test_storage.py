import re

from django.core.files.storage import FileSystemStorage

from chatsite.storage import StaticStorage


def test_modules_import_each_other_by_their_hashed_names(tmp_path, settings):
    settings.DEBUG = False
    source, root = tmp_path / "source", tmp_path / "root"
    for folder in (source, root):
        folder.mkdir()
        (folder / "room.js").write_text('import { Socket } from "./socket.js";\n')
        (folder / "socket.js").write_text("export class Socket {}\n")
    files = FileSystemStorage(source)
    storage = StaticStorage(location=root, base_url="/static/")
    list(storage.post_process({name: (files, name) for name in ("room.js", "socket.js")}))
    written = (root / storage.stored_name("room.js")).read_text()
    assert re.search(r'from "\./socket\.[0-9a-f]{12}\.js"', written)
