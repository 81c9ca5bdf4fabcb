// One viewer of the fleet: remembers what it was given, so that each frame carries only what is
// new.
//
// Threads: one at a time; shares FleetState's lock with the writer.
// Invariant: shown_ holds exactly the trucks that the client has on its screen (none in cells
// mode).
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <vector>

#include "ops/fleet_frames.h"
#include "ops/truck_store.h"
#include "ops/viewport.h"

namespace ops {

struct FleetState {
  FleetSpec spec;
  mutable std::shared_mutex mutex;  // guards what follows
  TruckStore trucks;
  std::uint64_t changes = 0;  // the number of the last change
};

class FleetView final : public Fleet::View {
 public:
  explicit FleetView(const FleetState& state) : state_(state) {}
  void look_at(const Box& box, std::size_t budget) override;
  std::vector<std::string> frames(base::TimestampUs now_us) override;

 private:
  class Bits {
   public:
    bool test(Handle i) const {
      return i / 64 < words_.size() && ((words_[i / 64] >> (i % 64)) & 1) != 0;
    }
    void set(Handle i) {
      if (i / 64 >= words_.size()) words_.resize(i / 64 + 1);
      words_[i / 64] |= std::uint64_t{1} << (i % 64);
    }
    void reset(Handle i) { words_[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }
    void clear() { words_.assign(words_.size(), 0); }
    const std::vector<std::uint64_t>& words() const { return words_; }

   private:
    std::vector<std::uint64_t> words_;
  };

  bool in_view(Handle handle, base::TimestampUs oldest_us) const;
  void start_over(base::TimestampUs now_us, std::vector<std::string>& out);
  void collect_changes(base::TimestampUs oldest_us);
  void collect_silent(base::TimestampUs oldest_us);
  void put_trucks(bool snapshot, base::TimestampUs now_us, std::vector<std::string>& out);
  void put_cells(base::TimestampUs now_us, std::vector<std::string>& out);

  const FleetState& state_;
  Viewport port_;
  std::size_t budget_ = 0;
  bool subscribed_ = false;
  bool fresh_ = false;  // a new subscription waits for its snapshot
  bool cells_ = false;
  std::uint64_t seen_ = 0;
  base::TimestampUs silence_checked_us_ = 0;
  std::size_t statuses_sent_ = 0;
  std::size_t shown_count_ = 0;
  Bits shown_;
  Bits named_;
  std::vector<Handle> changed_;
  std::vector<Handle> gone_;
};

}  // namespace ops
