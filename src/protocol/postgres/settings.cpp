#include "protocol/postgres/settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/postgres/lexer.h"

namespace protocol::postgres {

namespace {

enum class Change : std::uint8_t { kFree, kFixed, kUtf8, kUtc, kIsoDate, kTimeout, kOnlyOn };

struct SettingRow {
  std::string_view name;   // lower case
  std::string_view shown;  // as PostgreSQL writes it
  std::string_view value;
  Change change;
  bool reported;
};

constexpr std::array kSettings = std::to_array<SettingRow>({
    {"application_name", "application_name", "", Change::kFree, true},
    {"bytea_output", "bytea_output", "hex", Change::kFree, false},
    {"client_encoding", "client_encoding", "UTF8", Change::kUtf8, true},
    {"client_min_messages", "client_min_messages", "notice", Change::kFree, false},
    {"datestyle", "DateStyle", "ISO, MDY", Change::kIsoDate, true},
    {"default_transaction_deferrable", "default_transaction_deferrable", "off", Change::kFree,
     false},
    {"default_transaction_isolation", "default_transaction_isolation", "read committed",
     Change::kFree, false},
    {"default_transaction_read_only", "default_transaction_read_only", "on", Change::kFree, true},
    {"extra_float_digits", "extra_float_digits", "1", Change::kFree, false},
    {"idle_in_transaction_session_timeout", "idle_in_transaction_session_timeout", "0",
     Change::kFree, false},
    {"in_hot_standby", "in_hot_standby", "off", Change::kFixed, true},
    {"integer_datetimes", "integer_datetimes", "on", Change::kFixed, true},
    {"intervalstyle", "IntervalStyle", "postgres", Change::kFree, true},
    {"is_superuser", "is_superuser", "off", Change::kFixed, true},
    {"jit", "jit", "off", Change::kFree, false},
    {"lc_collate", "lc_collate", "C.UTF-8", Change::kFixed, false},
    {"lc_ctype", "lc_ctype", "C.UTF-8", Change::kFixed, false},
    {"lc_messages", "lc_messages", "C.UTF-8", Change::kFree, false},
    {"lc_monetary", "lc_monetary", "C.UTF-8", Change::kFree, false},
    {"lc_numeric", "lc_numeric", "C.UTF-8", Change::kFree, false},
    {"lc_time", "lc_time", "C.UTF-8", Change::kFree, false},
    {"lock_timeout", "lock_timeout", "0", Change::kFree, false},
    {"max_identifier_length", "max_identifier_length", "63", Change::kFixed, false},
    {"max_index_keys", "max_index_keys", "32", Change::kFixed, false},
    {"row_security", "row_security", "on", Change::kFree, false},
    {"search_path", "search_path", "public", Change::kFree, false},
    {"server_encoding", "server_encoding", "UTF8", Change::kFixed, true},
    {"server_version", "server_version", "15.0", Change::kFixed, true},
    {"server_version_num", "server_version_num", "150000", Change::kFixed, false},
    {"session_authorization", "session_authorization", "", Change::kFixed, true},
    {"session_replication_role", "session_replication_role", "origin", Change::kFree, false},
    {"ssl", "ssl", "off", Change::kFixed, false},
    {"standard_conforming_strings", "standard_conforming_strings", "on", Change::kOnlyOn, true},
    {"statement_timeout", "statement_timeout", "0", Change::kTimeout, false},
    {"synchronize_seqscans", "synchronize_seqscans", "on", Change::kFree, false},
    {"timezone", "TimeZone", "UTC", Change::kUtc, true},
    {"transaction_isolation", "transaction_isolation", "read committed", Change::kFree, false},
    {"transaction_read_only", "transaction_read_only", "on", Change::kFree, false},
    {"work_mem", "work_mem", "4MB", Change::kFree, false},
});

const SettingRow* find(std::string_view name) {
  const auto row = std::find_if(kSettings.begin(), kSettings.end(),
                                [&](const SettingRow& setting) { return setting.name == name; });
  return row == kSettings.end() ? nullptr : &*row;
}

std::unexpected<ErrorFields> refuse(std::string sqlstate, std::string message, std::string hint) {
  return std::unexpected(make_error(std::move(sqlstate), std::move(message), std::move(hint)));
}

// "utf-8" and "UTF8" are the same encoding.
std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : lower(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out.push_back(c);
  }
  return out;
}

bool is_utc(const std::string& zone) {
  const auto name = lower(zone);
  return name == "utc" || name == "etc/utc" || name == "gmt" || name == "z" || name == "0" ||
         name == "+00:00";
}

}  // namespace

