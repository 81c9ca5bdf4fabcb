// Compaction by key: rewrites closed segments so that of each key the last record stays.
//
// What goes: records whose key comes again, records without a key, records of transactions that
// were rolled back; tombstones, and control batches of transactions none of whose records is kept,
// once tombstone_retention_us has passed since the first compaction that met them (the time is kept
// in the batch, see batch_rewrite.h). Offsets stay what they are. The last batch of each producer
// stays at least as a header, so that its sequence is not forgotten.
// Threads: none of its own; it reads closed segments, which do not change. Invariant: the new file
// is whole and synced before it has its name.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "log/key_offsets.h"
#include "log/recovery.h"

namespace eventlog {

class Compaction {
 public:
  // `partition` is "<topic id>/<number>".
  Compaction(base::FileSystem& disk, const base::Path& directory, const std::string& partition,
             const TopicConfig& config, base::TimestampUs now_us,
             std::size_t keys_max = kCompactionKeysMax);

  struct Replaced {
    std::vector<std::shared_ptr<Segment>> before;  // side by side
    KeptSegment after;                             // in a file that has its name, synced
  };
  // Of the whole partition.
  struct Known {
    std::vector<AbortedRange> aborted = {};  // by last offset
    std::set<Offset> last_batches = {};      // of the producers: their last offsets
  };
  // Closed segments from the oldest on, none with open transactions in it. Calls `replaced` for
  // each new segment.
  base::Result<> run(const std::vector<KeptSegment>& closed, Known known,
                     const std::function<void(const Replaced&)>& replaced);
  // When something that was kept may go; nullopt when there is nothing.
  std::optional<base::TimestampUs> look_again_us() const { return look_again_us_; }

 private:
  using Batch = std::span<const std::byte>;
  using EachBatch = std::function<base::Result<>(const BatchHeader&, Batch)>;
  class Output;

  base::Result<> each_batch(const KeptSegment& kept, const EachBatch& each) const;
  base::Result<std::size_t> find_keys(const std::vector<KeptSegment>& closed);
  base::Result<bool> find_keys_of(const KeptSegment& kept);
  bool is_aborted(const BatchHeader& header) const;
  base::Result<std::optional<Replaced>> rewrite(std::span<const KeptSegment> group);
  base::Result<> rewrite_records(const BatchHeader& header, Batch batch, Output& out);
  base::Result<> leave_out(const BatchHeader& header, Batch batch, Output& out);
  base::Result<> rewrite_marker(const BatchHeader& header, Batch batch, Output& out);
  std::int64_t new_horizon_ms();
  void note_horizon(std::int64_t horizon_ms);

  base::FileSystem& disk_;
  const base::Path& directory_;
  const std::string& partition_;
  const TopicConfig& config_;
  const std::int64_t now_ms_;
  KeyOffsets keys_;
  Known known_;
  std::set<std::int64_t> kept_producers_;  // with kept records of a transaction that goes on
  std::optional<base::TimestampUs> look_again_us_;
};

}  // namespace eventlog
