// Time zones by name, from the system's zone files: when a zone's clock is how far from UTC.
//
// Threads: values; any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace date {
class time_zone;
}

namespace batch {

class TimeZone {
 public:
  // "Europe/Berlin", "UTC". kNotFound names the nearest one.
  static base::Result<TimeZone> find(std::string_view name);

  // Seconds of UTC [begin_s, end_s) for which local time is UTC plus offset_s.
  struct Period {
    std::int64_t begin_s = 0;
    std::int64_t end_s = 0;
    std::int64_t offset_s = 0;
  };
  Period at(std::int64_t utc_s) const;
  // Of the moment before the period's beginning; the period's own when there is none.
  std::int64_t offset_before(const Period& period) const;
  const std::string& name() const { return name_; }

 private:
  TimeZone(const date::time_zone* zone, std::string name) : zone_(zone), name_(std::move(name)) {}

  const date::time_zone* zone_;
  std::string name_;
};

}  // namespace batch
