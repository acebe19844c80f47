"""images/base/context: the same bytes for the same host, and nothing that the contract does not name."""

import io
import os
import pathlib
import subprocess
import tarfile
import tempfile
import unittest

IMAGES = pathlib.Path(os.environ["BRIG_SOURCE"]) / "images"
ENV = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "npm_config_registry": "https://mirror.example/"}


def context(*words, **env):
    return subprocess.run([IMAGES / "base/context", *words], capture_output=True, env={**ENV, **env})


def members(tar):
    return {m.name.removeprefix("./"): m for m in tarfile.open(fileobj=io.BytesIO(tar)).getmembers()}


class Context(unittest.TestCase):
    def test_is_the_same_twice(self):
        first, second = context("shell"), context("shell")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(first.stdout, second.stdout)

    def test_holds_the_folder_and_what_the_host_adds(self):
        with tempfile.NamedTemporaryFile(suffix=".pem") as ca:
            ca.write(b"certificate")
            ca.flush()
            done = context("claude", "--ca", ca.name, BRIG_ARCH="arm64", https_proxy="http://o'neill.example:3128")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = members(done.stdout)
        for name in ("Dockerfile", "provider.toml", "brig-host/system/apt-layer", "brig-host/npm/npm-fetch"):
            self.assertIn(name, found)
        tar = tarfile.open(fileobj=io.BytesIO(done.stdout))
        read = lambda name: tar.extractfile("./" + name).read().decode()
        self.assertEqual(read("brig-host/npm/ca-bundle.crt"), "certificate")
        self.assertEqual(read("brig-host/npm/npmrc"), "registry=https://mirror.example/\n")
        name, version, integrity = read("brig-host/lock/claude").split()
        self.assertTrue(name.endswith("-arm64"))
        self.assertTrue(integrity.startswith("sha512-"))
        shell = f". {{}}; printf %s \"$https_proxy\""
        with tempfile.NamedTemporaryFile("w") as proxy:
            proxy.write(read("brig-host/npm/proxy"))
            proxy.flush()
            out = subprocess.run(["sh", "-c", shell.format(proxy.name)], capture_output=True, text=True).stdout
        self.assertEqual(out, "http://o'neill.example:3128")
        for member in found.values():
            self.assertEqual((member.uid, member.gid), (0, 0))

    def test_every_image_asks_only_for_pinned_packages(self):
        pinned = {line.split('"')[1] for line in (IMAGES / "versions.lock").read_text().splitlines() if line.startswith("  {")}
        for dockerfile in IMAGES.glob("*/Dockerfile"):
            text = dockerfile.read_text()
            copied = {w.rsplit("/", 1)[1] for w in text.split() if w.startswith("brig-host/lock/")}
            self.assertLessEqual(copied, pinned, dockerfile)
            last = text[text.rindex("\nFROM "):]
            self.assertNotIn("brig-host", last, f"{dockerfile}: the last stage must not see the host's configuration")

    def test_refusals_are_one_sentence(self):
        for words in (["nosuch"], ["shell", "--ca", "/nonexistent"], ["shell", "--zork"], []):
            done = context(*words)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout, b"")
            self.assertEqual(len(done.stderr.decode().splitlines()), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
