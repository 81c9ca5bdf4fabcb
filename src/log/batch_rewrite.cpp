#include "log/batch_rewrite.h"

#include <algorithm>
#include <limits>

#include "base/block_compress.h"
#include "base/crc32c.h"
#include "log/big_endian.h"

namespace eventlog {
namespace {

// A record's bytes behind its timestamp delta, and what stands in front of them.
struct RawRecord {
  std::byte attributes{};
  std::int64_t timestamp_delta = 0;
  std::span<const std::byte> rest = {};
};

std::optional<RawRecord> next_raw(std::span<const std::byte>& records) {
  internal::RecordCursor cursor(records);
  std::int64_t length = 0;
  if (!cursor.varint(length) || length < 1 || static_cast<std::size_t>(length) > cursor.left()) {
    return std::nullopt;
  }
  const auto body =
      records.subspan(records.size() - cursor.left(), static_cast<std::size_t>(length));
  RawRecord record{.attributes = body.front()};
  internal::RecordCursor inner(body.subspan(1));
  if (!inner.varint(record.timestamp_delta)) return std::nullopt;
  record.rest = body.subspan(body.size() - inner.left());
  records = records.subspan(records.size() - cursor.left() + body.size());
  return record;
}

void append(const RawRecord& record, std::int64_t timestamp_delta, std::vector<std::byte>& to) {
  std::vector<std::byte> delta;
  internal::append_varint(delta, timestamp_delta);
  internal::append_varint(to, static_cast<std::int64_t>(1 + delta.size() + record.rest.size()));
  to.push_back(record.attributes);
  to.insert(to.end(), delta.begin(), delta.end());
  to.insert(to.end(), record.rest.begin(), record.rest.end());
}

}  // namespace

std::vector<std::byte> emptied_batch(std::span<const std::byte> batch) {
  std::vector<std::byte> out(batch.begin(), batch.begin() + kBatchHeaderSize);
  std::byte* const at = out.data();
  store_big<std::int32_t>(at + 8, static_cast<std::int32_t>(out.size() - 12));
  store_big<std::int16_t>(at + 21, 0);
  store_big<std::int32_t>(at + 57, 0);
  store_big<std::uint32_t>(at + 17, base::crc32c(std::span(out).subspan(21)));
  return out;
}

std::optional<std::int64_t> delete_horizon_ms(const BatchHeader& header) {
  if ((header.attributes & kDeleteHorizonBit) == 0) return std::nullopt;
  return header.base_timestamp_ms;
}

base::Result<std::vector<std::byte>> rewrite_batch(std::span<const std::byte> batch,
                                                   const OpenBatch& opened,
                                                   const std::vector<bool>& keep,
                                                   std::optional<std::int64_t> horizon_ms) {
  const BatchHeader& header = opened.header();
  const std::int64_t base_ms = horizon_ms.value_or(header.base_timestamp_ms);
  const std::int64_t shift_ms = header.base_timestamp_ms - base_ms;
  std::vector<std::byte> records;
  std::int64_t max_timestamp_ms = std::numeric_limits<std::int64_t>::min();
  std::int32_t count = 0;
  auto left = opened.records();
  for (const bool kept : keep) {
    const auto record = next_raw(left);
    if (!record) return internal::broken_record(header, count);
    if (!kept) continue;
    append(*record, record->timestamp_delta + shift_ms, records);
    max_timestamp_ms =
        std::max(max_timestamp_ms, header.base_timestamp_ms + record->timestamp_delta);
    ++count;
  }
  if ((header.attributes & kAppendTimeBit) != 0) max_timestamp_ms = header.max_timestamp_ms;
  const std::string_view plain(reinterpret_cast<const char*>(records.data()), records.size());
  const std::string packed =
      TRY(base::compress_block(static_cast<base::BlockCodec>(header.codec()), plain));
  const auto body = std::as_bytes(std::span(packed));
  std::vector<std::byte> out(batch.begin(), batch.begin() + kBatchHeaderSize);
  out.insert(out.end(), body.begin(), body.end());
  std::byte* const at = out.data();
  const int attributes = header.attributes | (horizon_ms ? kDeleteHorizonBit : 0);
  store_big<std::int32_t>(at + 8, static_cast<std::int32_t>(out.size() - 12));
  store_big<std::int16_t>(at + 21, static_cast<std::int16_t>(attributes));
  store_big<std::int64_t>(at + 27, base_ms);
  store_big<std::int64_t>(at + 35, max_timestamp_ms);
  store_big<std::int32_t>(at + 57, count);
  store_big<std::uint32_t>(at + 17, base::crc32c(std::span(out).subspan(21)));
  return out;
}

}  // namespace eventlog
