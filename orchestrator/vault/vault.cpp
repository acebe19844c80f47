#include "vault/vault.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::vault {
namespace {

constexpr Millis kNoteEvery{60'000};

Entry entry_of(const store::VaultRow& row) {
  return {row.name, row.created, row.replaced, row.last_used};
}

// A header's value: no line can be broken with it, and none is trimmed away on its way.
Result<void> check_value(std::string_view value) {
  auto refuse = [](const char* why) {
    return Error{Code::invalid, std::string("the value ") + why, "vault", false};
  };
  if (value.empty()) return refuse("is empty; give one, or remove the key with 'brig vault rm'");
  if (value.size() > kMaxValue) return refuse("is over 16 KiB, which no header holds");
  for (char c : value)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return refuse("holds a line break or another control character, which no header can carry");
  if (value.front() == ' ' || value.back() == ' ')
    return refuse("begins or ends with a space, which would be lost on its way");
  return {};
}

}  // namespace

Result<void> check_key(std::string_view field, std::string_view name) {
  auto letter = [](unsigned char c) { return std::isalpha(c) || c == '_'; };
  bool good = !name.empty() && name.size() <= 128 && letter(static_cast<unsigned char>(name[0])) &&
              std::all_of(name.begin(), name.end(), [&](unsigned char c) {
                return letter(c) || std::isdigit(c) || c == '-' || c == '.';
              });
  if (good) return {};
  return Error{
      Code::invalid,
      std::string(field) + " " + quoted(name) +
          " is no name for a key: a letter or '_', then letters, digits, '_', '-' and '.', at most 128",
      "vault", false};
}

Error no_such_key(const std::string& name) {
  return Error{
      Code::not_found,
      "there is no " + quoted(name, 128) + " in your vault; 'brig vault set " + name + "' puts it there",
      "vault", false};
}

Vault::Vault(store::VaultTable& table, const Clock& clock, std::filesystem::path key_file)
    : table_(table), clock_(clock), key_file_(std::move(key_file)) {}

net::Task<Result<void>> Vault::need_key(bool make) {
  if (key_) co_return Result<void>();
  auto loaded = SealingKey::load(key_file_);
  if (!loaded && loaded.error().code == Code::not_found) {
    // One made anew would open nothing of what the old one sealed.
    BRIG_CO_TRY(auto kept, co_await table_.count());
    if (!make || kept > 0)
      co_return Error{Code::corrupt,
                      "the vault's key " + quoted(key_file_.native(), 256) + " is gone, and " +
                          std::to_string(kept) +
                          " values were sealed with it; put it back from a backup, or remove them with 'brig "
                          "vault rm'",
                      "vault", false};
    loaded = SealingKey::make(key_file_);
  }
  if (!loaded) co_return std::move(loaded).error();
  key_.emplace(std::move(*loaded));
  co_return Result<void>();
}

net::Task<Result<Entry>> Vault::set(Scope scope, std::string name, Secret value) {
  BRIG_CO_CHECK(check_key("the key", name));
  BRIG_CO_CHECK(check_value(value.reveal()));
  BRIG_CO_CHECK(co_await need_key(true));
  store::VaultRow row;
  row.owner = scope.owner;
  row.mesh = scope.mesh;
  row.name = name;
  row.sealed = key_->seal(scope, name, value);
  row.created = row.replaced = clock_.wall();
  BRIG_CO_TRY(auto kept, co_await table_.put(std::move(row), kMaxValues));
  co_return entry_of(kept);
}

net::Task<Result<std::vector<Entry>>> Vault::list(Scope scope) {
  BRIG_CO_TRY(auto rows, co_await table_.list(scope.owner, scope.mesh));
  std::vector<Entry> out;
  for (const auto& row : rows) out.push_back(entry_of(row));
  co_return out;
}

net::Task<Result<void>> Vault::remove(Scope scope, std::string name, bool force) {
  BRIG_CO_TRY(auto users, co_await table_.remove(scope.owner, scope.mesh, name, force));
  if (!users) co_return no_such_key(name);
  noted_.erase({scope, name});
  if (users->empty() || force) co_return Result<void>();
  std::string names;
  for (std::size_t i = 0; i < users->size() && i < 8; ++i) names += (i ? ", " : "") + quoted((*users)[i], 64);
  if (users->size() > 8) names += " and " + std::to_string(users->size() - 8) + " more";
  co_return Error{Code::conflict,
                  quoted(name, 128) + " is in use by " + names +
                      "; end them first, or remove it all the same with --force",
                  "vault", false};
}

net::Task<Result<bool>> Vault::has(Scope scope, std::string name) {
  BRIG_CO_TRY(auto row, co_await table_.find(scope.owner, scope.mesh, name));
  co_return row.has_value();
}

net::Task<Result<Secret>> Vault::open(Scope scope, std::string name) {
  BRIG_CO_TRY(auto row, co_await table_.find(scope.owner, scope.mesh, name));
  if (!row) co_return no_such_key(name);
  BRIG_CO_CHECK(co_await need_key(false));
  BRIG_CO_TRY(auto value, key_->open(scope, name, row->sealed));
  auto now = clock_.wall();
  auto& noted = noted_[{scope, name}];
  if (now - noted >= kNoteEvery || now < noted) {
    noted = now;
    BRIG_CO_CHECK(co_await table_.touch(scope.owner, scope.mesh, name, now));
  }
  co_return value;
}

// A key's name has no space, so none of the vault's own values can be mistaken for one of these.
net::Task<Result<Sealed>> Vault::seal(Scope scope, std::string name, Secret value) {
  BRIG_CO_CHECK(co_await need_key(true));
  co_return key_->seal(scope, "kept " + name, value);
}

net::Task<Result<Secret>> Vault::unseal(Scope scope, std::string name, Sealed sealed) {
  BRIG_CO_CHECK(co_await need_key(false));
  co_return key_->open(scope, "kept " + name, sealed);
}

}  // namespace brig::vault
