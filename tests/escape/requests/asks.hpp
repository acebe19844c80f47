// Requests for a sandbox that ask for more than a user may have, one a line: to add one, add a line.
#pragma once

namespace brig::escape {

struct Ask {
  const char* name;
  const char* body;  // of POST /v1/sessions, beyond "provider" and "args"
  const char* reason;
};

inline constexpr const char* kNoGrant =
    "what weakens a sandbox must be allowed by the ceiling, and silence allows nothing";
inline constexpr const char* kNoPath = "the host's own places are in no mount, by whatever spelling";
inline constexpr const char* kUnknown =
    "unknown keys are refused, so nothing of the engine's own can be asked for";
inline constexpr const char* kBound = "a limit has bounds, and no value means 'none'";
inline constexpr const char* kPlain = "names are names, not paths and not options";

inline constexpr Ask kAsks[] = {
    {"mount_root", R"("policy":{"grants":{"mount":[{"source":"/","target":"/mnt/x"}]}})", kNoGrant},
    {"mount_etc", R"("policy":{"grants":{"mount":[{"source":"/etc","target":"/mnt/x"}]}})", kNoGrant},
    {"mount_socket", R"("policy":{"grants":{"mount":[{"source":"/run/docker.sock","target":"/mnt/x"}]}})",
     kNoPath},
    {"mount_old_socket",
     R"("policy":{"grants":{"mount":[{"source":"/var/run/docker.sock","target":"/mnt/x"}]}})", kNoPath},
    {"mount_directory_of_socket", R"("policy":{"grants":{"mount":[{"source":"/run","target":"/mnt/x"}]}})",
     kNoPath},
    {"mount_by_dots", R"("policy":{"grants":{"mount":[{"source":"/srv/../run","target":"/mnt/x"}]}})",
     kNoPath},
    {"mount_by_double_slash", R"("policy":{"grants":{"mount":[{"source":"//run","target":"/mnt/x"}]}})",
     kNoPath},
    {"mount_by_proc", R"("policy":{"grants":{"mount":[{"source":"/proc/1/root","target":"/mnt/x"}]}})",
     kNoPath},
    {"mount_relative", R"("policy":{"grants":{"mount":[{"source":"run","target":"/mnt/x"}]}})", kNoPath},
    {"mount_over_link", R"("policy":{"grants":{"mount":[{"source":"/srv","target":"/run/brig"}]}})", kNoPath},
    {"mount_over_proc", R"("policy":{"grants":{"mount":[{"source":"/srv","target":"/proc"}]}})", kNoPath},
    {"mount_over_etc", R"("policy":{"grants":{"mount":[{"source":"/srv","target":"/etc/"}]}})", kNoPath},
    {"mount_propagation",
     R"("policy":{"grants":{"mount":[{"source":"/srv","target":"/mnt/x","propagation":"rshared"}]}})",
     kUnknown},
    {"mount_writable",
     R"("policy":{"grants":{"mount":[{"source":"/srv","target":"/mnt/x","writable":true}]}})", kNoGrant},
    {"project_write", R"("policy":{"grants":{"project_write":true}})", kNoGrant},
    {"ptrace", R"("policy":{"grants":{"ptrace":true}})", kNoGrant},
    {"syscall_mount", R"("policy":{"grants":{"syscalls":["mount"]}})", kNoGrant},
    {"syscall_bpf", R"("policy":{"grants":{"syscalls":["bpf"]}})", kNoGrant},
    {"syscall_mbind", R"("policy":{"grants":{"syscalls":["mbind"]}})", kNoGrant},
    {"grant_of_other_case", R"("policy":{"Grants":{"ptrace":true}})", kUnknown},
    {"grant_capability", R"("policy":{"grants":{"cap_add":["SYS_ADMIN"]}})", kUnknown},
    {"privileged", R"("privileged":true)", kUnknown},
    {"host_config", R"("HostConfig":{"Privileged":true})", kUnknown},
    {"policy_host_config", R"("policy":{"HostConfig":{"Binds":["/:/host"]}})", kUnknown},
    {"binds", R"("binds":["/:/host"])", kUnknown},
    {"devices", R"("policy":{"devices":["/dev/kvm"]})", kUnknown},
    {"network_host", R"("policy":{"network":"host"})", kUnknown},
    {"pid_host", R"("policy":{"pid":"host"})", kUnknown},
    {"user_root", R"("user":"0")", kUnknown},
    {"entrypoint", R"("entrypoint":["/bin/sh"])", kUnknown},
    {"security_options", R"("policy":{"security_opt":["seccomp=unconfined"]})", kUnknown},
    {"runtime_of_other_name", R"("policy":{"runtime":"io.containerd.runc.v2"})", "runtimes are three"},
    {"runtime_by_path", R"("policy":{"runtime":"/bin/sh"})", "runtimes are three"},
    {"weaker_runtime", R"("profile":"gvisor","policy":{"runtime":"runc"})",
     "a request may choose a stronger one only"},
    {"workspace_bind", R"("policy":{"workspace":{"mode":"bind"}})", kUnknown},
    {"memory_without_end", R"("policy":{"limits":{"memory":"9999 PiB"}})", kBound},
    {"memory_of_zero", R"("policy":{"limits":{"memory":0}})", kBound},
    {"memory_negative", R"("policy":{"limits":{"memory":-1}})", kBound},
    {"pids_of_zero", R"("policy":{"limits":{"pids":0}})", kBound},
    {"pids_negative", R"("policy":{"limits":{"pids":-1}})", kBound},
    {"pids_over_the_top", R"("policy":{"limits":{"pids":18446744073709551617}})", kBound},
    {"pids_not_whole", R"("policy":{"limits":{"pids":1e99}})", kBound},
    {"cpus_of_zero", R"("policy":{"limits":{"cpus":0}})", kBound},
    {"disk_of_zero", R"("policy":{"limits":{"disk":0}})", kBound},
    {"never_killed", R"("policy":{"limits":{"oom_score_adj":-1000}})", kBound},
    {"limit_unknown", R"("policy":{"limits":{"swap":"1 GiB"}})", kUnknown},
    {"metadata", R"("policy":{"egress":{"allow":["169.254.169.254"]}})", "only the ceiling can open that"},
    {"metadata_in_hex", R"("policy":{"egress":{"allow":["0xa9fea9fe"]}})", "only the ceiling can open that"},
    {"metadata_mapped", R"("policy":{"egress":{"allow":["[::ffff:169.254.169.254]"]}})",
     "only the ceiling can open that"},
    {"metadata_in_a_name", R"("policy":{"egress":{"allow":["*.254"]}})", "that is no name"},
    {"star_inside", R"("policy":{"egress":{"allow":["a*.test"]}})", "a star stands for whole parts"},
    {"profile_by_path", R"("profile":"../../etc/passwd")", kPlain},
    {"profile_with_nul", "\"profile\":\"default\\u0000x\"", kPlain},
    {"name_by_path", R"("name":"../../x")", kPlain},
    {"name_as_option", R"("name":"--privileged")", kPlain},
    {"name_with_line_end", R"("name":"a\nb")", kPlain},
    {"project_of_the_host", R"("project":"/etc")", "who has a token has no rights on the host's files"},
    {"project_of_root", R"("project":"/root")", "who has a token has no rights on the host's files"},
    {"project_by_dots", R"("project":"/tmp/../root")", "who has a token has no rights on the host's files"},
    {"labels_of_brig", R"("labels":{"brig.session":"x"})", "labels that begin with brig. are Brig's own"},
    {"other_mesh", R"("mesh":"theirs")", "a mesh is an admin's to choose"},
    {"image_as_option", R"("image":"--privileged")", kPlain},
    {"image_by_path", R"("image":"/etc/passwd")", kPlain},
    {"image_with_line_end", R"("image":"brig-test/busybox\nx")", kPlain},
    {"binary_of_another_name", R"("binary":"sh -c id")", "a binary is the provider's own"},
    {"overlay_over_link", R"("overlays":[{"path":"/run/brig/sock","content":"x"}])", kNoPath},
    {"overlay_over_passwd", R"("overlays":[{"path":"/etc/passwd","content":"x"}])", kNoPath},
    {"overlay_preload", R"("overlays":[{"path":"/etc/ld.so.preload","content":"x"}])", kNoPath},
    {"overlay_by_dots", R"("overlays":[{"path":"/home/agent/../../etc/passwd","content":"x"}])", kNoPath},
    {"overlay_setuid", R"("overlays":[{"path":"/home/agent/x","content":"x","mode":"7777777"}])",
     "a mode has four digits"},
    {"env_with_nul", "\"env\":{\"A\\u0000B\":\"x\"}", "a NUL ends what others read"},
    {"env_with_equals", R"("env":{"A=B":"x"})", "two readers could read two variables"},
    {"grants_twice", R"("policy":{},"policy":{"grants":{"ptrace":true}})",
     "of two, two readers could take different ones"},
};

}  // namespace brig::escape
