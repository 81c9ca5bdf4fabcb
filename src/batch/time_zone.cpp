#include "batch/time_zone.h"

#include <date/tz.h>

#include <algorithm>

#include "base/edit_distance.h"

namespace batch {
namespace {

// Before and after this no zone changes anything that is of use; keeps sums from overflowing.
constexpr std::int64_t kFarS = 1LL << 40;

}  // namespace

base::Result<TimeZone> TimeZone::find(std::string_view name) {
  try {
    return TimeZone(date::locate_zone(std::string(name)), std::string(name));
  } catch (const std::exception&) {
    std::string nearest = "UTC";
    std::size_t least = SIZE_MAX;
    try {
      for (const date::time_zone& zone : date::get_tzdb().zones) {
        const std::size_t distance = base::edit_distance(zone.name(), name.substr(0, 64));
        if (distance >= least) continue;
        least = distance;
        nearest = zone.name();
      }
    } catch (const std::exception&) {
      return base::fail_with(base::Code::kNotFound, "this system has no time zones",
                             "install the package tzdata");
    }
    return base::fail_with(base::Code::kNotFound,
                           fmt::format("there is no time zone '{}'", name.substr(0, 64)),
                           fmt::format("write '{}'?", nearest));
  }
}

TimeZone::Period TimeZone::at(std::int64_t utc_s) const {
  const auto info = zone_->get_info(date::sys_seconds{std::chrono::seconds{utc_s}});
  return {.begin_s = std::max<std::int64_t>(info.begin.time_since_epoch().count(), -kFarS),
          .end_s = std::min<std::int64_t>(info.end.time_since_epoch().count(), kFarS),
          .offset_s = info.offset.count()};
}

std::int64_t TimeZone::offset_before(const Period& period) const {
  return period.begin_s <= -kFarS ? period.offset_s : at(period.begin_s - 1).offset_s;
}

}  // namespace batch
