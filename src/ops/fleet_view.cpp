#include "ops/fleet_view.h"

#include <algorithm>
#include <bit>
#include <mutex>

namespace ops {
namespace {

constexpr base::TimestampUs kSilenceCheckUs = base::kUsPerSecond;
// Cells of the longer side of a view: fine enough for a density map, at most 17 000 in a frame.
constexpr std::uint32_t kCellsAcross = 128;

// The greatest zoom at which the view is at most kCellsAcross tiles wide and high.
int zoom_of(const Viewport& port) {
  const std::uint32_t side = std::max({port.width, port.height, std::uint32_t{1}});
  int zoom = 0;
  while (zoom < 24 && (side >> (31 - zoom)) < kCellsAcross) ++zoom;
  return zoom;
}

}  // namespace

void FleetView::look_at(const Box& box, std::size_t budget) {
  port_ = Viewport::of(box);
  budget_ = budget;
  subscribed_ = true;
  fresh_ = true;
}

bool FleetView::in_view(Handle handle, base::TimestampUs oldest_us) const {
  const TruckStore& trucks = state_.trucks;
  return port_.contains(trucks.x[handle], trucks.y[handle]) &&
         trucks.event_time_us[handle] >= oldest_us;
}

std::vector<std::string> FleetView::frames(base::TimestampUs now_us) {
  std::vector<std::string> out;
  if (!subscribed_) return out;
  const std::shared_lock lock(state_.mutex);
  const bool check_silence = now_us - silence_checked_us_ >= kSilenceCheckUs;
  if (!fresh_ && !check_silence && state_.changes == seen_) return out;
  if (check_silence) silence_checked_us_ = now_us;
  if (fresh_ || cells_) {
    start_over(now_us, out);
    return out;
  }
  changed_.clear();
  gone_.clear();
  const base::TimestampUs oldest_us = now_us - state_.spec.silent_after_us;
  collect_changes(oldest_us);
  if (check_silence) collect_silent(oldest_us);
  if (shown_count_ > budget_) {
    start_over(now_us, out);
    return out;
  }
  if (!changed_.empty()) put_trucks(false, now_us, out);
  if (!gone_.empty()) out.push_back(gone_frame(gone_, now_us));
  return out;
}

// A snapshot of the trucks in view, or the cells when they are too many. A view in cells mode goes
// back to trucks only when there is some room, so that it does not flicker at the border.
void FleetView::start_over(base::TimestampUs now_us, std::vector<std::string>& out) {
  const base::TimestampUs oldest_us = now_us - state_.spec.silent_after_us;
  const std::size_t room = cells_ && !fresh_ ? budget_ - budget_ / 10 : budget_;
  fresh_ = false;
  seen_ = state_.changes;
  changed_.clear();
  std::size_t count = 0;
  for (Handle handle = 0; handle < state_.trucks.size(); ++handle) {
    if (!in_view(handle, oldest_us)) continue;
    if (++count > room) break;
    changed_.push_back(handle);
  }
  shown_.clear();
  cells_ = count > room;
  shown_count_ = cells_ ? 0 : count;
  if (cells_) return put_cells(now_us, out);
  for (const Handle handle : changed_) shown_.set(handle);
  put_trucks(true, now_us, out);
}

void FleetView::collect_changes(base::TimestampUs oldest_us) {
  const TruckStore& trucks = state_.trucks;
  for (std::size_t block = 0; block < trucks.block_sequence.size(); ++block) {
    if (trucks.block_sequence[block] <= seen_) continue;
    const std::size_t end = std::min((block + 1) * kBlock, trucks.size());
    for (std::size_t i = block * kBlock; i < end; ++i) {
      if (trucks.sequence[i] <= seen_) continue;
      const auto handle = static_cast<Handle>(i);
      const bool shown = shown_.test(handle);
      if (in_view(handle, oldest_us)) {
        changed_.push_back(handle);
        if (shown) continue;
        shown_.set(handle);
        ++shown_count_;
      } else if (shown) {
        gone_.push_back(handle);
        shown_.reset(handle);
        --shown_count_;
      }
    }
  }
  seen_ = state_.changes;
}

void FleetView::collect_silent(base::TimestampUs oldest_us) {
  const std::vector<std::uint64_t>& words = shown_.words();
  for (std::size_t w = 0; w < words.size(); ++w) {
    for (std::uint64_t left = words[w]; left != 0; left &= left - 1) {
      const auto handle =
          static_cast<Handle>(w * 64 + static_cast<std::size_t>(std::countr_zero(left)));
      if (state_.trucks.event_time_us[handle] >= oldest_us) continue;
      gone_.push_back(handle);
      shown_.reset(handle);
      --shown_count_;
    }
  }
}

void FleetView::put_trucks(bool snapshot, base::TimestampUs now_us, std::vector<std::string>& out) {
  const TruckStore& trucks = state_.trucks;
  if (trucks.statuses.size() != statuses_sent_) {
    statuses_sent_ = trucks.statuses.size();
    out.push_back(statuses_frame(trucks.statuses, now_us));
  }
  std::vector<Handle> unnamed;
  for (const Handle handle : changed_) {
    if (named_.test(handle)) continue;
    named_.set(handle);
    unnamed.push_back(handle);
  }
  if (!unnamed.empty()) out.push_back(names_frame(trucks, unnamed, now_us));
  out.push_back(trucks_frame(trucks, changed_, snapshot, now_us));
}

void FleetView::put_cells(base::TimestampUs now_us, std::vector<std::string>& out) {
  const TruckStore& trucks = state_.trucks;
  const base::TimestampUs oldest_us = now_us - state_.spec.silent_after_us;
  const int zoom = zoom_of(port_);
  const int shift = 32 - zoom;
  const auto tile = [shift](std::uint32_t v) { return shift == 32 ? 0U : v >> shift; };
  const std::uint32_t tiles = zoom == 0 ? 1U : 1U << zoom;
  const std::uint32_t across = std::min(tile(port_.width) + 2, tiles);
  const std::uint32_t down = std::min(tile(port_.height) + 2, tiles);
  const std::uint32_t west = tile(port_.west);
  const std::uint32_t north = tile(port_.north);
  std::vector<std::uint32_t> counts(std::size_t{across} * down);
  for (Handle handle = 0; handle < trucks.size(); ++handle) {
    if (!in_view(handle, oldest_us)) continue;
    const std::uint32_t column = (tile(trucks.x[handle]) - west) & (tiles - 1);
    const std::uint32_t row = tile(trucks.y[handle]) - north;
    ++counts[std::size_t{std::min(row, down - 1)} * across + std::min(column, across - 1)];
  }
  std::vector<Cell> cells;
  for (std::uint32_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    cells.push_back(
        {.x = (west + i % across) & (tiles - 1), .y = north + i / across, .count = counts[i]});
  }
  out.push_back(cells_frame(static_cast<std::uint8_t>(zoom), cells, now_us));
}

}  // namespace ops
