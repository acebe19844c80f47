"""An image registry: registry.py ADDRESS PORT FILE [USER:PASSWORD | elsewhere].

FILE: {"team/server:1": CONFIG, …}, read again at each request. Every image is busybox with server.sh at /srv;
CONFIG is what the image says of itself ("Entrypoint", "WorkingDir", …). What FILE had once is kept by its digest.
With `elsewhere`, tokens for it are to be had where nobody listens.
"""
import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import sys
import tarfile

address, port, listing = sys.argv[1:4]
wanted = "Basic " + base64.b64encode(sys.argv[4].encode()).decode() if len(sys.argv) > 4 else None
CHALLENGE = 'Basic realm="registry"'
if wanted and sys.argv[4] == "elsewhere":
    CHALLENGE = 'Bearer realm="http://127.0.0.1:1/token",service="registry"'
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
blobs = {}  # by digest: type and bytes


def keep(kind, content):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    blobs[digest] = (kind, content)
    return {"mediaType": kind, "size": len(content), "digest": digest}


def root():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, kind, mode, content=b"", target=""):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
            tar.addfile(entry, io.BytesIO(content))
        for name in ("bin", "srv"):
            add(name, tarfile.DIRTYPE, 0o755)
        with open(shutil.which("busybox"), "rb") as program:
            add("bin/busybox", tarfile.REGTYPE, 0o755, program.read())
        for name in ("sh", "sed", "id"):
            add("bin/" + name, tarfile.SYMTYPE, 0o777, target="busybox")
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "server.sh"), "rb") as script:
            add("srv/server", tarfile.REGTYPE, 0o755, script.read())
    return out.getvalue()


TREE = root()
LAYER = keep("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip.compress(TREE, mtime=0))


def manifest(about):
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = {"architecture": machine, "os": "linux", "config": about,
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(TREE).hexdigest()]}}
    head = keep("application/vnd.docker.container.image.v1+json", json.dumps(config, sort_keys=True).encode())
    return keep(MANIFEST, json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": head, "layers": [LAYER]}).encode())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, kind, body, headers=()):
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, headers=()):
        body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
        self.answer(status, "application/json", body, headers)

    def do_GET(self):
        if wanted and self.headers.get("Authorization") != wanted:
            return self.refuse(401, "UNAUTHORIZED", [("WWW-Authenticate", CHALLENGE)])
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts == ["v2"]:
            return self.answer(200, "application/json", b"{}")
        name, what, which = "/".join(parts[1:-2]), parts[-2], parts[-1]
        if what == "manifests" and not which.startswith("sha256:"):
            with open(listing, encoding="utf-8") as file:
                about = json.load(file).get(name + ":" + which)
            if about is None:
                return self.refuse(404, "MANIFEST_UNKNOWN")
            which = manifest(about)["digest"]
        if which not in blobs:
            return self.refuse(404, "BLOB_UNKNOWN")
        kind, content = blobs[which]
        return self.answer(200, kind, content, [("Docker-Content-Digest", which)])

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer((address, int(port)), Handler).serve_forever()
