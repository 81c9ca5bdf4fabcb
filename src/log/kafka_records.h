// Records of a real Kafka as record batches, and what an idempotent append leaves on each record.
//
// A batch that comes with a producer and a sequence is sent record by record; each carries the
// header `waybill-seq` (producer i64, sequence of the batch i32, index in the batch i32,
// big-endian). Reading takes it off again and makes batches that start where the sent ones did.
// Offsets stay as they are: a batch may have gaps.
// Threads: one at a time.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "log/kafka_client.h"
#include "log/record_batch.h"

namespace eventlog {

inline constexpr const char* kSequenceHeader = "waybill-seq";

struct RecordSequence {
  std::int64_t producer = -1;
  std::int32_t base = -1;         // of the batch
  std::int32_t index = -1;        // in the batch
  std::int32_t sequence() const;  // wraps as Kafka's do
};

void store_sequence(const RecordSequence& sequence, std::span<char, 16> into);
// What the record carries; nullopt when it was not sent by an idempotent append.
std::optional<RecordSequence> sequence_of(const rd_kafka_message_t& message);

// Gathers records of one partition, in the order of their offsets, into batches.
class BatchGatherer {
 public:
  void add(const rd_kafka_message_t& message);
  std::size_t bytes() const { return finished_bytes_ + builder_.bytes(); }
  std::vector<std::vector<std::byte>> take();

 private:
  void finish_batch();

  BatchBuilder builder_;
  Offset base_offset_ = 0;
  RecordSequence last_;
  std::vector<HeaderView> headers_;
  std::vector<std::vector<std::byte>> finished_;
  std::size_t finished_bytes_ = 0;
};

}  // namespace eventlog
