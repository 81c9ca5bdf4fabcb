#include "lake/stats.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/clock.h"
#include "sql/database.h"

namespace lake {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kColumnsMax = 32;      // delta.dataSkippingNumIndexedCols' default
constexpr std::size_t kStringCharsMax = 32;  // as Spark cuts
constexpr std::size_t kMaxSearchChars = 64;  // a longer upper bound is given up
constexpr std::string_view kLastCharacter = "\xF4\x8F\xBF\xBF";  // U+10FFFF

enum class Bound { kMin, kMax };

std::size_t character_bytes(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte < 0x80) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

// Byte offset of character `index`; the size when the text is shorter.
std::size_t offset_of(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  while (index-- > 0 && at < text.size()) at += character_bytes(text[at]);
  return std::min(at, text.size());
}

// The prefix of at most 32 characters; for the upper bound with a last character that is greater
// than what was cut off there.
std::optional<std::string> cut_text(const std::string& text, Bound bound) {
  std::size_t at = offset_of(text, kStringCharsMax);
  if (at >= text.size()) return text;
  if (bound == Bound::kMin) return text.substr(0, at);
  for (std::size_t i = kStringCharsMax; i < kMaxSearchChars && at < text.size(); ++i) {
    const std::string_view next = std::string_view(text).substr(at, character_bytes(text[at]));
    if (next.size() == 1 && next[0] < 0x7F) return text.substr(0, at) + '\x7F';
    if (next != kLastCharacter) return text.substr(0, at) + std::string(kLastCharacter);
    at += next.size();
  }
  return std::nullopt;
}

// Milliseconds, rounded down for the lower bound and up for the upper.
std::optional<std::string> iso_milliseconds(const std::string& text, Bound bound) {
  const auto parsed = base::parse_timestamp(text);
  if (!parsed) return std::nullopt;
  std::int64_t ms = *parsed / base::kUsPerMs;
  const std::int64_t rest = *parsed % base::kUsPerMs;
  if (rest < 0) --ms;
  if (rest != 0 && bound == Bound::kMax) ++ms;
  const std::int64_t fraction = ((ms % 1000) + 1000) % 1000;
  std::string seconds = base::format_rfc3339((ms - fraction) * base::kUsPerMs);
  seconds.pop_back();
  return fmt::format("{}.{:03}Z", seconds, fraction);
}

template <class T>
std::optional<ordered_json> number(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return ordered_json(value);
}

std::optional<ordered_json> convert(const SparkField& field, const std::string& text, Bound bound) {
  if (field.sql_type == "VARCHAR") {
    auto cut = cut_text(text, bound);
    return cut ? std::optional<ordered_json>(*cut) : std::nullopt;
  }
  if (field.sql_type == "TIMESTAMPTZ") {
    auto iso = iso_milliseconds(text, bound);
    return iso ? std::optional<ordered_json>(*iso) : std::nullopt;
  }
  if (field.sql_type == "DATE") {
    return base::parse_date(text) ? std::optional<ordered_json>(text) : std::nullopt;
  }
  if (field.type == columns::Type::kInt32 || field.type == columns::Type::kInt64) {
    return number<std::int64_t>(text);
  }
  if (field.type == columns::Type::kFloat64) return number<double>(text);
  return std::nullopt;  // booleans, bytes, decimals and nested values have none
}

std::optional<std::string> value_of(const json& column, const char* key) {
  const auto it = column.find(key);
  if (it == column.end() || !it->is_string()) return std::nullopt;
  return it->get<std::string>();
}

std::size_t indexed_columns(const Metadata& metadata) {
  const auto it = metadata.configuration.find("delta.dataSkippingNumIndexedCols");
  if (it == metadata.configuration.end()) return kColumnsMax;
  const auto most = number<std::int64_t>(it->second);
  if (!most) return kColumnsMax;
  return most->get<std::int64_t>() < 0 ? SIZE_MAX : most->get<std::size_t>();
}

}  // namespace

std::string print_stats(const State& state, std::int64_t rows, const json& columns) {
  const auto& partition_columns = state.metadata->partition_columns;
  const std::size_t most = indexed_columns(*state.metadata);
  ordered_json min_values = ordered_json::object();
  ordered_json max_values = ordered_json::object();
  ordered_json null_count = ordered_json::object();
  std::size_t taken = 0;
  for (const SparkField& field : *state.fields) {
    if (std::ranges::find(partition_columns, field.name) != partition_columns.end()) continue;
    if (taken++ == most) break;
    const auto it = columns.find(sql::quote_name(field.physical_name));
    if (it == columns.end() || !it->is_object()) continue;
    if (const auto nulls = value_of(*it, "null_count")) {
      if (auto value = number<std::int64_t>(*nulls)) null_count[field.physical_name] = *value;
    }
    const auto min = value_of(*it, "min");
    const auto max = value_of(*it, "max");
    if (!min || !max) continue;
    if (auto value = convert(field, *min, Bound::kMin)) min_values[field.physical_name] = *value;
    if (auto value = convert(field, *max, Bound::kMax)) max_values[field.physical_name] = *value;
  }
  const ordered_json stats = {{"numRecords", rows},
                              {"minValues", std::move(min_values)},
                              {"maxValues", std::move(max_values)},
                              {"nullCount", std::move(null_count)}};
  return stats.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string null_violation(const std::vector<SparkField>& fields, const json& columns) {
  for (const SparkField& field : fields) {
    if (field.nullable) continue;
    const auto it = columns.find(sql::quote_name(field.physical_name));
    if (it == columns.end() || !it->is_object()) continue;
    const auto nulls = value_of(*it, "null_count");
    if (nulls && *nulls != "0") return field.name;
  }
  return "";
}

}  // namespace lake
