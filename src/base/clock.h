// Time. Every use of the wall clock goes through a Clock, so that tests own the time.
//
// Threads: all clocks may be used from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace base {

// Microseconds since 1970-01-01T00:00:00Z; event times and ingest times alike.
using TimestampUs = std::int64_t;

inline constexpr std::int64_t kUsPerMs = 1'000;
inline constexpr std::int64_t kUsPerSecond = 1'000'000;
inline constexpr std::int64_t kUsPerDay = 86'400 * kUsPerSecond;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimestampUs now_us() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimestampUs now_us() const override;
};

// Stands still until told otherwise.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimestampUs start_us = 0) : now_us_(start_us) {}
  TimestampUs now_us() const override { return now_us_.load(); }
  void set(TimestampUs now_us) { now_us_.store(now_us); }
  void advance_us(std::int64_t us) { now_us_.fetch_add(us); }

 private:
  std::atomic<TimestampUs> now_us_;
};

// "2026-11-23T08:00:00.123456Z" (RFC 3339; the fraction is left out when zero).
std::string format_rfc3339(TimestampUs us);

// Takes RFC 3339 and its common relaxations: 'T' or a space, 'Z', an offset, or none (then UTC), up
// to nine fraction digits (cut to six), a date alone. kInvalid otherwise.
Result<TimestampUs> parse_timestamp(std::string_view text);

// Days since 1970-01-01 of a proleptic Gregorian date; kInvalid unless "YYYY-MM-DD".
Result<std::int32_t> parse_date(std::string_view text);
std::string format_date(std::int32_t days);

// "250ms", "5 minutes", "1 hour", "2 days", "1h30m" in microseconds. kInvalid otherwise.
Result<std::int64_t> parse_duration_us(std::string_view text);
// The largest fitting unit with one decimal: "1.5 s", "12 min".
std::string format_duration(std::int64_t us);

}  // namespace base
