"""How tests of the plugin run pytest: with the plugin, whether it is installed here or not, and imported already."""

MODULE = "pykbroker.testing.pytest_plugin"

OPTIONS = ("-p", "no:pykbroker", "-p", MODULE, "-p", "no:cacheprovider", "-Wignore::pytest.PytestAssertRewriteWarning")
