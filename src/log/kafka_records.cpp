#include "log/kafka_records.h"

#include <limits>

#include "log/big_endian.h"

namespace eventlog {
namespace {

constexpr std::size_t kBatchBytes = 1UL << 20;
constexpr Offset kDeltaMax = std::numeric_limits<std::int32_t>::max() - 1;

std::string_view text_of(const void* data, std::size_t size) {
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

}  // namespace

std::int32_t RecordSequence::sequence() const {
  constexpr std::int64_t kRound = std::int64_t{1} << 31;
  return static_cast<std::int32_t>((std::int64_t{base} + index) % kRound);
}

void store_sequence(const RecordSequence& sequence, std::span<char, 16> into) {
  auto* at = reinterpret_cast<std::byte*>(into.data());
  store_big<std::int64_t>(at, sequence.producer);
  store_big<std::int32_t>(at + 8, sequence.base);
  store_big<std::int32_t>(at + 12, sequence.index);
}

std::optional<RecordSequence> sequence_of(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return std::nullopt;
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_header_get_last(headers, kSequenceHeader, &value, &size) !=
          RD_KAFKA_RESP_ERR_NO_ERROR ||
      size != 16)
    return std::nullopt;
  const auto* at = static_cast<const std::byte*>(value);
  const RecordSequence found{.producer = load_big<std::int64_t>(at),
                             .base = load_big<std::int32_t>(at + 8),
                             .index = load_big<std::int32_t>(at + 12)};
  if (found.producer < 0 || found.base < 0 || found.index < 0) return std::nullopt;
  return found;
}

void BatchGatherer::add(const rd_kafka_message_t& message) {
  headers_.clear();
  RecordSequence own;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    own = sequence_of(message).value_or(RecordSequence{});
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      if (std::string_view(name) == kSequenceHeader) continue;
      headers_.push_back({name, text_of(value, size)});
    }
  }
  const bool goes_on = own.producer == last_.producer && own.base == last_.base &&
                       (own.producer < 0 || own.index == last_.index + 1);
  if (builder_.records() > 0 &&
      (!goes_on || builder_.bytes() > kBatchBytes || message.offset - base_offset_ > kDeltaMax))
    finish_batch();
  if (builder_.records() == 0) {
    base_offset_ = message.offset;
    if (own.producer >= 0) builder_.set_producer(own.producer, 0, own.sequence());
  }
  last_ = own;
  builder_.skip_to(static_cast<std::int32_t>(message.offset - base_offset_));
  std::optional<std::string_view> key;
  if (message.key != nullptr) key = text_of(message.key, message.key_len);
  rd_kafka_timestamp_type_t type{};
  const std::int64_t time_ms = rd_kafka_message_timestamp(&message, &type);
  builder_.add(key, text_of(message.payload, message.len), time_ms < 0 ? 0 : time_ms, headers_);
}

void BatchGatherer::finish_batch() {
  finished_.push_back(builder_.finish());
  set_base_offset(finished_.back(), base_offset_);
  finished_bytes_ += finished_.back().size();
}

std::vector<std::vector<std::byte>> BatchGatherer::take() {
  if (builder_.records() > 0) finish_batch();
  finished_bytes_ = 0;
  last_ = {};
  return std::exchange(finished_, {});
}

}  // namespace eventlog
