from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """Hashed names, in the `import` lines of our ES modules too: there is no bundler to do it."""

    support_js_module_import_aggregation = True
