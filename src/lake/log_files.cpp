#include "lake/log_files.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace lake {
namespace {

constexpr std::size_t kVersionDigits = 20;
constexpr Version kVersionMax =
    1'000'000'000'000'000;  // a file that says more is none of the log's
constexpr std::size_t kPartDigits = 10;
constexpr std::string_view kCompactedSuffix = ".compacted.json";

std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value < 0 || value > kVersionMax ? std::nullopt : std::optional(value);
}

// Parts of one checkpoint by its number of parts.
using Parts = std::map<std::pair<Version, std::int64_t>, std::vector<storage::ObjectInfo>>;

void take_checkpoint(Version version, std::string_view rest, const storage::ObjectInfo& object,
                     Parts& parts, std::vector<Checkpoint>& classic, std::vector<Checkpoint>& v2) {
  const Checkpoint whole{
      .version = version, .keys = {object.key}, .modified_us = object.modified_us};
  if (rest == "parquet") {
    classic.push_back(whole);
  } else if (rest.size() == 2 * kPartDigits + 9 && rest.ends_with(".parquet")) {
    const auto count = parse_digits(rest.substr(kPartDigits + 1, kPartDigits));
    if (count && *count > 0) parts[{version, *count}].push_back(object);
  } else if (rest.ends_with(".parquet") || rest.ends_with(".json")) {
    v2.push_back(whole);
  }
}

}  // namespace

std::string log_folder(const std::string& table_path) { return table_path + "/_delta_log/"; }

std::string commit_key(const std::string& table_path, Version version) {
  return fmt::format("{}{:020}.json", log_folder(table_path), version);
}

std::string checkpoint_key(const std::string& table_path, Version version) {
  return fmt::format("{}{:020}.checkpoint.parquet", log_folder(table_path), version);
}

std::string hint_key(const std::string& table_path) {
  return log_folder(table_path) + "_last_checkpoint";
}

std::string before_version_key(const std::string& table_path, Version version) {
  return fmt::format("{}{:020}", log_folder(table_path), version);
}

LogListing read_listing(const std::string& table_path,
                        const std::vector<storage::ObjectInfo>& objects) {
  LogListing listing;
  const std::size_t folder_size = log_folder(table_path).size();
  Parts parts;
  std::vector<Checkpoint> v2;
  base::TimestampUs newest_us = 0;
  for (const storage::ObjectInfo& object : objects) {
    const std::string_view name = std::string_view(object.key).substr(folder_size);
    if (name.size() < kVersionDigits + 2 || name[kVersionDigits] != '.') continue;
    const auto version = parse_digits(name.substr(0, kVersionDigits));
    if (!version) continue;
    const std::string_view rest = name.substr(kVersionDigits + 1);
    if (rest == "json") {
      newest_us = std::max(object.modified_us, newest_us + base::kUsPerMs);
      listing.commits[*version] = newest_us;
    } else if (rest.size() == kVersionDigits + kCompactedSuffix.size() &&
               rest.ends_with(kCompactedSuffix)) {
      const auto last = parse_digits(rest.substr(0, kVersionDigits));
      if (!last || *last <= *version) continue;
      CompactedLog& known = listing.compacted[*version];
      if (*last > known.last) known = {.last = *last, .key = object.key};
    } else if (rest.starts_with("checkpoint.")) {
      take_checkpoint(*version, rest.substr(11), object, parts, listing.checkpoints, v2);
    }
  }
  for (const auto& [id, found] : parts) {
    if (std::cmp_not_equal(found.size(), id.second)) continue;  // a writer died half way
    Checkpoint checkpoint{.version = id.first, .keys = {}, .modified_us = 0};
    for (const auto& part : found) {
      checkpoint.keys.push_back(part.key);
      checkpoint.modified_us = std::max(checkpoint.modified_us, part.modified_us);
    }
    listing.checkpoints.push_back(std::move(checkpoint));
  }
  listing.checkpoints.insert(listing.checkpoints.end(), v2.begin(), v2.end());
  // Of one version, the classic kind has the shortest name.
  std::ranges::sort(listing.checkpoints, {}, [](const Checkpoint& one) {
    return std::pair(-one.version, one.keys.front().size());
  });
  return listing;
}

}  // namespace lake
