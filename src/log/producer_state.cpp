#include "log/producer_state.h"

#include <algorithm>
#include <limits>

#include "base/bug.h"

namespace eventlog {
namespace {

constexpr std::string_view kInOrder =
    "send the batches of a producer in order, each once it was answered";

std::int32_t sequence_after(std::int32_t sequence, std::int32_t steps) {
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
  return sequence > kMax - steps ? steps - (kMax - sequence) - 1 : sequence + steps;
}

std::unexpected<Refused> refuse(Refusal refusal, std::string message, std::string_view mend) {
  return std::unexpected(Refused{
      .refusal = refusal,
      .error = {
          .code = base::Code::kInvalid, .message = std::move(message), .mend = std::string(mend)}});
}

std::unexpected<Refused> fenced(std::int64_t id, std::int16_t came, std::int16_t epoch) {
  return refuse(
      Refusal::kFencedEpoch,
      fmt::format("producer {} has epoch {}, and epoch {} has already written", id, came, epoch),
      "stop the older instance of the producer");
}

}  // namespace

std::expected<std::optional<AppendResult>, Refused> Producer::check(
    const BatchHeader& header) const {
  if (header.base_sequence < 0) {
    return refuse(Refusal::kInvalidRecord,
                  fmt::format("producer {} sent a batch without a sequence", header.producer_id),
                  "number the batches from 0 on");
  }
  if (header.producer_epoch < epoch) {
    if (base::bug("forgotten_epoch")) return std::optional<AppendResult>{};
    return fenced(header.producer_id, header.producer_epoch, epoch);
  }
  const bool new_epoch = header.producer_epoch > epoch && epoch >= 0;
  if (new_epoch || (batches.empty() && starts_at_zero)) {
    if (header.base_sequence == 0) return std::optional<AppendResult>{};
    return refuse(Refusal::kOutOfOrderSequence,
                  fmt::format("producer {} begins epoch {} with sequence {} instead of 0",
                              header.producer_id, header.producer_epoch, header.base_sequence),
                  kInOrder);
  }
  if (batches.empty()) return std::optional<AppendResult>{};
  const std::int32_t last = sequence_after(header.base_sequence, header.last_offset_delta);
  for (const ProducerBatch& batch : batches) {
    if (batch.base_sequence == header.base_sequence && batch.last_sequence == last) {
      return std::optional(AppendResult{
          .base_offset = batch.base_offset, .last_offset = batch.last_offset, .duplicate = true});
    }
  }
  const std::int32_t expected = sequence_after(batches.back().last_sequence, 1);
  if (header.base_sequence == expected || base::bug("reorder")) {
    return std::optional<AppendResult>{};
  }
  return refuse(Refusal::kOutOfOrderSequence,
                fmt::format("producer {} is out of order: sequence {} came, {} is next",
                            header.producer_id, header.base_sequence, expected),
                kInOrder);
}

std::expected<void, Refused> Producer::raise_epoch(std::int64_t producer_id, std::int16_t to) {
  if (to < epoch) return fenced(producer_id, to, epoch);
  if (to > epoch) {
    starts_at_zero = epoch >= 0;
    batches.clear();
  }
  epoch = to;
  return {};
}

Offset Producer::record(const BatchHeader& header, base::TimestampUs now_us) {
  last_us = now_us;
  if (base::bug("forgotten_epoch") && header.producer_epoch < epoch) return kNoOffset;
  static_cast<void>(raise_epoch(header.producer_id, std::max(epoch, header.producer_epoch)));
  if (header.is_control()) return std::exchange(transaction_from, kNoOffset);
  if (header.is_transactional() && transaction_from == kNoOffset) {
    transaction_from = header.base_offset;
  }
  starts_at_zero = false;
  if (batches.size() == kProducerBatches) batches.erase(batches.begin());
  batches.push_back({header.base_sequence,
                     sequence_after(header.base_sequence, header.last_offset_delta),
                     header.base_offset, header.last_offset()});
  return kNoOffset;
}

void expire(Producers& producers, base::TimestampUs now_us) {
  const auto forget_before = [&producers](base::TimestampUs time_us) {
    std::erase_if(producers, [time_us](const auto& entry) {
      return entry.second.last_us < time_us && entry.second.transaction_from == kNoOffset;
    });
  };
  forget_before(now_us - kProducerAgeMaxUs);
  if (producers.size() <= kProducersMax) return;
  std::vector<base::TimestampUs> ages;
  ages.reserve(producers.size());
  for (const auto& [id, producer] : producers) ages.push_back(producer.last_us);
  const auto cut = ages.begin() + static_cast<std::ptrdiff_t>(producers.size() - kProducersMax);
  std::nth_element(ages.begin(), cut, ages.end());
  forget_before(*cut);
}

nlohmann::json to_json(const Producers& producers) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [id, producer] : producers) {
    nlohmann::json batches = nlohmann::json::array();
    for (const ProducerBatch& batch : producer.batches) {
      batches.push_back(
          {batch.base_sequence, batch.last_sequence, batch.base_offset, batch.last_offset});
    }
    list.push_back({id, producer.epoch, producer.last_us, std::move(batches),
                    producer.transaction_from, producer.starts_at_zero});
  }
  return list;
}

Producers producers_from_json(const nlohmann::json& json) {
  Producers producers;
  for (const nlohmann::json& entry : json) {
    Producer producer{.epoch = entry.at(1).get<std::int16_t>(),
                      .starts_at_zero = entry.at(5).get<bool>(),
                      .last_us = entry.at(2).get<std::int64_t>(),
                      .transaction_from = entry.at(4).get<Offset>()};
    for (const nlohmann::json& batch : entry.at(3)) {
      producer.batches.push_back({batch.at(0).get<std::int32_t>(), batch.at(1).get<std::int32_t>(),
                                  batch.at(2).get<Offset>(), batch.at(3).get<Offset>()});
    }
    producers.emplace(entry.at(0).get<std::int64_t>(), std::move(producer));
  }
  return producers;
}

}  // namespace eventlog
