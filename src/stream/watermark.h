// The watermark of a model: up to which event time its sources have shown their rows.
//
// A value: an epoch moves a copy on, which becomes the model's when the epoch is committed.
// It is the least newest event time over the partitions, less the lateness that the model expects,
// and never goes back. A partition that has not spoken holds it back until it counts as idle. When
// all are idle it goes on as the clock does, so that the last windows close.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "log/event_log.h"

namespace stream {

class Watermark {
 public:
  static constexpr std::int64_t kNone = -(1LL << 60);
  // Event times further ahead of the clock are somebody's mistake: they do not push it.
  static constexpr std::int64_t kFutureAllowedUs = 3600 * base::kUsPerSecond;
  static constexpr std::int64_t kIdleAfterUs = 30 * base::kUsPerSecond;

  explicit Watermark(std::int64_t lateness_us) : lateness_us_(lateness_us) {}

  base::TimestampUs us() const { return us_; }
  // A partition that rows may come from, from now on.
  void expect(const eventlog::TopicPartition& source, base::TimestampUs now_us);
  // SQL of what saw() is to be told of some rows, whose event time is `time_us` in SQL.
  static std::string newest_sql(const std::string& time_us, base::TimestampUs now_us);
  // Rows came; kNone when none of them had a time that may push it.
  void saw(const eventlog::TopicPartition& source, base::TimestampUs newest_us,
           base::TimestampUs now_us);
  // Where `rows_wait`, no partition counts as idle.
  void advance(base::TimestampUs now_us, bool rows_wait = false);

  nlohmann::json to_json() const;
  // `topic` is what a partition without one is of.
  void load(const nlohmann::json& json, const std::string& topic);

 private:
  struct Seen {
    base::TimestampUs newest_us = kNone;
    base::TimestampUs at_us = 0;  // when it last brought rows
  };
  std::int64_t lateness_us_;
  base::TimestampUs us_ = kNone;
  std::map<eventlog::TopicPartition, Seen> seen_;
};

}  // namespace stream
