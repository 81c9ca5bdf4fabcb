// Batches with records taken out, as compaction leaves them.
//
// Pure. What stays of a batch keeps its offsets, producer, sequence, codec and the bytes of its
// records.
#pragma once

#include <optional>
#include <vector>

#include "log/record_batch.h"

namespace eventlog {

// When a batch has this bit its base timestamp is the time from which its tombstones, or the
// control batch itself, may be taken out (KIP-534).
inline constexpr std::int16_t kDeleteHorizonBit = 0x40;

std::optional<std::int64_t> delete_horizon_ms(const BatchHeader& header);

// The records whose place in `keep` is true (as many as the batch has, at least one of them true),
// and, where it is given, the time from which tombstones go.
base::Result<std::vector<std::byte>> rewrite_batch(std::span<const std::byte> batch,
                                                   const OpenBatch& opened,
                                                   const std::vector<bool>& keep,
                                                   std::optional<std::int64_t> horizon_ms);

// The header alone, no longer of a transaction: where a producer's last sequence is to be found
// when none of its records stays.
std::vector<std::byte> emptied_batch(std::span<const std::byte> batch);

}  // namespace eventlog
