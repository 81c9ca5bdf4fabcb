#include "lake/fast_actions.h"

#include <simdjson.h>

#include <optional>

#include "lake/uri.h"

namespace lake {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

std::optional<std::string> text_of(const element& value) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

bool take_text(const element& value, std::string& into) {
  auto text = text_of(value);
  if (text) into = std::move(*text);
  return text.has_value();
}

bool take_path(const element& value, std::string& into) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return false;
  auto path = decode_path(text);
  if (path) into = std::move(*path);
  return path.has_value();
}

// Others are judged by parse_action().
bool take_size(const element& value, std::int64_t& into) {
  constexpr std::int64_t kOrdinaryMax = std::int64_t{1} << 40;
  return value.get(into) == simdjson::SUCCESS && into >= 0 && into <= kOrdinaryMax;
}

bool take_partitions(const element& value, PartitionValues& into) {
  into.clear();
  object values;
  if (value.get(values) != simdjson::SUCCESS) return false;
  for (const auto& [key, one] : values) {
    auto text = text_of(one);
    if (text && text->empty()) text.reset();
    into[std::string(key)] = std::move(text);
  }
  return true;
}

bool take_tags(const element& value, std::map<std::string, std::string>& into) {
  into.clear();
  if (value.is_null()) return true;
  object values;
  if (value.get(values) != simdjson::SUCCESS) return false;
  for (const auto& [key, one] : values) {
    if (auto text = text_of(one)) into[std::string(key)] = std::move(*text);
  }
  return true;
}

bool take_add(const object& action, AddFile& into) {
  for (const auto& [key, value] : action) {
    bool taken = true;  // of what is not known here
    if (key == "path") {
      taken = take_path(value, into.path);
    } else if (key == "partitionValues") {
      taken = take_partitions(value, into.partition_values);
    } else if (key == "size") {
      taken = take_size(value, into.size);
    } else if (key == "modificationTime") {
      taken = value.get(into.modification_time_ms) == simdjson::SUCCESS;
    } else if (key == "dataChange") {
      taken = value.get(into.data_change) == simdjson::SUCCESS;
    } else if (key == "stats") {
      taken = take_text(value, into.stats);
    } else if (key == "tags") {
      taken = take_tags(value, into.tags);
    } else if (key == "deletionVector" || key == "stats_parsed") {
      taken = value.is_null();
    }
    if (!taken) return false;
  }
  return !into.path.empty();
}

bool take_remove(const object& action, RemoveFile& into) {
  for (const auto& [key, value] : action) {
    bool taken = true;
    if (key == "path") {
      taken = take_path(value, into.path);
    } else if (key == "deletionTimestamp") {
      taken = value.get(into.deletion_time_ms) == simdjson::SUCCESS;
    } else if (key == "dataChange") {
      taken = value.get(into.data_change) == simdjson::SUCCESS;
    } else if (key == "partitionValues") {
      taken = take_partitions(value, into.partition_values.emplace());
    } else if (key == "size") {
      taken = take_size(value, into.size);
    } else if (key == "deletionVector") {
      taken = value.is_null();
    }
    if (!taken) return false;
  }
  return !into.path.empty();
}

}  // namespace

struct FastActions::Parser {
  simdjson::dom::parser json;
};

FastActions::FastActions() : parser_(std::make_unique<Parser>()) {}
FastActions::~FastActions() = default;

bool FastActions::take(std::string_view line, Commit& into) {
  if (!line.starts_with(R"({"add":)") && !line.starts_with(R"({"remove":)")) return false;
  element root;
  object whole;
  if (parser_->json.parse(line.data(), line.size()).get(root) != simdjson::SUCCESS) return false;
  if (root.get(whole) != simdjson::SUCCESS || whole.size() != 1) return false;
  const auto one = *whole.begin();
  object action;
  if (one.value.get(action) != simdjson::SUCCESS) return false;
  if (one.key == "add") {
    AddFile file;
    if (!take_add(action, file)) return false;
    into.adds.push_back(std::move(file));
    return true;
  }
  RemoveFile file;
  if (!take_remove(action, file)) return false;
  into.removes.push_back(std::move(file));
  return true;
}

}  // namespace lake
