// The time that one step of an epoch takes, as a metric.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>

#include "base/metrics.h"

namespace stream {

inline std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Processor time of the calling thread, in seconds.
inline double thread_cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

inline prometheus::Counter& step_cpu(const std::string& pipeline, const std::string& step) {
  return base::counter("waybill_pipeline_step_cpu_seconds_total",
                       "Processor time of one step of an epoch, on its own thread.",
                       {{"pipeline", pipeline}, {"step", step}});
}

// Measures one step of an epoch: transforming a model's rows, committing a table, writing state.
class Step {
 public:
  Step(const std::string& pipeline, const std::string& step)
      : seconds_(base::histogram("waybill_pipeline_step_seconds", "Time of one step of an epoch.",
                                 {{"pipeline", pipeline}, {"step", step}})),
        cpu_seconds_(step_cpu(pipeline, step)),
        started_us_(steady_us()),
        started_cpu_seconds_(thread_cpu_seconds()) {}
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  ~Step() {
    seconds_.Observe(static_cast<double>(steady_us() - started_us_) / 1e6);
    cpu_seconds_.Increment(thread_cpu_seconds() - started_cpu_seconds_);
  }

 private:
  prometheus::Histogram& seconds_;
  prometheus::Counter& cpu_seconds_;
  std::int64_t started_us_;
  double started_cpu_seconds_;
};

}  // namespace stream
