#include "log/record_batch.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/block_compress.h"
#include "base/bug.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "log/big_endian.h"

namespace eventlog {
namespace {

constexpr std::size_t kCrcFrom = 21;
// Length, attributes, timestamp delta, offset delta, key length, value length, header count.
constexpr std::size_t kRecordSizeMin = 7;
constexpr std::int32_t kLengthMin = static_cast<std::int32_t>(kBatchHeaderSize) - 12;
constexpr std::int32_t kLengthMax = static_cast<std::int32_t>(kBatchSizeMax) - 12;

using internal::append_varint;

std::size_t varint_size(std::int64_t value) {
  const auto raw =
      (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
  return (static_cast<std::size_t>(std::bit_width(raw | 1U)) + 6) / 7;
}

void append_text(std::vector<std::byte>& to, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// Null is the length -1.
std::size_t sized(std::optional<std::string_view> text) {
  return text ? varint_size(static_cast<std::int64_t>(text->size())) + text->size()
              : varint_size(-1);
}

void append_sized(std::vector<std::byte>& to, std::optional<std::string_view> text) {
  append_varint(to, text ? static_cast<std::int64_t>(text->size()) : -1);
  if (text) append_text(to, *text);
}

}  // namespace

base::Result<BatchHeader> read_header(std::span<const std::byte> data) {
  if (data.size() < kBatchHeaderSize) {
    return base::fail(base::Code::kCorrupt,
                      "record batch is cut short: {} bytes, its header alone has {}", data.size(),
                      kBatchHeaderSize);
  }
  const std::byte* const at = data.data();
  BatchHeader header{.base_offset = load_big<std::int64_t>(at),
                     .length = load_big<std::int32_t>(at + 8),
                     .leader_epoch = load_big<std::int32_t>(at + 12),
                     .magic = load_big<std::int8_t>(at + 16),
                     .crc = load_big<std::uint32_t>(at + 17),
                     .attributes = load_big<std::int16_t>(at + 21),
                     .last_offset_delta = load_big<std::int32_t>(at + 23),
                     .base_timestamp_ms = load_big<std::int64_t>(at + 27),
                     .max_timestamp_ms = load_big<std::int64_t>(at + 35),
                     .producer_id = load_big<std::int64_t>(at + 43),
                     .producer_epoch = load_big<std::int16_t>(at + 51),
                     .base_sequence = load_big<std::int32_t>(at + 53),
                     .record_count = load_big<std::int32_t>(at + 57)};
  if (header.magic != 2) {
    return base::fail(base::Code::kCorrupt, "record batch has magic {}; only 2 is known",
                      header.magic);
  }
  if (header.length < kLengthMin || header.length > kLengthMax) {
    return base::fail(base::Code::kCorrupt, "record batch has the impossible length {}",
                      header.length);
  }
  if (header.base_offset < 0 || header.last_offset_delta < 0 || header.record_count < 0 ||
      header.base_offset > std::numeric_limits<std::int64_t>::max() - header.last_offset_delta) {
    return base::fail(base::Code::kCorrupt,
                      "record batch has impossible offsets: base {}, delta {}, {} records",
                      header.base_offset, header.last_offset_delta, header.record_count);
  }
  return header;
}

base::Result<BatchHeader> check_batch(std::span<const std::byte> batch) {
  const BatchHeader header = TRY(read_header(batch));
  if (header.size() != batch.size()) {
    return base::fail(base::Code::kCorrupt, "record batch says {} bytes, {} are here",
                      header.size(), batch.size());
  }
  const std::uint32_t crc = base::crc32c(batch.subspan(kCrcFrom));
  if (crc != header.crc && !base::bug("skipped_crc")) {
    return base::fail(base::Code::kCorrupt,
                      "record batch fails its checksum: {:08x} stored, {:08x} computed", header.crc,
                      crc);
  }
  // Compaction takes records out; the deltas of those that stay do not change.
  if (header.record_count > header.last_offset_delta + 1) {
    return base::fail(
        base::Code::kCorrupt,
        "record batch does not hold what its header says: {} records, last offset delta {}",
        header.record_count, header.last_offset_delta);
  }
  return header;
}

namespace internal {

void append_varint(std::vector<std::byte>& to, std::int64_t value) {
  auto raw = (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
  while (raw >= 0x80U) {
    to.push_back(static_cast<std::byte>(raw | 0x80U));
    raw >>= 7U;
  }
  to.push_back(static_cast<std::byte>(raw));
}

bool next_record(RecordCursor& cursor, const BatchHeader& header, RecordView& record) {
  std::int64_t length = 0;
  if (!cursor.varint(length) || length < 0 || cursor.left() < static_cast<std::size_t>(length)) {
    return false;
  }
  const std::size_t left_after = cursor.left() - static_cast<std::size_t>(length);
  std::int64_t timestamp_delta = 0;
  std::int64_t offset_delta = 0;
  if (!cursor.skip(1) || !cursor.varint(timestamp_delta) || !cursor.varint(offset_delta))
    return false;
  if (offset_delta < 0 || offset_delta > header.last_offset_delta) return false;
  record.offset = header.base_offset + offset_delta;
  const bool append_time = (header.attributes & kAppendTimeBit) != 0;
  // Unsigned, because a hostile delta may wrap.
  record.timestamp_ms =
      append_time ? header.max_timestamp_ms
                  : static_cast<std::int64_t>(static_cast<std::uint64_t>(header.base_timestamp_ms) +
                                              static_cast<std::uint64_t>(timestamp_delta));
  bool null = false;
  std::string_view key;
  if (!cursor.bytes(key, null)) return false;
  record.key = null ? std::nullopt : std::optional(key);
  std::int64_t headers = 0;
  if (!cursor.bytes(record.value, record.null_value) || !cursor.varint(headers)) return false;
  if (headers < 0 || static_cast<std::size_t>(headers) > cursor.left()) return false;
  record.headers.clear();
  for (std::int64_t i = 0; i < headers; ++i) {
    HeaderView& view = record.headers.emplace_back();
    if (!cursor.bytes(view.key, null) || null || !cursor.bytes(view.value, null)) return false;
  }
  return cursor.left() == left_after;
}

std::unexpected<base::Error> broken_record(const BatchHeader& header, std::int32_t index) {
  return base::fail(base::Code::kCorrupt,
                    "record {} of {} in the batch at offset {} cannot be read", index,
                    header.record_count, header.base_offset);
}

}  // namespace internal

base::Result<OpenBatch> open_batch(std::span<const std::byte> batch) {
  OpenBatch opened;
  opened.header_ = TRY(read_header(batch));
  const BatchHeader& header = opened.header_;
  if (header.size() > batch.size()) {
    return base::fail(base::Code::kCorrupt, "record batch says {} bytes, {} are here",
                      header.size(), batch.size());
  }
  opened.records_ = batch.subspan(kBatchHeaderSize, header.size() - kBatchHeaderSize);
  if (const int codec = header.codec(); codec != 0) {
    if (codec > static_cast<int>(base::BlockCodec::kZstd)) {
      return base::fail_with(base::Code::kUnsupported,
                             fmt::format("record batch at offset {} has the unknown codec {}",
                                         header.base_offset, codec),
                             "compress with gzip, snappy, lz4 or zstd");
    }
    opened.inflated_ = std::make_unique<std::string>();
    const std::string_view packed(reinterpret_cast<const char*>(opened.records_.data()),
                                  opened.records_.size());
    auto inflated = base::decompress_block(static_cast<base::BlockCodec>(codec), packed,
                                           kInflatedSizeMax, *opened.inflated_);
    if (!inflated) {
      return base::fail(base::Code::kCorrupt, "record batch at offset {} cannot be inflated: {}",
                        header.base_offset, inflated.error().message);
    }
  }
  const std::size_t count_max = opened.records().size() / kRecordSizeMin;
  if (static_cast<std::size_t>(header.record_count) > count_max) {
    return internal::broken_record(header, 0);
  }
  return opened;
}

base::Result<> check_records(std::span<const std::byte> batch, bool& keyless) {
  keyless = false;
  const OpenBatch opened = TRY(open_batch(batch));
  std::int64_t next = opened.header().base_offset;
  const auto checked = for_each_record(opened, [&](const RecordView& record) -> base::Result<> {
    keyless = keyless || !record.key;
    if (record.offset == next++) return {};
    return base::fail(base::Code::kCorrupt, "record {} of a batch has the offset delta {}",
                      next - 1 - opened.header().base_offset,
                      record.offset - opened.header().base_offset);
  });
  return checked;
}

void BatchBuilder::add(std::optional<std::string_view> key, std::string_view value,
                       std::int64_t timestamp_ms, std::span<const HeaderView> headers) {
  add_record(key, value, timestamp_ms, headers);
}

void BatchBuilder::add_tombstone(std::string_view key, std::int64_t timestamp_ms) {
  add_record(key, std::nullopt, timestamp_ms, {});
}

void BatchBuilder::add_record(std::optional<std::string_view> key,
                              std::optional<std::string_view> value, std::int64_t timestamp_ms,
                              std::span<const HeaderView> headers) {
  if (count_ == 0) {
    base_timestamp_ms_ = timestamp_ms;
    max_timestamp_ms_ = timestamp_ms;
  }
  max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
  const std::int64_t timestamp_delta = timestamp_ms - base_timestamp_ms_;
  const auto header_count = static_cast<std::int64_t>(headers.size());
  std::size_t length = 1 + varint_size(timestamp_delta) + varint_size(next_delta_) + sized(key) +
                       sized(value) + varint_size(header_count);
  for (const HeaderView& header : headers) length += sized(header.key) + sized(header.value);

  append_varint(records_, static_cast<std::int64_t>(length));
  records_.push_back(std::byte{0});  // attributes: none are defined
  append_varint(records_, timestamp_delta);
  append_varint(records_, next_delta_);
  append_sized(records_, key);
  append_sized(records_, value);
  append_varint(records_, header_count);
  for (const HeaderView& header : headers) {
    append_sized(records_, header.key);
    append_sized(records_, header.value);
  }
  ++count_;
  ++next_delta_;
}

void BatchBuilder::set_producer(std::int64_t id, std::int16_t epoch, std::int32_t base_sequence) {
  producer_id_ = id;
  producer_epoch_ = epoch;
  base_sequence_ = base_sequence;
}

std::vector<std::byte> BatchBuilder::finish() {
  CHECK(count_ > 0, "a batch needs at least one record");
  std::vector<std::byte> batch(kBatchHeaderSize);
  batch.reserve(bytes());
  batch.insert(batch.end(), records_.begin(), records_.end());
  std::byte* const at = batch.data();
  store_big<std::int32_t>(at + 8, static_cast<std::int32_t>(batch.size() - 12));
  store_big<std::int32_t>(at + 12, -1);
  store_big<std::int8_t>(at + 16, 2);
  store_big<std::int16_t>(at + 21, attributes_);
  store_big<std::int32_t>(at + 23, next_delta_ - 1);
  store_big<std::int64_t>(at + 27, base_timestamp_ms_);
  store_big<std::int64_t>(at + 35, max_timestamp_ms_);
  store_big<std::int64_t>(at + 43, producer_id_);
  store_big<std::int16_t>(at + 51, producer_epoch_);
  store_big<std::int32_t>(at + 53, base_sequence_);
  store_big<std::int32_t>(at + 57, count_);
  store_big<std::uint32_t>(at + 17, base::crc32c(std::span(batch).subspan(kCrcFrom)));
  records_.clear();
  count_ = 0;
  next_delta_ = 0;
  producer_id_ = -1;
  producer_epoch_ = -1;
  base_sequence_ = -1;
  attributes_ = 0;
  return batch;
}

std::vector<std::byte> end_marker(std::int64_t producer_id, std::int16_t epoch, bool commit,
                                  std::int64_t timestamp_ms) {
  // Key: version i16, type i16 (0 abort, 1 commit). Value: version i16, coordinator epoch i32.
  const std::string_view key("\0\0\0\1", 4);
  const std::string_view abort_key("\0\0\0\0", 4);
  BatchBuilder builder;
  builder.set_control();
  builder.set_producer(producer_id, epoch, -1);
  builder.add(commit ? key : abort_key, std::string_view("\0\0\0\0\0\0", 6), timestamp_ms);
  return builder.finish();
}

base::Result<bool> marker_commits(std::span<const std::byte> batch) {
  std::int16_t type = -1;
  TRY(for_each_record(batch, [&](const RecordView& record) {
    if (!record.key || record.key->size() < 4) return;
    type = load_big<std::int16_t>(reinterpret_cast<const std::byte*>(record.key->data()) + 2);
  }));
  if (type == 0 || type == 1) return type == 1;
  return base::fail(base::Code::kCorrupt, "control batch of the unknown type {}", type);
}

void set_append_time(std::span<std::byte> batch, std::int64_t time_ms) {
  std::byte* const at = batch.data();
  store_big<std::int16_t>(
      at + 21, static_cast<std::int16_t>(load_big<std::int16_t>(at + 21) | kAppendTimeBit));
  store_big<std::int64_t>(at + 35, time_ms);
  store_big<std::uint32_t>(at + 17, base::crc32c(batch.subspan(kCrcFrom)));
}

void set_base_offset(std::span<std::byte> batch, std::int64_t base_offset) {
  store_big<std::int64_t>(batch.data(), base_offset);
  store_big<std::int32_t>(batch.data() + 12, 0);
}

std::int32_t partition_of_key(std::string_view key, int partitions) {
  constexpr std::uint32_t kMultiplier = 0x5bd1e995;
  const auto* at = reinterpret_cast<const unsigned char*>(key.data());
  std::uint32_t hash = 0x9747b28cU ^ static_cast<std::uint32_t>(key.size());
  std::size_t left = key.size();
  for (; left >= 4; left -= 4, at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, 4);
    word *= kMultiplier;
    word ^= word >> 24U;
    word *= kMultiplier;
    hash = (hash * kMultiplier) ^ word;
  }
  if (left == 3) hash ^= static_cast<std::uint32_t>(at[2]) << 16U;
  if (left >= 2) hash ^= static_cast<std::uint32_t>(at[1]) << 8U;
  if (left >= 1) {
    hash ^= at[0];
    hash *= kMultiplier;
  }
  hash ^= hash >> 13U;
  hash *= kMultiplier;
  hash ^= hash >> 15U;
  return static_cast<std::int32_t>(hash & 0x7fffffffU) % partitions;
}

}  // namespace eventlog
