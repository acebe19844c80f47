"""deploy/lib.sh: processes are known by more than their pid; settings are read from brig.toml."""

import os
import pathlib
import subprocess
import tempfile
import unittest

LIB = pathlib.Path(os.environ["BRIG_SOURCE"]) / "deploy/lib.sh"


class Lib(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.dir = pathlib.Path(work.name)

    def sh(self, script, **env):
        return subprocess.run(
            ["sh", "-euc", f'. "{LIB}"\n{script}'], capture_output=True, text=True, cwd=self.dir, env={**os.environ, **env}
        )

    def test_a_process_is_alive_until_it_ends(self):
        done = self.sh(
            "sleep 1000 & note_process pid $!\n"
            'test "$(alive pid)" = $!\nstop_process pid 5\nnot_alive pid && ! test -e pid && echo fine'
        )
        self.assertEqual(done.stdout, "fine\n", done.stderr)

    def test_another_process_with_the_same_pid_is_not_it(self):
        (self.dir / "pid").write_text(f"{os.getpid()} 1\n")
        done = self.sh("not_alive pid && stop_process pid 1 && echo fine")
        self.assertEqual(done.stdout, "fine\n", done.stderr)

    def test_one_that_ignores_the_request_is_killed(self):
        done = self.sh("sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' & note_process pid $!\nstop_process pid 1; echo fine")
        self.assertEqual(done.stdout, "fine\n", done.stderr)

    def test_settings(self):
        config = self.dir / "brig.toml"
        config.write_text('# socket = "/no"\n[service]\nsocket = "/x/y.sock"   # here\n[engine]\nhost = "unix:///e.sock"\n')
        done = self.sh("brig_socket; state_dir; engine_host", BRIG_CONFIG=str(config), DOCKER_HOST="unix:///other")
        self.assertEqual(done.stdout.splitlines(), ["/x/y.sock", "/var/lib/brig", "unix:///e.sock"], done.stderr)
        done = self.sh("brig_socket; engine_host", BRIG_CONFIG="/nonexistent", DOCKER_HOST="unix:///other")
        self.assertEqual(done.stdout.splitlines(), ["/run/brig/brig.sock", "unix:///other"])

    def test_no_engine_does_not_answer(self):
        self.assertNotEqual(self.sh("engine_answers unix:///nonexistent").returncode, 0)
        self.assertNotEqual(self.sh("engine_answers ssh://host").returncode, 0)


if __name__ == "__main__":
    unittest.main()
