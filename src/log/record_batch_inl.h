// The template part of record_batch.h.
#pragma once

#include <type_traits>
#include <utility>

namespace eventlog {
namespace internal {

// Walks over the bytes of records; every step checks the bound and fails for ever once it failed.
class RecordCursor {
 public:
  explicit RecordCursor(std::span<const std::byte> data)
      : at_(reinterpret_cast<const char*>(data.data())), end_(at_ + data.size()) {}

  bool done() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  bool skip(std::size_t bytes) {
    if (left() < bytes) return false;
    at_ += bytes;
    return true;
  }

  bool varint(std::int64_t& value) {
    if (at_ == end_) return false;
    auto byte = static_cast<unsigned char>(*at_++);
    std::uint64_t raw = byte & 0x7fU;
    for (unsigned shift = 7; (byte & 0x80U) != 0; shift += 7) {
      if (at_ == end_ || shift > 63) return false;
      byte = static_cast<unsigned char>(*at_++);
      raw |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    }
    value = static_cast<std::int64_t>(raw >> 1U) ^ -static_cast<std::int64_t>(raw & 1U);
    return true;
  }

  // A length and that many bytes; a length of -1 is null.
  bool bytes(std::string_view& value, bool& null) {
    std::int64_t length = 0;
    if (!varint(length) || length < -1) return false;
    null = length < 0;
    const auto size = null ? 0 : static_cast<std::size_t>(length);
    if (left() < size) return false;
    value = std::string_view(at_, size);
    at_ += size;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

void append_varint(std::vector<std::byte>& to, std::int64_t value);
// The next record into `record`, which keeps its headers' capacity. False for broken bytes.
bool next_record(RecordCursor& cursor, const BatchHeader& header, RecordView& record);
std::unexpected<base::Error> broken_record(const BatchHeader& header, std::int32_t index);

}  // namespace internal

template <class F>
base::Result<> for_each_record(std::span<const std::byte> batch, F&& each) {
  const OpenBatch opened = TRY(open_batch(batch));
  return for_each_record(opened, std::forward<F>(each));
}

template <class F>
base::Result<> for_each_record(const OpenBatch& batch, F&& each) {
  const BatchHeader& header = batch.header();
  internal::RecordCursor cursor(batch.records());
  RecordView record;
  for (std::int32_t i = 0; i < header.record_count; ++i) {
    if (!internal::next_record(cursor, header, record)) return internal::broken_record(header, i);
    if constexpr (std::is_same_v<std::invoke_result_t<F&, const RecordView&>, base::Result<>>) {
      TRY(each(record));
    } else {
      each(record);
    }
  }
  if (!cursor.done()) return internal::broken_record(header, header.record_count);
  return {};
}

}  // namespace eventlog
