#include "server/kafka_configs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "log/topic_words.h"

namespace server {
namespace {

using eventlog::Cleanup;
using eventlog::Durability;
using eventlog::TopicConfig;
using Type = KafkaConfigType;

constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max();

std::unexpected<base::Error> bad(std::string_view value, std::string_view want) {
  return base::fail_with(base::Code::kInvalid, fmt::format("'{}' cannot be", value),
                         fmt::format("give {}", want));
}

base::Result<std::int64_t> number(const std::string& value, std::int64_t min, std::int64_t max) {
  std::int64_t result = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (error != std::errc() || end != value.data() + value.size() || result < min || result > max)
    return bad(value, fmt::format("a whole number from {} to {}", min, max));
  return result;
}

base::Result<> one_of(const std::string& value, std::initializer_list<std::string_view> words) {
  if (std::find(words.begin(), words.end(), value) != words.end()) return {};
  return bad(value, fmt::format("one of {}", fmt::join(words, ", ")));
}

// A time in ms, -1 for ever.
std::string ms_of(std::int64_t us) { return us < 0 ? "-1" : std::to_string(us / base::kUsPerMs); }
base::Result<std::int64_t> us_of(const std::string& value, std::int64_t min) {
  const std::int64_t ms = TRY(number(value, min, kForEver));
  if (ms < 0 || ms > kForEver / base::kUsPerMs) return -1;
  return ms * base::kUsPerMs;
}

std::string get_cleanup(const TopicConfig& config) {
  return std::string(eventlog::word_of(config.cleanup));
}

base::Result<> set_cleanup(TopicConfig& config, const std::string& value) {
  bool remove = false;
  bool compact = false;
  for (std::size_t from = 0; from <= value.size();) {
    const std::size_t comma = std::min(value.find(',', from), value.size());
    std::string word = value.substr(from, comma - from);
    std::erase(word, ' ');
    TRY(one_of(word, {"delete", "compact"}));
    (word == "delete" ? remove : compact) = true;
    from = comma + 1;
  }
  config.cleanup = !compact ? Cleanup::kDelete
                   : remove ? Cleanup::kCompactAndDelete
                            : Cleanup::kCompact;
  return {};
}

std::string get_durability(const TopicConfig& config) {
  return std::string(eventlog::word_of(config.durability));
}

base::Result<> set_durability(TopicConfig& config, const std::string& value) {
  TRY(one_of(value, {"memory", "os", "disk"}));
  config.durability = value == "memory" ? Durability::kMemory
                      : value == "os"   ? Durability::kOs
                                        : Durability::kDisk;
  return {};
}

// What is taken and changes nothing.
template <std::int64_t min, std::int64_t max = kForEver>
base::Result<> any_number(TopicConfig&, const std::string& value) {
  TRY(number(value, min, max));
  return {};
}
base::Result<> any_boolean(TopicConfig&, const std::string& value) {
  return one_of(value, {"true", "false"});
}
base::Result<> any_text(TopicConfig&, const std::string&) { return {}; }
base::Result<> any_ratio(TopicConfig&, const std::string& value) {
  double ratio = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ratio);
  if (error != std::errc() || end != value.data() + value.size() || !(ratio >= 0 && ratio <= 1))
    return bad(value, "a number from 0 to 1");
  return {};
}
base::Result<> any_codec(TopicConfig&, const std::string& value) {
  return one_of(value, {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"});
}
base::Result<> only_false(TopicConfig&, const std::string& value) {
  return one_of(value, {"false"});
}

template <std::int64_t value>
std::string fixed(const TopicConfig&) {
  return std::to_string(value);
}
std::string fixed_false(const TopicConfig&) { return "false"; }
std::string fixed_empty(const TopicConfig&) { return ""; }

constexpr std::array kSettings = {
    KafkaTopicSetting{"cleanup.policy", Type::kList, "log.cleanup.policy",
                      "What becomes of old records: delete, compact (by key) or both.",
                      &get_cleanup, &set_cleanup},
    KafkaTopicSetting{"compression.type", Type::kString, "compression.type",
                      "Batches are kept as producers compress them.",
                      [](const TopicConfig&) { return std::string("producer"); }, &any_codec},
    KafkaTopicSetting{"delete.retention.ms", Type::kLong, "log.cleaner.delete.retention.ms",
                      "How long a compacted topic shows that a key was deleted.",
                      [](const TopicConfig& c) { return ms_of(c.tombstone_retention_us); },
                      [](TopicConfig& c, const std::string& value) -> base::Result<> {
                        const std::int64_t us = TRY(us_of(value, 0));
                        c.tombstone_retention_us = us < 0 ? kForEver : us;
                        return {};
                      }},
    KafkaTopicSetting{"file.delete.delay.ms", Type::kLong, "log.segment.delete.delay.ms",
                      "Segments go when nobody reads them any more.", &fixed<0>, &any_number<0>},
    KafkaTopicSetting{"flush.messages", Type::kLong, "log.flush.interval.messages",
                      "waybill.durability says when records are on disk.", &fixed<kForEver>,
                      &any_number<1>},
    KafkaTopicSetting{"flush.ms", Type::kLong, "log.flush.interval.ms",
                      "waybill.durability says when records are on disk.", &fixed<kForEver>,
                      &any_number<0>},
    KafkaTopicSetting{"follower.replication.throttled.replicas", Type::kList, "",
                      "There are no followers.", &fixed_empty, &any_text},
    KafkaTopicSetting{"index.interval.bytes", Type::kInt, "log.index.interval.bytes",
                      "The index is as dense as the log makes it.", &fixed<4096>,
                      &any_number<0, INT32_MAX>},
    KafkaTopicSetting{"leader.replication.throttled.replicas", Type::kList, "",
                      "There are no followers.", &fixed_empty, &any_text},
    KafkaTopicSetting{"max.compaction.lag.ms", Type::kLong, "log.cleaner.max.compaction.lag.ms",
                      "Compaction runs when there is enough to gain.", &fixed<kForEver>,
                      &any_number<1>},
    KafkaTopicSetting{
        "max.message.bytes", Type::kInt, "message.max.bytes", "The largest batch that is taken.",
        [](const TopicConfig& c) { return std::to_string(c.batch_bytes_max); },
        [](TopicConfig& c, const std::string& value) -> base::Result<> {
          c.batch_bytes_max = static_cast<std::int32_t>(TRY(number(value, 0, 64 << 20)));
          return {};
        }},
    KafkaTopicSetting{"message.timestamp.after.max.ms", Type::kLong,
                      "log.message.timestamp.after.max.ms",
                      "Times of records are taken as they are.", &fixed<kForEver>, &any_number<0>},
    KafkaTopicSetting{"message.timestamp.before.max.ms", Type::kLong,
                      "log.message.timestamp.before.max.ms",
                      "Times of records are taken as they are.", &fixed<kForEver>, &any_number<0>},
    KafkaTopicSetting{"message.timestamp.type", Type::kString, "log.message.timestamp.type",
                      "Whose clock stamps the records.",
                      [](const TopicConfig& c) -> std::string {
                        return c.append_time ? "LogAppendTime" : "CreateTime";
                      },
                      [](TopicConfig& c, const std::string& value) -> base::Result<> {
                        TRY(one_of(value, {"CreateTime", "LogAppendTime"}));
                        c.append_time = value == "LogAppendTime";
                        return {};
                      }},
    KafkaTopicSetting{"min.cleanable.dirty.ratio", Type::kDouble, "log.cleaner.min.cleanable.ratio",
                      "Compaction runs when there is enough to gain.",
                      [](const TopicConfig&) { return std::string("0.5"); }, &any_ratio},
    KafkaTopicSetting{"min.compaction.lag.ms", Type::kLong, "log.cleaner.min.compaction.lag.ms",
                      "Compaction takes closed segments.", &fixed<0>, &any_number<0>},
    KafkaTopicSetting{"min.insync.replicas", Type::kInt, "min.insync.replicas",
                      "There is one replica; waybill.durability says what it holds.", &fixed<1>,
                      &any_number<1, 1>},
    KafkaTopicSetting{"preallocate", Type::kBoolean, "log.preallocate",
                      "Segments are always preallocated.",
                      [](const TopicConfig&) { return std::string("true"); }, &any_boolean},
    KafkaTopicSetting{"remote.storage.enable", Type::kBoolean, "", "There is no tiered storage.",
                      &fixed_false, &only_false},
    KafkaTopicSetting{"retention.bytes", Type::kLong, "log.retention.bytes",
                      "The bytes that a partition keeps; -1: no limit.",
                      [](const TopicConfig& c) { return std::to_string(c.retention_bytes); },
                      [](TopicConfig& c, const std::string& value) -> base::Result<> {
                        c.retention_bytes = TRY(number(value, -1, kForEver));
                        return {};
                      }},
    KafkaTopicSetting{"retention.ms", Type::kLong, "log.retention.ms",
                      "How long records are kept; -1: for ever.",
                      [](const TopicConfig& c) { return ms_of(c.retention_us); },
                      [](TopicConfig& c, const std::string& value) -> base::Result<> {
                        c.retention_us = TRY(us_of(value, -1));
                        return {};
                      }},
    KafkaTopicSetting{"segment.bytes", Type::kInt, "log.segment.bytes", "The size of a segment.",
                      [](const TopicConfig& c) { return std::to_string(c.segment_bytes_max); },
                      [](TopicConfig& c, const std::string& value) -> base::Result<> {
                        c.segment_bytes_max = TRY(number(value, 14, INT32_MAX));
                        return {};
                      }},
    KafkaTopicSetting{"segment.index.bytes", Type::kInt, "log.index.size.max.bytes",
                      "The index is as large as it needs to be.", &fixed<10485760>,
                      &any_number<4, INT32_MAX>},
    KafkaTopicSetting{"segment.jitter.ms", Type::kLong, "log.roll.jitter.ms",
                      "Segments roll without jitter.", &fixed<0>, &any_number<0>},
    KafkaTopicSetting{"segment.ms", Type::kLong, "log.roll.ms",
                      "After this time a segment that holds records is closed.",
                      [](const TopicConfig& c) { return ms_of(c.segment_age_max_us); },
                      [](TopicConfig& c, const std::string& value) -> base::Result<> {
                        const std::int64_t us = TRY(us_of(value, 1));
                        c.segment_age_max_us = us < 0 ? kForEver : us;
                        return {};
                      }},
    KafkaTopicSetting{"unclean.leader.election.enable", Type::kBoolean,
                      "unclean.leader.election.enable", "There is one replica.", &fixed_false,
                      &any_boolean},
    KafkaTopicSetting{
        "waybill.durability", Type::kString, "",
        "What has happened to a record when it is acknowledged: memory, os (written), "
        "disk (synced).",
        &get_durability, &set_durability},
};

}  // namespace

std::span<const KafkaTopicSetting> kafka_topic_settings() { return kSettings; }

const KafkaTopicSetting* find_kafka_topic_setting(std::string_view name) {
  const auto* found =
      std::find_if(kSettings.begin(), kSettings.end(),
                   [name](const KafkaTopicSetting& setting) { return setting.name == name; });
  return found == kSettings.end() ? nullptr : found;
}

base::Result<> set_kafka_topic_setting(TopicConfig& config, const std::string& name,
                                       const std::string& value) {
  const KafkaTopicSetting* setting = find_kafka_topic_setting(name);
  if (setting == nullptr) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("there is no topic setting '{}'", name),
                           "see DescribeConfigs for those that there are");
  }
  auto set = setting->set(config, value);
  if (!set) return std::unexpected(std::move(set).error().in(name));
  return {};
}

}  // namespace server
