// The run-time settings of a PostgreSQL session: what SET, SHOW and ParameterStatus speak of.
// Source: PostgreSQL documentation, "Server Configuration"; which ones are reported to the client:
// "Asynchronous Operations" of the protocol chapter.
//
// Threads: one at a time.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/postgres/backend.h"

namespace protocol::postgres {

// Whether PostgreSQL 15 clients are known to ask for it; `name` in lower case.
bool is_setting(std::string_view name);

class Settings {
 public:
  Settings();

  // 22023 for a value that cannot be served (another client_encoding), 55P02 for a setting that is
  // fixed (server_version), 42704 for an unknown name without a dot. A value that is taken but has
  // no effect leaves a text in `notice`.
  std::expected<void, ErrorFields> set(const std::string& name, const std::string& value,
                                       std::string& notice);
  void reset(const std::string& name);
  void reset_all();
  // What the session started with is what RESET goes back to.
  void keep_as_defaults() { defaults_ = values_; }
  // Set by the server itself.
  void put(const std::string& name, const std::string& value) { values_[name] = value; }

  std::optional<std::string> get(const std::string& name) const;
  const std::map<std::string, std::string>& all() const { return values_; }
  // The name as PostgreSQL writes it when its changes are reported to the client, else "".
  static std::string_view reported_name(std::string_view name);
  static std::vector<std::string> reported();

 private:
  std::map<std::string, std::string> values_;
  std::map<std::string, std::string> defaults_;
};

// "250", "250ms", "5s", "2min" in milliseconds; nullopt otherwise.
std::optional<std::int64_t> parse_timeout_ms(std::string_view text);

}  // namespace protocol::postgres
