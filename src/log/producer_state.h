// What a partition remembers of idempotent producers: the last five batches of each.
//
// The rules are Kafka's (ProducerStateManager): a batch that is among the last five is a duplicate;
// otherwise its sequence follows the last one, wrapping from 2^31-1 to 0; a newer epoch starts at
// 0; an older epoch is refused. The first batch of an unknown producer may have any sequence.
// Threads: none of its own; the partition guards it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

#include "log/event_log.h"
#include "log/record_batch.h"

namespace eventlog {

inline constexpr std::size_t kProducerBatches = 5;
inline constexpr std::int64_t kProducerAgeMaxUs = 7 * base::kUsPerDay;
inline constexpr std::size_t kProducersMax = 10'000;  // per partition; the longest unused go first

struct ProducerBatch {
  std::int32_t base_sequence = 0;
  std::int32_t last_sequence = 0;
  Offset base_offset = 0;
  Offset last_offset = 0;
};

struct Producer {
  std::int16_t epoch = 0;
  base::TimestampUs last_us = 0;
  std::vector<ProducerBatch> batches = {};  // oldest first, at most kProducerBatches

  // nullopt: it goes in. A value: it was there already. kInvalid: it must not.
  base::Result<std::optional<AppendResult>> check(const BatchHeader& header) const;
  void record(const BatchHeader& header, base::TimestampUs now_us);
};

using Producers = std::unordered_map<std::int64_t, Producer>;

// Forgets the producers that are too old or too many.
void expire(Producers& producers, base::TimestampUs now_us);

nlohmann::json to_json(const Producers& producers);
Producers producers_from_json(const nlohmann::json& json);

}  // namespace eventlog
