// One partition of a compacted topic that one process at a time may write, in whole transactions.
//
// Whoever calls own() last is the writer: Kafka refuses everybody before it (their transactional id
// has an older epoch), and own() returns only when what they had begun is committed or rolled back.
// Reading is EventLog::read.
// Threads: one at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/event_log.h"
#include "log/kafka_url.h"

namespace eventlog {

inline constexpr std::size_t kChangeBytesMax = 512UL << 10;  // of one value

struct Change {
  std::string key;
  std::string value;  // empty: the key is gone, and compaction drops it
};

// Offsets of a consumer group that move with a transaction.
struct GroupOffsets {
  std::string group;
  std::map<TopicPartition, Offset> offsets;
};

class KafkaChangelog {
 public:
  virtual ~KafkaChangelog() = default;
  // Takes the partition over. kUnavailable when Kafka does not answer in time.
  virtual base::Result<> own() = 0;
  // All or nothing; the offset behind the last change. kUnavailable: rolled back, try again later.
  // kConflict: another process owns the partition now, or it is not known whether the changes are
  // there: only own() helps.
  virtual base::Result<Offset> commit(const std::vector<Change>& changes,
                                      const std::optional<GroupOffsets>& offsets) = 0;
};

std::unique_ptr<KafkaChangelog> make_kafka_changelog(const KafkaUrl& url,
                                                     const TopicPartition& partition,
                                                     const std::string& transactional_id);

}  // namespace eventlog
