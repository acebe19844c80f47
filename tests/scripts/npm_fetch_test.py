"""images/base/in-build/npm-fetch against a registry on loopback."""

import base64
import hashlib
import http.server
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import threading
import unittest

SCRIPT = pathlib.Path(os.environ["BRIG_SOURCE"]) / "images/base/in-build/npm-fetch"


def package(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, (content, mode) in files.items():
            info = tarfile.TarInfo("package/" + name)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Registry(http.server.BaseHTTPRequestHandler):
    tarball = package({"bin/tool": (b"#!/bin/sh\necho 1\n", 0o755), "readme": (b"text", 0o600)})
    asked = []

    def do_GET(self):
        Registry.asked.append((self.path, self.headers.get("Authorization")))
        self.send_response(200 if self.path.endswith("-1.2.3.tgz") else 404)
        self.end_headers()
        if self.path.endswith("-1.2.3.tgz"):
            self.wfile.write(self.tarball)

    def log_message(self, *args):
        pass


class NpmFetch(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.dir = pathlib.Path(tempfile.mkdtemp())
        (self.dir / "lock").mkdir()
        (self.dir / "proxy").write_text("")
        shutil.copy(SCRIPT, self.dir / "npm-fetch")
        self.npmrc(f"registry={self.url}/\n")
        Registry.asked.clear()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.dir)

    def npmrc(self, text):
        (self.dir / "npmrc").write_text(text)

    def pin(self, name="tool", version="1.2.3", digest=None):
        digest = digest or hashlib.sha512(Registry.tarball).digest()
        (self.dir / "lock" / "tool").write_text(f"{name} {version} sha512-{base64.b64encode(digest).decode()}\n")

    def fetch(self, id="tool"):
        return subprocess.run(
            [self.dir / "npm-fetch", id, self.dir / "out"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
        )

    def test_unpacks_what_is_pinned(self):
        self.pin()
        done = self.fetch()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.dir / "out/bin/tool").stat().st_mode & 0o777, 0o755)
        self.assertEqual((self.dir / "out/readme").stat().st_mode & 0o777, 0o644)
        self.assertEqual(Registry.asked, [("/tool/-/tool-1.2.3.tgz", None)])

    def test_refuses_what_is_not_what_was_pinned(self):
        self.pin(digest=b"\0" * 64)
        done = self.fetch()
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not what images/versions.lock pins", done.stderr)
        self.assertFalse((self.dir / "out").exists())

    def test_refuses_a_pin_without_sha512(self):
        (self.dir / "lock" / "tool").write_text("tool 1.2.3 sha1-AAAA\n")
        done = self.fetch()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no sha512", done.stderr)
        self.assertFalse((self.dir / "out").exists())

    def test_says_what_is_missing(self):
        self.pin(version="9.9.9")
        done = self.fetch()
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot fetch tool 9.9.9", done.stderr)
        self.assertIn("not among the pinned versions", self.fetch("other").stderr)

    def test_scopes_have_registries_and_credentials_of_their_own(self):
        self.pin(name="@acme/tool")
        self.npmrc(
            "registry=http://127.0.0.1:1/\n"
            f"@acme:registry={self.url}/private/npm/\n"
            f"//127.0.0.1:{self.server.server_port}/private/:_authToken=s3cret\n"
        )
        done = self.fetch()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(Registry.asked, [("/private/npm/@acme/tool/-/tool-1.2.3.tgz", "Bearer s3cret")])

    def test_user_and_password(self):
        self.pin()
        host = f"//127.0.0.1:{self.server.server_port}/"
        self.npmrc(f"registry={self.url}/\n{host}:username=ann\n{host}:_password={base64.b64encode(b'pw').decode()}\n")
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(Registry.asked[0][1], "Basic " + base64.b64encode(b"ann:pw").decode())


if __name__ == "__main__":
    unittest.main()
