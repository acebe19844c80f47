// Zips that callers handed in, unpacked in a sandbox that reaches nothing.
#include "service/builds.hpp"
#include "service/spec.hpp"

namespace brig::service {
namespace {

constexpr const char* kUnpacker = "python";

// The zip comes on standard input. What it says of itself is not believed: sizes are counted as they come
// out.
constexpr const char* kUnpackScript = R"py(
import os, stat, sys, zipfile

ENTRIES, BYTES, RATIO, SMALL = 20_000, 512 << 20, 200, 1 << 20
FOLDER = os.environ["FOLDER"]

def refuse(why):
    sys.exit("the zip is refused: " + why)

def read_entries(archive):
    entries, seen = [], set()
    for entry in archive.infolist():
        name = entry.filename
        parts = name.rstrip("/").split("/")
        if parts[0] == "__MACOSX":
            continue
        if "\\" in name or any(part in ("", ".", "..") for part in parts):
            refuse(f"{name!r} is no path within it")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            refuse(f"{name!r} is a link or a device")
        if entry.flag_bits & 1:
            refuse(f"{name!r} is encrypted")
        if tuple(parts) in seen:
            refuse(f"{name!r} is there twice")
        seen.add(tuple(parts))
        entries.append((entry, parts))
    if not entries:
        refuse("there is nothing in it")
    if len(entries) > ENTRIES:
        refuse(f"it has over {ENTRIES} entries")
    return entries

def unpack(archive):
    entries = read_entries(archive)
    # One folder around all of it, as hosts of repositories make them, is left away.
    around = len({parts[0] for _, parts in entries}) == 1 and all(
        len(parts) > 1 or entry.is_dir() for entry, parts in entries)
    total = 0
    os.mkdir(FOLDER)
    for entry, parts in entries:
        path = os.path.join(FOLDER, *parts[around:])
        if entry.is_dir():
            os.makedirs(path, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        size = 0
        with archive.open(entry) as source, open(path, "xb") as target:
            while piece := source.read(1 << 16):
                size, total = size + len(piece), total + len(piece)
                if total > BYTES:
                    refuse(f"it has over {BYTES >> 20} MiB")
                if size > SMALL and size > RATIO * entry.compress_size:
                    refuse(f"{entry.filename!r} grows to over {RATIO} times its size, as bombs do")
                target.write(piece)
        os.chmod(path, 0o755 if entry.external_attr >> 16 & 0o111 else 0o644)

with open(".bundle.zip", "wb") as kept:
    while piece := sys.stdin.buffer.read(1 << 16):
        kept.write(piece)
try:
    with zipfile.ZipFile(".bundle.zip") as archive:
        unpack(archive)
except Exception as error:
    refuse(f"{error or type(error).__name__}")
os.unlink(".bundle.zip")
)py";

}  // namespace

net::Task<Result<Builds::Fetched>> Builds::unpack(session::Caller owner, std::string purpose, UniqueFd zip,
                                                  Progress progress) {
  auto host = builder(owner, std::move(purpose), kUnpacker);
  host.create.env.push_back({"FOLDER", Secret(kFetched)});
  host.create.args = {"python3", "-I", "-c", kUnpackScript};
  host.input = std::make_shared<UniqueFd>(std::move(zip));
  BRIG_CO_CHECK(co_await image_of(kUnpacker, progress));
  Fetched out;
  BRIG_CO_TRY(out.built, co_await hosting_.build(std::move(owner), std::move(host), nullptr));
  co_return out;
}

}  // namespace brig::service