bool is_setting(std::string_view name) { return find(name) != nullptr; }

std::optional<std::int64_t> parse_timeout_ms(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0 || value > INT32_MAX) return std::nullopt;
  auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty() || unit == "ms") return value;
  if (unit == "s") return value * 1000;
  if (unit == "min") return value * 60'000;
  if (unit == "h") return value * 3'600'000;
  return std::nullopt;
}

Settings::Settings() {
  for (const auto& row : kSettings) values_.emplace(row.name, row.value);
  defaults_ = values_;
}

std::expected<void, ErrorFields> Settings::set(const std::string& name, const std::string& value,
                                               std::string& notice) {
  const auto* row = find(name);
  if (row == nullptr) {
    if (name.find('.') == std::string::npos) {
      return refuse("42704", "unrecognized configuration parameter \"" + name + "\"",
                    "SHOW ALL lists the parameters");
    }
    values_[name] = value;
    return {};
  }
  switch (row->change) {
    case Change::kFixed:
      if (value == values_[name]) return {};
      return refuse("55P02", "parameter \"" + name + "\" cannot be changed", "leave it as it is");
    case Change::kUtf8: {
      const auto encoding = squeezed(value);
      if (encoding == "utf8" || encoding == "unicode") {
        values_[name] = "UTF8";
      } else if (encoding == "sqlascii") {
        values_[name] = "SQL_ASCII";  // bytes pass as they are: UTF-8
      } else {
        return refuse("22023", "client encoding \"" + value + "\" is not served",
                      "set client_encoding to UTF8 (PGCLIENTENCODING=UTF8)");
      }
      return {};
    }
    case Change::kUtc:
      if (!is_utc(value))
        notice = "times are shown in UTC; time zone \"" + value + "\" is not applied";
      return {};
    case Change::kIsoDate:
      if (!lower(value).starts_with("iso")) notice = "dates are shown in ISO style";
      return {};
    case Change::kOnlyOn:
      if (squeezed(value) != "on" && squeezed(value) != "true" && value != "1") {
        return refuse("22023", "parameter \"" + name + "\" can only be on",
                      "write texts with doubled quotes");
      }
      return {};
    case Change::kTimeout:
      if (!parse_timeout_ms(value)) {
        return refuse("22023", "invalid value for parameter \"" + name + "\": \"" + value + "\"",
                      "give milliseconds, or a number with ms, s, min or h");
      }
      break;
    case Change::kFree:
      break;
  }
  values_[name] = value;
  return {};
}

void Settings::reset(const std::string& name) {
  const auto old = defaults_.find(name);
  if (old == defaults_.end()) {
    values_.erase(name);
  } else {
    values_[name] = old->second;
  }
}

void Settings::reset_all() { values_ = defaults_; }

std::optional<std::string> Settings::get(const std::string& name) const {
  const auto value = values_.find(name);
  return value == values_.end() ? std::nullopt : std::optional(value->second);
}

std::string_view Settings::reported_name(std::string_view name) {
  const auto* row = find(name);
  return row != nullptr && row->reported ? row->shown : std::string_view();
}

std::vector<std::string> Settings::reported() {
  std::vector<std::string> names;
  for (const auto& row : kSettings) {
    if (row.reported) names.emplace_back(row.name);
  }
  return names;
}

}  // namespace protocol::postgres
