// The time that one step of an epoch takes, as a metric.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/metrics.h"

namespace stream {

inline std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Measures one step of an epoch: transforming a model's rows, committing a table, writing state.
class Step {
 public:
  Step(const std::string& pipeline, const std::string& step)
      : seconds_(base::histogram("waybill_pipeline_step_seconds", "Time of one step of an epoch.",
                                 {{"pipeline", pipeline}, {"step", step}})),
        started_us_(steady_us()) {}
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  ~Step() { seconds_.Observe(static_cast<double>(steady_us() - started_us_) / 1e6); }

 private:
  prometheus::Histogram& seconds_;
  std::int64_t started_us_;
};

}  // namespace stream
