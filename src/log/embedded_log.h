// The embedded log as the Kafka listener sees it: raw batches, offsets of each isolation level,
// transactions' marks and a call when there is more.
//
// Threads: any. A Watch's callback comes from a thread of the log and must only hand the news on.
// Invariant: batches are kept and served byte for byte as they came, but for base offset, leader
// epoch and, in topics with append time, timestamp and CRC.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/event_log.h"

namespace eventlog {

class OffsetStore;

enum class Isolation : std::uint8_t { kReadUncommitted, kReadCommitted };

// A transaction that was rolled back: its producer's batches from first_offset on, up to its mark.
struct AbortedTransaction {
  std::int64_t producer_id = 0;
  Offset first_offset = 0;
};

struct FetchResult {
  std::vector<std::span<const std::byte>> batches = {};
  std::vector<std::shared_ptr<const void>> hold = {};
  std::size_t bytes = 0;          // of all batches
  Offset next_offset = 0;         // where to read on
  Offset start_offset = 0;        // the oldest kept
  Offset high_watermark = 0;      // the next to be written; everything before it is durable
  Offset last_stable_offset = 0;  // the first offset of the oldest open transaction, or the end
  std::vector<AbortedTransaction> aborted = {};  // kReadCommitted: by first offset, those that meet
                                                 // the batches of this result
};

struct ListedOffset {
  Offset offset = -1;  // -1: there is none
  std::int64_t timestamp_ms = -1;
};

// Why a producer's batch was not taken, where the protocol tells it apart.
enum class Refusal : std::uint8_t {
  kNone,
  kUnknownPartition,
  kCorrupt,             // CRC, lengths, magic, codec
  kTooLarge,            // above the topic's batch_bytes_max
  kInvalidRecord,       // a control batch from a client, no key in a compacted topic, bad counts
  kOutOfOrderSequence,  // a gap
  kFencedEpoch,         // a newer epoch of this producer wrote already
  kNotNow,              // the queue is full or the disk is; sending it again later may work
};
// The refusal is kNone exactly when there is a value.
using StoreDone = std::function<void(base::Result<AppendResult>, Refusal)>;

// Calls back, any number of times, after end or stable offset of one of its partitions moved (or
// the topic went away), until it is destroyed; the destructor waits for a call under way.
class Watch {
 public:
  virtual ~Watch() = default;
};

class EmbeddedLog : public EventLog {
 public:
  // append(), telling the refusals apart. A transactional batch opens its producer's transaction in
  // the partition (whether that producer may is the coordinator's to know).
  virtual void store(const TopicPartition& partition, std::vector<std::byte> batch,
                     StoreDone done) = 0;
  // The topic is compacted: a record without a key is refused. False for an unknown topic.
  virtual bool wants_keys(const std::string& topic) const = 0;
  // Whole batches from the one that holds `offset` on, at most about `bytes_max` but at least one
  // when `at_least_one`; up to the last stable offset with kReadCommitted. kNotFound for an unknown
  // partition, kInvalid (with a mend that names the kept range) outside of [start, end], kCorrupt
  // when a batch's CRC does not hold.
  virtual base::Result<FetchResult> fetch(const TopicPartition& partition, Offset offset,
                                          std::size_t bytes_max, Isolation isolation,
                                          bool at_least_one) const = 0;
  virtual std::unique_ptr<Watch> watch(const std::vector<TopicPartition>& partitions,
                                       std::function<void()> changed) const = 0;
  // The first record (not batch) at or after the time, with its timestamp.
  virtual base::Result<ListedOffset> list_offset_at(const TopicPartition& partition,
                                                    std::int64_t time_ms) const = 0;
  // The record with the greatest timestamp.
  virtual base::Result<ListedOffset> list_greatest_time(const TopicPartition& partition) const = 0;

  // Ends a producer's transaction in a partition: a control batch is appended (KIP-98), durable
  // when `done` is called. Without an open transaction there it is a success and writes nothing.
  // The producer's epoch in the partition becomes at least `epoch`: older ones are fenced.
  virtual void end_transaction(const TopicPartition& partition, std::int64_t producer_id,
                               std::int16_t epoch, bool commit, AppendDone done) = 0;
  // Never given out before, over restarts; durable when it returns.
  virtual base::Result<std::int64_t> new_producer_id() = 0;
  // Drops whole segments past retention and compacts what is due, as the log does by itself every
  // 30 s; returns how many segments were dropped.
  virtual base::Result<int> enforce_retention(base::TimestampUs now_us) = 0;
  virtual base::Path directory() const = 0;
  // What the groups' coordinators work on; lives as long as the log.
  virtual OffsetStore& offsets() = 0;
};

struct EmbeddedLogOptions {
  base::Path directory;
  std::size_t queued_bytes_max = 256UL << 20;
};

// Opens (recovering: a torn tail is cut, everything acknowledged is kept; a bad batch that is
// followed by good ones is corruption and refused by place) or creates the log in the folder.
base::Result<std::unique_ptr<EmbeddedLog>> open_embedded_log(base::FileSystem& disk,
                                                             const base::Clock& clock,
                                                             const EmbeddedLogOptions& options);

}  // namespace eventlog
