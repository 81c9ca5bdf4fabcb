#include "ops/fleet.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/metrics.h"
#include "ops/fleet_view.h"

namespace ops {
namespace {

constexpr std::int64_t kAheadMaxUs = base::kUsPerDay;
constexpr std::size_t kRowsPerLock = 4096;  // about a millisecond: what a viewer waits at most

const base::SystemClock kSystemClock;

enum class Outcome : std::uint8_t {
  kTaken,
  kOlder,
  kNoId,
  kNoTime,
  kNoPlace,
  kOutside,
  kFuture,
  kTooMany,
  kCount
};

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kTaken:
      return "taken";
    case Outcome::kOlder:
      return "older";
    case Outcome::kNoId:
      return "no_id";
    case Outcome::kNoTime:
      return "no_time";
    case Outcome::kNoPlace:
      return "no_place";
    case Outcome::kOutside:
      return "outside_world";
    case Outcome::kFuture:
      return "future";
    case Outcome::kTooMany:
      return "too_many_trucks";
    case Outcome::kCount:
      break;
  }
  return "";
}
constexpr auto kOutcomes = static_cast<std::size_t>(Outcome::kCount);

// A batch's columns by the project's names; null where the topic has no such field of a fitting
// type.
struct Columns {
  const columns::Column* id;
  const columns::Column* time;
  const columns::Column* lat;
  const columns::Column* lon;
  const columns::Column* speed;
  const columns::Column* heading;
  const columns::Column* status;
};

bool is_number(columns::Type type) {
  return type == columns::Type::kFloat64 || type == columns::Type::kInt32 ||
         type == columns::Type::kInt64;
}
bool is_text(columns::Type type) { return type == columns::Type::kString; }
bool is_time(columns::Type type) { return type == columns::Type::kTimestamp; }

const columns::Column* find(const columns::Batch& batch, const std::string& name,
                            bool (*fits)(columns::Type)) {
  if (name.empty()) return nullptr;
  const auto at = batch.schema.find(name);
  if (!at || !fits(batch.columns[*at].type())) return nullptr;
  return &batch.columns[*at];
}

Columns columns_of(const columns::Batch& batch, const FleetSpec& spec) {
  return {.id = find(batch, spec.id, is_text),
          .time = find(batch, spec.time, is_time),
          .lat = find(batch, spec.lat, is_number),
          .lon = find(batch, spec.lon, is_number),
          .speed = find(batch, spec.speed_kmh, is_number),
          .heading = find(batch, spec.heading, is_number),
          .status = find(batch, spec.status, is_text)};
}

bool missing(const columns::Column* column, std::size_t row) {
  return column == nullptr || column->is_null(row);
}

double number_at(const columns::Column& column, std::size_t row) {
  return column.type() == columns::Type::kFloat64 ? column.double_at(row)
                                                  : static_cast<double>(column.int_at(row));
}

std::uint16_t speed_of(const columns::Column* column, std::size_t row) {
  if (missing(column, row)) return 0;
  const double tenths = std::round(number_at(*column, row) * 10);
  return tenths > 0 ? static_cast<std::uint16_t>(std::min(tenths, 65535.0)) : std::uint16_t{0};
}

std::uint8_t heading_of(const columns::Column* column, std::size_t row) {
  if (missing(column, row)) return 255;
  const double degrees = number_at(*column, row);
  if (!std::isfinite(degrees)) return 255;
  const double turned = std::fmod(std::fmod(degrees, 360) + 360, 360);
  return static_cast<std::uint8_t>(static_cast<int>(turned / 2) % 180);
}

}  // namespace

base::Result<FleetSpec> parse_fleet(const base::Yaml& yaml) {
  TRY(yaml.only(
      {"topic", "id", "time", "lat", "lon", "speed_kmh", "heading", "status", "silent_after"}));
  FleetSpec spec;
  spec.topic = TRY(yaml.text("topic"));
  spec.id = TRY(yaml.text_or("id", spec.id));
  spec.time = TRY(yaml.text_or("time", spec.time));
  spec.lat = TRY(yaml.text_or("lat", spec.lat));
  spec.lon = TRY(yaml.text_or("lon", spec.lon));
  spec.speed_kmh = TRY(yaml.text_or("speed_kmh", spec.speed_kmh));
  spec.heading = TRY(yaml.text_or("heading", spec.heading));
  spec.status = TRY(yaml.text_or("status", spec.status));
  spec.silent_after_us = TRY(yaml.duration_us_or("silent_after", spec.silent_after_us));
  if (spec.silent_after_us <= 0) {
    return yaml.fail_here("fleet: silent_after is not positive",
                          "write a duration such as '10 minutes'");
  }
  return spec;
}

class Fleet::Impl {
 public:
  Impl(FleetSpec spec, const base::Clock& clock) : clock_(clock) {
    state.spec = std::move(spec);
    for (std::size_t i = 0; i < kOutcomes; ++i) {
      counters_[i] =
          &base::counter("waybill_fleet_positions_total", "Positions by what became of them.",
                         {{"result", std::string(outcome_name(static_cast<Outcome>(i)))}});
    }
  }

