"""images/base/host-npmrc: which registry is found, and what else of an npmrc is passed on."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(os.environ["BRIG_SOURCE"]) / "images/base/host-npmrc"


class HostNpmrc(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)

    def run_with(self, npmrc="", **env):
        (pathlib.Path(self.home.name) / ".npmrc").write_text(npmrc)
        return subprocess.run(
            [SCRIPT], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": self.home.name, **env}
        )

    def test_the_environment_comes_first(self):
        done = self.run_with("registry=https://mirror.example/\n", npm_config_registry="https://other.example/npm/")
        self.assertEqual(done.stdout.splitlines()[0], "registry=https://other.example/npm/")

    def test_an_npmrc_is_read(self):
        done = self.run_with("; a comment\nregistry = https://mirror.example/\n")
        self.assertEqual(done.stdout.splitlines()[0], "registry=https://mirror.example/")

    def test_scopes_and_credentials_are_passed_on_and_nothing_else(self):
        done = self.run_with(
            "registry=https://mirror.example/\n@acme:registry = https://acme.example/\n"
            "//acme.example/:_authToken=${ACME_TOKEN}\nfund=false\nemail=me@example.org\n",
            ACME_TOKEN="t0ken",
        )
        lines = done.stdout.splitlines()  # a host may have an npmrc for all users beside ours
        self.assertEqual(lines[0], "registry=https://mirror.example/")
        self.assertIn("@acme:registry=https://acme.example/", lines)
        self.assertIn("//acme.example/:_authToken=t0ken", lines)
        self.assertFalse([line for line in lines if "fund" in line or "email" in line])

    def test_refuses_what_is_no_url(self):
        done = self.run_with(npm_config_registry="mirror")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is no URL", done.stderr)


if __name__ == "__main__":
    unittest.main()
