// The event log: topics of partitions of record batches, kept in order and durable.
//
// The bytes of a batch are Kafka's record batch v2 (log/record_batch.h), on disk and in memory, so
// that a Kafka client's batch is stored and served as it came. This interface is implemented by the
// embedded log (segment files) and, later, by real Kafka.
// Threads: any. The namespace is eventlog because <math.h> owns the global name log.
// Invariant: an append that was acknowledged is on disk (fdatasync) before the acknowledgement. A
// failed sync stops the process (base::stop_process) and is never retried.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"

namespace eventlog {

using Offset = std::int64_t;
using Partition = std::int32_t;

struct TopicPartition {
  std::string topic;
  Partition partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
};

// What has happened to an append when it is acknowledged.
enum class Durability : std::uint8_t {
  kMemory,  // written to the segment some time later; kill -9 may lose it
  kOs,      // written to the segment; a power cut may lose it
  kDisk,    // written and synced
};

enum class Cleanup : std::uint8_t { kDelete, kCompact, kCompactAndDelete };

struct TopicConfig {
  std::string name;  // [a-zA-Z0-9._-], at most 249 characters
  int partitions = 1;
  Durability durability = Durability::kDisk;
  Cleanup cleanup = Cleanup::kDelete;
  std::int64_t retention_us = 7 * base::kUsPerDay;  // -1 = for ever
  std::int64_t retention_bytes = -1;                // per partition; -1 = no limit
  std::int64_t segment_bytes_max = 64LL << 20;
  std::int64_t segment_age_max_us = base::kUsPerDay;
  std::int64_t tombstone_retention_us =
      base::kUsPerDay;  // how long a compacted topic shows deletes
  std::int32_t batch_bytes_max = 64 << 20;
  bool append_time = false;  // the log stamps batches with its own clock
};

struct TopicInfo {
  TopicConfig config;
  std::string id = {};                      // UUID of this creation of the topic
  std::vector<Offset> start_offsets = {};   // by partition: the oldest kept
  std::vector<Offset> end_offsets = {};     // by partition: the next to be written
  std::vector<Offset> stable_offsets = {};  // by partition: before it no transaction is open
};

struct AppendResult {
  Offset base_offset = 0;
  Offset last_offset = 0;
  bool duplicate = false;            // an idempotent producer's batch that was already there
  std::int64_t append_time_ms = -1;  // what the batch was stamped with, in topics with append time
};
// Called once, from a thread of the log, after the sync (or with the error that kept it out).
using AppendDone = std::function<void(base::Result<AppendResult>)>;

// Whole batches, laid end to end, that a reader may look at without a copy for as long as it holds
// `hold` (a mapping of the segment). The first batch may start before the asked offset.
struct ReadResult {
  std::vector<std::span<const std::byte>> batches;
  std::vector<std::shared_ptr<const void>> hold;
  Offset next_offset = 0;  // where to read on
  Offset end_offset = 0;   // up to where can be read at the time of the read
};

// What a consumer group has committed for one partition.
struct CommittedOffset {
  Offset offset = 0;
  std::int32_t leader_epoch = -1;
  std::string metadata = {};
  base::TimestampUs committed_us = 0;
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  // kAlreadyExists with the same name; kInvalid for a bad name or partition count.
  virtual base::Result<> create_topic(const TopicConfig& config) = 0;
  virtual base::Result<> delete_topic(const std::string& topic) = 0;
  // Everything but name and partitions may change; kInvalid names the setting that cannot.
  virtual base::Result<> alter_topic(const TopicConfig& config) = 0;
  // Up to `partitions` in all; kInvalid when there are more already.
  virtual base::Result<> add_partitions(const std::string& topic, int partitions) = 0;
  // Makes everything before `offset` (-1: the end) unreadable; answers the new start offset.
  virtual base::Result<Offset> delete_records(const TopicPartition& partition, Offset offset) = 0;
  virtual base::Result<TopicInfo> topic(const std::string& topic) const = 0;  // kNotFound
  virtual std::vector<TopicInfo> topics() const = 0;

  // Takes one batch (record_batch.h); its base offset is patched in place in the log's own copy,
  // its CRC is checked first (kCorrupt). Idempotent when it carries a producer id: the last five
  // batches of each producer are remembered over restarts and answered as duplicates; a gap in the
  // sequence is kInvalid. kUnavailable when more than the bounded queue waits (backpressure): try
  // later. A full disk is kUnavailable with that mend; nothing of the batch is kept.
  virtual void append(const TopicPartition& partition, std::vector<std::byte> batch,
                      AppendDone done) = 0;
  // The same, waiting.
  base::Result<AppendResult> append_and_wait(const TopicPartition& partition,
                                             std::vector<std::byte> batch);

  // What is committed: records of open and of aborted transactions are not in it, nor are control
  // batches; next_offset moves over them. Batches may be compressed (for_each_record opens them).
  // At most about `bytes_max` (at least one batch). Empty at the end. kNotFound for an unknown
  // partition, kInvalid with the kept range for an offset outside of it, kCorrupt for a batch whose
  // CRC does not hold.
  virtual base::Result<ReadResult> read(const TopicPartition& partition, Offset offset,
                                        std::size_t bytes_max) const = 0;
  // Blocks until one of these partitions has data at its offset, or until the time is over.
  virtual bool wait_for_data(const std::vector<std::pair<TopicPartition, Offset>>& positions,
                             std::int64_t timeout_us) const = 0;
  // The first offset whose batch's greatest timestamp is at or after `time_us`; the end if none.
  virtual base::Result<Offset> offset_at_time(const TopicPartition& partition,
                                              base::TimestampUs time_us) const = 0;

  // Offsets by consumer group, durable when it returns.
  virtual base::Result<> commit_offsets(const std::string& group,
                                        const std::map<TopicPartition, Offset>& offsets) = 0;
  virtual base::Result<std::map<TopicPartition, Offset>> committed_offsets(
      const std::string& group) const = 0;
  // All groups that have committed offsets.
  virtual std::vector<std::string> groups() const = 0;
  // The last sequence a producer wrote to a partition; nullopt when it never did.
  virtual std::optional<std::int32_t> last_sequence(const TopicPartition& partition,
                                                    std::int64_t producer_id) const = 0;
};

}  // namespace eventlog
