#include "log/topic_files.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/logging.h"
#include "base/uuid.h"
#include "log/record_batch.h"
#include "log/topic_words.h"

namespace eventlog {
namespace {

constexpr std::string_view kDeletedPrefix = ".deleted-";
constexpr std::size_t kNameSizeMax = 249;
constexpr int kFormat = 2;  // of the segments, as on the page in segment.h

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// A folder of a topic: files in it, and folders of files.
base::Result<> remove_tree(base::FileSystem& disk, const base::Path& directory) {
  for (const std::string& name : TRY(disk.list(directory))) {
    const base::Path path = directory / name;
    if (const auto inner = disk.list(path); inner) {
      for (const std::string& file : *inner) TRY(disk.remove(path / file));
    }
    TRY(disk.remove(path));
  }
  return disk.remove(directory);
}

std::string to_text(const std::string& id, const TopicConfig& config) {
  return nlohmann::json{{"format", kFormat},
                        {"id", id},
                        {"name", config.name},
                        {"partitions", config.partitions},
                        {"retention_us", config.retention_us},
                        {"retention_bytes", config.retention_bytes},
                        {"segment_bytes_max", config.segment_bytes_max},
                        {"segment_age_max_us", config.segment_age_max_us},
                        {"durability", word_of(config.durability)},
                        {"cleanup", word_of(config.cleanup)},
                        {"tombstone_retention_us", config.tombstone_retention_us},
                        {"batch_bytes_max", config.batch_bytes_max},
                        {"append_time", config.append_time}}
             .dump(2) +
         "\n";
}

template <std::size_t N>
std::size_t index_of(const std::array<std::string_view, N>& words, const std::string& word) {
  const auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  throw nlohmann::json::other_error::create(500, "\"" + word + "\" is not known", nullptr);
}

base::Result<TopicFiles> from_text(const std::string& text, const base::Path& path) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (const int format = json.value("format", 1); format != kFormat) {
      return base::fail_with(base::Code::kUnsupported,
                             fmt::format("{}: its segments have format {}, only {} is known",
                                         path.string(), format, kFormat),
                             "open the folder with the version that wrote it, or move it away");
    }
    const TopicConfig defaults;
    return TopicFiles{
        .id = json.at("id").get<std::string>(),
        .config = {.name = json.at("name").get<std::string>(),
                   .partitions = json.at("partitions").get<int>(),
                   .durability = static_cast<Durability>(
                       index_of(kDurabilityWords, json.value("durability", "disk"))),
                   .cleanup = static_cast<Cleanup>(
                       index_of(kCleanupWords, json.value("cleanup", "delete"))),
                   .retention_us = json.at("retention_us").get<std::int64_t>(),
                   .retention_bytes = json.at("retention_bytes").get<std::int64_t>(),
                   .segment_bytes_max = json.at("segment_bytes_max").get<std::int64_t>(),
                   .segment_age_max_us = json.at("segment_age_max_us").get<std::int64_t>(),
                   .tombstone_retention_us =
                       json.value("tombstone_retention_us", defaults.tombstone_retention_us),
                   .batch_bytes_max = json.value("batch_bytes_max", defaults.batch_bytes_max),
                   .append_time = json.value("append_time", defaults.append_time)}};
  } catch (const nlohmann::json::exception& error) {
    return base::fail_with(
        base::Code::kCorrupt,
        fmt::format("topic settings cannot be read: {}: {}", path.string(), error.what()),
        "restore the file from a backup");
  }
}

}  // namespace

base::Result<> check_config(const TopicConfig& config) {
  const std::string& name = config.name;
  if (name.empty() || name.size() > kNameSizeMax || name.front() == '.' ||
      !std::all_of(name.begin(), name.end(), is_name_character)) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("topic name \"{}\" is not allowed", name),
                           "use 1 to 249 of a-z A-Z 0-9 . _ - and no dot at the front");
  }
  if (config.partitions < 1 || config.partitions > kPartitionsMax) {
    return base::fail_with(
        base::Code::kInvalid,
        fmt::format("topic {} cannot have {} partitions", name, config.partitions),
        fmt::format("give 1 to {}", kPartitionsMax));
  }
  if (config.segment_bytes_max < kSegmentBytesMin || config.segment_bytes_max > kSegmentBytesMax) {
    return base::fail_with(
        base::Code::kInvalid,
        fmt::format("topic {} cannot have segments of {} bytes", name, config.segment_bytes_max),
        fmt::format("give {} to {}", kSegmentBytesMin, kSegmentBytesMax));
  }
  if (config.batch_bytes_max < 1 ||
      static_cast<std::size_t>(config.batch_bytes_max) > kBatchSizeMax) {
    return base::fail_with(
        base::Code::kInvalid,
        fmt::format("topic {} cannot have batches of {} bytes", name, config.batch_bytes_max),
        fmt::format("give 1 to {}", kBatchSizeMax));
  }
  return {};
}

base::Path partition_directory(const base::Path& topics, const std::string& topic,
                               Partition partition) {
  return topics / topic / std::to_string(partition);
}

base::Result<std::string> create_topic_files(base::FileSystem& disk, const base::Path& topics,
                                             const TopicConfig& config) {
  const base::Path directory = topics / config.name;
  for (Partition p = 0; p < config.partitions; ++p) {
    TRY(disk.create_directories(partition_directory(topics, config.name, p)));
  }
  TRY(disk.sync_directory(directory));
  TRY(disk.sync_directory(topics));
  std::string id = base::new_uuid();
  TRY(base::write_file_durably(disk, directory / "topic.json", to_text(id, config)));
  return id;
}

base::Result<> change_topic_files(base::FileSystem& disk, const base::Path& topics,
                                  const TopicFiles& files) {
  const base::Path directory = topics / files.config.name;
  for (Partition p = 0; p < files.config.partitions; ++p) {
    TRY(disk.create_directories(partition_directory(topics, files.config.name, p)));
  }
  TRY(disk.sync_directory(directory));
  return base::write_file_durably(disk, directory / "topic.json", to_text(files.id, files.config));
}

base::Result<> delete_topic_files(base::FileSystem& disk, const base::Path& topics,
                                  const std::string& topic) {
  const base::Path deleted = topics / fmt::format("{}{}", kDeletedPrefix, base::new_uuid());
  TRY(disk.rename(topics / topic, deleted));
  TRY(disk.sync_directory(topics));
  return remove_tree(disk, deleted);
}

base::Result<std::vector<TopicFiles>> load_topic_files(base::FileSystem& disk,
                                                       const base::Path& topics) {
  std::vector<TopicFiles> found;
  for (const std::string& name : TRY(disk.list(topics))) {
    const base::Path path = topics / name / "topic.json";
    const bool deleted = name.starts_with(kDeletedPrefix);
    const auto text = deleted ? base::Result<std::string>{} : base::read_file(disk, path);
    if (!deleted && !text && text.error().code != base::Code::kNotFound) {
      return std::unexpected(text.error());
    }
    if (deleted || !text) {
      spdlog::info("log: removed the rest of a topic that was half created or deleted: {}",
                   (topics / name).string());
      TRY(remove_tree(disk, topics / name));
      continue;
    }
    found.push_back(TRY(from_text(*text, path)));
  }
  return found;
}

}  // namespace eventlog