  void update(const columns::Batch& batch) {
    const Columns from = columns_of(batch, state.spec);
    const base::TimestampUs latest_us = clock_.now_us() + kAheadMaxUs;
    std::array<std::size_t, kOutcomes> counts{};
    for (std::size_t row = 0; row < batch.rows();) {
      const std::size_t end = std::min(row + kRowsPerLock, batch.rows());
      const std::unique_lock lock(state.mutex);
      for (; row < end; ++row) ++counts[static_cast<std::size_t>(take(from, row, latest_us))];
    }
    for (std::size_t i = 0; i < kOutcomes; ++i) {
      if (counts[i] > 0) counters_[i]->Increment(static_cast<double>(counts[i]));
    }
  }

  FleetState state;

 private:
  Outcome take(const Columns& from, std::size_t row, base::TimestampUs latest_us) {
    if (missing(from.id, row)) return Outcome::kNoId;
    if (missing(from.time, row)) return Outcome::kNoTime;
    if (missing(from.lat, row) || missing(from.lon, row)) return Outcome::kNoPlace;
    const std::string_view id = from.id->text_at(row);
    if (id.empty() || id.size() > kNameBytesMax) return Outcome::kNoId;
    const double lat = number_at(*from.lat, row);
    const double lon = number_at(*from.lon, row);
    if (!(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180)) return Outcome::kOutside;
    const base::TimestampUs time_us = from.time->int_at(row);
    if (time_us > latest_us) return Outcome::kFuture;

    TruckStore& trucks = state.trucks;
    if (trucks.size() >= kTrucksMax && trucks.find(id) == trucks.size()) return Outcome::kTooMany;
    const Handle handle = trucks.find_or_add(id);
    const bool known = trucks.sequence[handle] != 0;
    if (known && time_us < trucks.event_time_us[handle]) return Outcome::kOlder;
    const bool has_status = !missing(from.status, row);
    trucks.set(
        handle,
        {.event_time_us = time_us,
         .x = mercator_x(lon),
         .y = mercator_y(lat),
         .speed_dkmh = speed_of(from.speed, row),
         .heading_half = heading_of(from.heading, row),
         .status = has_status ? trucks.status_index(from.status->text_at(row)) : std::uint8_t{0}},
        ++state.changes);
    return Outcome::kTaken;
  }

  const base::Clock& clock_;
  std::array<prometheus::Counter*, kOutcomes> counters_{};
};

Fleet::Fleet(FleetSpec spec) : Fleet(std::move(spec), kSystemClock) {}
Fleet::Fleet(FleetSpec spec, const base::Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(spec), clock)) {}
Fleet::~Fleet() = default;

const FleetSpec& Fleet::spec() const { return impl_->state.spec; }

void Fleet::update(const columns::Batch& batch) { impl_->update(batch); }

std::size_t Fleet::size() const {
  const std::shared_lock lock(impl_->state.mutex);
  return impl_->state.trucks.size();
}

std::size_t Fleet::active(base::TimestampUs now_us) const {
  const std::shared_lock lock(impl_->state.mutex);
  const base::TimestampUs oldest_us = now_us - impl_->state.spec.silent_after_us;
  const auto& times = impl_->state.trucks.event_time_us;
  return static_cast<std::size_t>(std::count_if(
      times.begin(), times.end(), [oldest_us](auto time_us) { return time_us >= oldest_us; }));
}

std::optional<TruckState> Fleet::state(std::string_view id) const {
  const std::shared_lock lock(impl_->state.mutex);
  const Handle handle = impl_->state.trucks.find(id);
  if (handle == impl_->state.trucks.size()) return std::nullopt;
  return impl_->state.trucks.state(handle);
}

std::string Fleet::name(Handle handle) const {
  const std::shared_lock lock(impl_->state.mutex);
  if (handle >= impl_->state.trucks.size()) return "";
  return std::string(impl_->state.trucks.name(handle));
}

std::vector<std::string> Fleet::statuses() const {
  const std::shared_lock lock(impl_->state.mutex);
  return impl_->state.trucks.statuses;
}

std::unique_ptr<Fleet::View> Fleet::view() { return std::make_unique<FleetView>(impl_->state); }

std::vector<Fleet::Entry> Fleet::in_box(const Box& box, std::size_t limit) const {
  const Viewport port = Viewport::of(box);
  std::vector<Entry> out;
  const std::shared_lock lock(impl_->state.mutex);
  const TruckStore& trucks = impl_->state.trucks;
  for (Handle handle = 0; handle < trucks.size() && out.size() < limit; ++handle) {
    if (!port.contains(trucks.x[handle], trucks.y[handle])) continue;
    out.push_back({.id = std::string(trucks.name(handle)), .state = trucks.state(handle)});
  }
  return out;
}

}  // namespace ops
