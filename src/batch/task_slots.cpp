#include "batch/task_runner.h"

namespace batch {

TaskSlots::TaskSlots(const std::array<int, kBatchClasses>& slots,
                     const std::function<void(CapacityClass)>& begin) {
  for (std::size_t i = 0; i < kBatchClasses; ++i) {
    const auto capacity = static_cast<CapacityClass>(i);
    for (int n = 0; n < slots.at(i); ++n) {
      threads_.run(fmt::format("{}-{}", class_name(capacity), n),
                   [this, i, capacity, begin](std::stop_token stop) {
                     if (begin) begin(capacity);
                     Lane& lane = lanes_.at(i);
                     while (true) {
                       Work work;
                       {
                         std::unique_lock lock(lane.mutex);
                         if (!lane.changed.wait(lock, stop, [&] { return !lane.waiting.empty(); }))
                           return;
                         if (stop.stop_requested()) return;
                         work = std::move(lane.waiting.front());
                         lane.waiting.pop_front();
                       }
                       work();
                     }
                   });
    }
  }
}

void TaskSlots::submit(CapacityClass capacity, Work work) {
  Lane& lane = lanes_.at(static_cast<std::size_t>(capacity));
  {
    const std::scoped_lock lock(lane.mutex);
    lane.waiting.push_back(std::move(work));
  }
  lane.changed.notify_one();
}

void TaskSlots::stop() { threads_.stop(); }

}  // namespace batch
