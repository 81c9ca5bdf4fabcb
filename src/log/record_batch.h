// Kafka's record batch v2: the 61-byte header and varint-coded records.
// Source: Apache Kafka, "Message format", RecordBatch (magic 2).
//
//   base_offset i64 @0 | length i32 @8 (from byte 12) | leader_epoch i32 @12 | magic i8 @16 |
//   crc u32 @17 (CRC32C of byte 21 to the end) | attributes i16 @21 | last_offset_delta i32 @23 |
//   base_timestamp_ms i64 @27 | max_timestamp_ms i64 @35 | producer_id i64 @43 |
//   producer_epoch i16 @51 | base_sequence i32 @53 | record_count i32 @57 | records @61
// All big-endian. Pure: bytes in, values out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eventlog {

inline constexpr std::size_t kBatchHeaderSize = 61;
inline constexpr std::size_t kBatchSizeMax = 64UL << 20;
inline constexpr std::size_t kInflatedSizeMax = 256UL << 20;
inline constexpr std::int16_t kCodecMask = 0x07;
inline constexpr std::int16_t kAppendTimeBit = 0x08;
inline constexpr std::int16_t kTransactionalBit = 0x10;
inline constexpr std::int16_t kControlBit = 0x20;

struct BatchHeader {
  std::int64_t base_offset = 0;
  std::int32_t length = 0;
  std::int32_t leader_epoch = -1;
  std::int8_t magic = 2;
  std::uint32_t crc = 0;
  std::int16_t attributes = 0;  // bits 0-2 codec, 3 log append time, 4 transactional, 5 control
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp_ms = 0;
  std::int64_t max_timestamp_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;

  std::size_t size() const { return static_cast<std::size_t>(length) + 12; }
  std::int64_t last_offset() const { return base_offset + last_offset_delta; }
  int codec() const { return attributes & kCodecMask; }
  bool is_transactional() const { return (attributes & kTransactionalBit) != 0; }
  bool is_control() const { return (attributes & kControlBit) != 0; }
};

struct HeaderView {
  std::string_view key;
  std::string_view value;
};

struct RecordView {
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::optional<std::string_view> key;
  std::string_view value;
  bool null_value = false;  // a tombstone; `value` is empty
  std::vector<HeaderView> headers;
};

// The header at the front of `data`; kCorrupt when it is cut short or impossible. No CRC check.
base::Result<BatchHeader> read_header(std::span<const std::byte> data);
// Header, length, record count and CRC of exactly one batch.
base::Result<BatchHeader> check_batch(std::span<const std::byte> batch);
// Whether the records are what header and codec say, each with the next offset delta; what a batch
// from outside is asked before it is stored. `keyless` becomes whether a record has no key.
base::Result<> check_records(std::span<const std::byte> batch, bool& keyless);

// A batch with its records laid open: in place, or inflated (at most kInflatedSizeMax bytes) into
// memory of its own. Views into it hold for as long as the object, and the batch, are there.
class OpenBatch {
 public:
  const BatchHeader& header() const { return header_; }
  std::span<const std::byte> records() const {
    return inflated_ ? std::as_bytes(std::span(*inflated_)) : records_;
  }

 private:
  friend base::Result<OpenBatch> open_batch(std::span<const std::byte> batch);
  BatchHeader header_;
  std::span<const std::byte> records_;
  std::unique_ptr<std::string> inflated_;
};
// kCorrupt for a batch whose codec or lengths do not hold, kUnsupported for an unknown codec.
base::Result<OpenBatch> open_batch(std::span<const std::byte> batch);

// Calls `each` for every record, compressed or not. The RecordView is reused between calls; its
// views hold until the call returns, or for as long as the OpenBatch.
template <class F>
base::Result<> for_each_record(const OpenBatch& batch, F&& each);
template <class F>
base::Result<> for_each_record(std::span<const std::byte> batch, F&& each);

// Builds one batch. Keys and values are copied at add().
class BatchBuilder {
 public:
  BatchBuilder() = default;
  void add(std::optional<std::string_view> key, std::string_view value, std::int64_t timestamp_ms,
           std::span<const HeaderView> headers = {});
  // A record without a value: in a compacted topic it deletes the key.
  void add_tombstone(std::string_view key, std::int64_t timestamp_ms);
  void set_producer(std::int64_t id, std::int16_t epoch, std::int32_t base_sequence);
  void set_transactional() { attributes_ |= kTransactionalBit; }
  void set_control() { attributes_ |= kControlBit | kTransactionalBit; }
  // The next record gets this offset delta, not the one behind the last: a batch with gaps, for
  // readers only.
  void skip_to(std::int32_t offset_delta) { next_delta_ = std::max(next_delta_, offset_delta); }
  int records() const { return count_; }
  std::size_t bytes() const { return kBatchHeaderSize + records_.size(); }
  // The finished batch, CRC set; the builder is empty again.
  std::vector<std::byte> finish();

 private:
  void add_record(std::optional<std::string_view> key, std::optional<std::string_view> value,
                  std::int64_t timestamp_ms, std::span<const HeaderView> headers);

  std::vector<std::byte> records_;
  int count_ = 0;
  std::int32_t next_delta_ = 0;
  std::int64_t base_timestamp_ms_ = 0;
  std::int64_t max_timestamp_ms_ = 0;
  std::int64_t producer_id_ = -1;
  std::int16_t producer_epoch_ = -1;
  std::int32_t base_sequence_ = -1;
  std::int16_t attributes_ = 0;
};

// The control batch that ends a producer's transaction (KIP-98).
std::vector<std::byte> end_marker(std::int64_t producer_id, std::int16_t epoch, bool commit,
                                  std::int64_t timestamp_ms);
// Whether a control batch says commit; kCorrupt when it is neither commit nor abort.
base::Result<bool> marker_commits(std::span<const std::byte> batch);

// Stamps the batch with the log's time and computes its CRC anew.
void set_append_time(std::span<std::byte> batch, std::int64_t time_ms);

// Sets base offset and leader epoch in place; neither is under the CRC.
void set_base_offset(std::span<std::byte> batch, std::int64_t base_offset);

// Kafka's default partitioner for keys: positive murmur2 modulo the partition count.
std::int32_t partition_of_key(std::string_view key, int partitions);

}  // namespace eventlog

#include "log/record_batch_inl.h"
