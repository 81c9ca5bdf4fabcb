#include "log/producer_state.h"

#include <algorithm>
#include <limits>

namespace eventlog {
namespace {

std::int32_t sequence_after(std::int32_t sequence, std::int32_t steps) {
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
  return sequence > kMax - steps ? steps - (kMax - sequence) - 1 : sequence + steps;
}

}  // namespace

base::Result<std::optional<AppendResult>> Producer::check(const BatchHeader& header) const {
  constexpr std::string_view kMend =
      "send the batches of a producer in order, each once it was answered";
  if (header.base_sequence < 0) {
    return base::fail(base::Code::kInvalid, "producer {} sent a batch without a sequence",
                      header.producer_id);
  }
  if (header.producer_epoch < epoch) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("producer {} has epoch {}, and epoch {} has already written",
                                       header.producer_id, header.producer_epoch, epoch),
                           "stop the older instance of the producer");
  }
  if (header.producer_epoch > epoch) {
    if (header.base_sequence == 0) return std::optional<AppendResult>{};
    return base::fail_with(
        base::Code::kInvalid,
        fmt::format("producer {} begins epoch {} with sequence {} instead of 0", header.producer_id,
                    header.producer_epoch, header.base_sequence),
        std::string(kMend));
  }
  const std::int32_t last = sequence_after(header.base_sequence, header.last_offset_delta);
  for (const ProducerBatch& batch : batches) {
    if (batch.base_sequence == header.base_sequence && batch.last_sequence == last) {
      return std::optional(AppendResult{batch.base_offset, batch.last_offset, true});
    }
  }
  const std::int32_t expected = sequence_after(batches.back().last_sequence, 1);
  if (header.base_sequence == expected) return std::optional<AppendResult>{};
  return base::fail_with(base::Code::kInvalid,
                         fmt::format("producer {} is out of order: sequence {} came, {} is next",
                                     header.producer_id, header.base_sequence, expected),
                         std::string(kMend));
}

void Producer::record(const BatchHeader& header, base::TimestampUs now_us) {
  if (header.producer_epoch != epoch) batches.clear();
  epoch = header.producer_epoch;
  last_us = now_us;
  if (batches.size() == kProducerBatches) batches.erase(batches.begin());
  batches.push_back({header.base_sequence,
                     sequence_after(header.base_sequence, header.last_offset_delta),
                     header.base_offset, header.last_offset()});
}

void expire(Producers& producers, base::TimestampUs now_us) {
  std::erase_if(producers, [now_us](const auto& entry) {
    return entry.second.last_us < now_us - kProducerAgeMaxUs;
  });
  if (producers.size() <= kProducersMax) return;
  std::vector<base::TimestampUs> ages;
  ages.reserve(producers.size());
  for (const auto& [id, producer] : producers) ages.push_back(producer.last_us);
  const auto cut = ages.begin() + static_cast<std::ptrdiff_t>(producers.size() - kProducersMax);
  std::nth_element(ages.begin(), cut, ages.end());
  std::erase_if(producers, [oldest_kept = *cut](const auto& entry) {
    return entry.second.last_us < oldest_kept;
  });
}

nlohmann::json to_json(const Producers& producers) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [id, producer] : producers) {
    nlohmann::json batches = nlohmann::json::array();
    for (const ProducerBatch& batch : producer.batches) {
      batches.push_back(
          {batch.base_sequence, batch.last_sequence, batch.base_offset, batch.last_offset});
    }
    list.push_back({id, producer.epoch, producer.last_us, std::move(batches)});
  }
  return list;
}

Producers producers_from_json(const nlohmann::json& json) {
  Producers producers;
  for (const nlohmann::json& entry : json) {
    Producer producer{.epoch = entry.at(1).get<std::int16_t>(),
                      .last_us = entry.at(2).get<std::int64_t>()};
    for (const nlohmann::json& batch : entry.at(3)) {
      producer.batches.push_back({batch.at(0).get<std::int32_t>(), batch.at(1).get<std::int32_t>(),
                                  batch.at(2).get<Offset>(), batch.at(3).get<Offset>()});
    }
    if (!producer.batches.empty())
      producers.emplace(entry.at(0).get<std::int64_t>(), std::move(producer));
  }
  return producers;
}

}  // namespace eventlog
