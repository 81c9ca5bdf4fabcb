#include "server/postgres_access.h"

#include <cstdlib>

namespace server {

namespace pg = protocol::postgres;

std::map<std::string, std::string> PostgresAccess::workloads() const {
  std::map<std::string, std::string> workloads;
  for (const auto& [name, user] : users) {
    if (!user.workload.empty()) workloads[name] = user.workload;
  }
  return workloads;
}

std::map<std::string, std::set<std::string>> PostgresAccess::rights() const {
  std::map<std::string, std::set<std::string>> rights;
  for (const auto& [name, user] : users) {
    if (!user.writes.empty()) rights[name] = user.writes;
  }
  return rights;
}

base::Result<std::map<std::string, PostgresUser>> parse_users(const base::Yaml& yaml) {
  std::map<std::string, PostgresUser> users;
  for (const auto& [name, entry] : yaml.entries()) {
    TRY(entry.only({"password_env", "scram", "workload", "writes"}));
    PostgresUser user;
    user.password_variable = TRY(entry.text_or("password_env", ""));
    user.verifier = TRY(entry.text_or("scram", ""));
    user.workload = TRY(entry.text_or("workload", ""));
    for (auto& schema : TRY(entry.texts_or_none("writes"))) user.writes.insert(std::move(schema));
    if (user.password_variable.empty() == user.verifier.empty()) {
      return entry.fail_here(fmt::format("user '{}' needs one of 'password_env' and 'scram'", name),
                             "name the environment's variable with the password: 'password_env: "
                             "WAYBILL_PASSWORD'");
    }
    if (!user.verifier.empty()) {
      if (auto verifier = pg::parse_scram_verifier(user.verifier); !verifier) {
        return TRY(entry.child("scram")).fail_here(verifier.error().message, verifier.error().mend);
      }
    }
    users[name] = std::move(user);
  }
  return users;
}

base::Result<> parse_tls(const base::Yaml& yaml, const base::Path& folder, PostgresAccess& access) {
  TRY(yaml.only({"certificate", "key", "required"}));
  access.certificate = folder / TRY(yaml.text("certificate"));
  access.key = folder / TRY(yaml.text("key"));
  access.encryption_required = TRY(yaml.boolean_or("required", false));
  return {};
}

base::Result<PostgresListener::Options> listener_options(const PostgresAccess& access,
                                                         std::string address) {
  PostgresListener::Options options{.address = std::move(address)};
  options.certificate = access.certificate.string();
  options.key = access.key.string();
  options.encryption_required = access.encryption_required;
  std::map<std::string, pg::ScramVerifier> verifiers;
  for (const auto& [name, user] : access.users) {
    if (!user.verifier.empty()) {
      verifiers[name] = TRY(pg::parse_scram_verifier(user.verifier));
      continue;
    }
    const char* const password = std::getenv(user.password_variable.c_str());
    if (password == nullptr || *password == '\0') {
      return base::fail_with(
          base::Code::kInvalid,
          fmt::format("user '{}' has no password: {} is not set", name, user.password_variable),
          fmt::format("set {} in the environment of 'waybill up'", user.password_variable));
    }
    verifiers[name] = pg::make_scram_verifier(password, pg::scram_salt());
  }
  if (verifiers.empty()) return options;
  options.users = [verifiers = std::move(verifiers)](
                      const std::string& name) -> std::optional<pg::ScramVerifier> {
    const auto found = verifiers.find(name);
    return found == verifiers.end() ? std::nullopt : std::optional(found->second);
  };
  return options;
}

}  // namespace server
