// What a partition remembers of idempotent and transactional producers: epoch, the last five
// batches, the open transaction.
//
// The rules are Kafka's (ProducerStateManager, KIP-360): a batch that is among the last five is a
// duplicate; otherwise its sequence follows the last one, wrapping from 2^31-1 to 0; a newer epoch
// starts at 0; an older epoch is refused. The first batch of an unknown producer may have any
// sequence. A transaction begins with a producer's first transactional batch and ends with its
// control batch.
// Threads: none of its own; the partition guards it.
#pragma once

#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

#include "log/embedded_log.h"
#include "log/record_batch.h"

namespace eventlog {

inline constexpr std::size_t kProducerBatches = 5;
inline constexpr std::int64_t kProducerAgeMaxUs = 7 * base::kUsPerDay;
inline constexpr std::size_t kProducersMax = 10'000;  // per partition; the longest unused go first
inline constexpr Offset kNoOffset = -1;

struct ProducerBatch {
  std::int32_t base_sequence = 0;
  std::int32_t last_sequence = 0;
  Offset base_offset = 0;
  Offset last_offset = 0;
};

// Why a batch was not taken.
struct Refused {
  Refusal refusal = Refusal::kNone;
  base::Error error = {};
};

struct Producer {
  std::int16_t epoch = -1;
  bool starts_at_zero = false;  // a newer epoch has begun without a batch yet
  base::TimestampUs last_us = 0;
  Offset transaction_from = kNoOffset;      // the first offset of the open transaction
  std::vector<ProducerBatch> batches = {};  // of this epoch; oldest first, at most kProducerBatches

  // nullopt: it goes in. A value: it was there already.
  std::expected<std::optional<AppendResult>, Refused> check(const BatchHeader& header) const;
  // Fences older epochs; an error when this one is fenced.
  std::expected<void, Refused> raise_epoch(std::int64_t producer_id, std::int16_t to);
  // A batch, or a control batch, which ends the transaction. The first offset of the transaction
  // that it ends, or kNoOffset.
  Offset record(const BatchHeader& header, base::TimestampUs now_us);
};

using Producers = std::unordered_map<std::int64_t, Producer>;

// Forgets the producers that are too old or too many, but none with an open transaction.
void expire(Producers& producers, base::TimestampUs now_us);

nlohmann::json to_json(const Producers& producers);
// Throws nlohmann's exceptions for another shape.
Producers producers_from_json(const nlohmann::json& json);

}  // namespace eventlog
