#include "server/redis_geo.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

namespace server {
namespace {

using protocol::resp::Arguments;

constexpr double kEarthRadiusM = 6'372'797.560856;  // Redis's own
constexpr double kLatMax = 85.05112878;             // of Web Mercator, and of Redis
constexpr std::size_t kFoundMax = 1'000'000;
constexpr const char* kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";

struct Place {
  double lon = 0;
  double lat = 0;
};

struct Search {
  std::optional<Place> from;
  bool round = false;
  double radius_m = 0;  // or a box:
  double width_m = 0;
  double height_m = 0;
  double unit_m = 1;
  int order = 0;  // 1 ascending, -1 descending
  std::size_t count = kFoundMax;
  bool with_coord = false;
  bool with_dist = false;
  bool with_hash = false;
  bool any = false;
};

struct Found {
  std::string id;
  Place place;
  double distance_m = 0;
};

double radians(double degrees) { return degrees * std::numbers::pi / 180; }

double distance_m(const Place& a, const Place& b) {
  const double u = std::sin((radians(b.lat) - radians(a.lat)) / 2);
  const double v = std::sin((radians(b.lon) - radians(a.lon)) / 2);
  const double h = u * u + std::cos(radians(a.lat)) * std::cos(radians(b.lat)) * v * v;
  return 2 * kEarthRadiusM * std::asin(std::sqrt(std::min(1.0, h)));
}

std::optional<double> real(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::optional<double> unit_metres(std::string_view text) {
  const std::string unit = lower(text);
  if (unit == "m") return 1.0;
  if (unit == "km") return 1000.0;
  if (unit == "ft") return 0.3048;
  if (unit == "mi") return 1609.34;
  return std::nullopt;
}

Place place_of(const ops::TruckState& state) {
  return {ops::mercator_lon(state.x), ops::mercator_lat(state.y)};
}

std::optional<Place> place_of(const RedisWorld& world, std::string_view key, std::string_view id) {
  if (key != kGeoKey || world.fleet == nullptr) return std::nullopt;
  const auto state = world.fleet->state(id);
  return state ? std::optional(place_of(*state)) : std::nullopt;
}

constexpr const char* kSyntax = "ERR syntax error";
constexpr const char* kOneFrom =
    "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH";
constexpr const char* kUnit = "ERR unsupported unit provided. please use M, KM, FT, MI";

// The bits of the two numbers in turn, `y`'s first: 52 bits.
std::uint64_t interleave(std::uint64_t x, std::uint64_t y) {
  std::uint64_t bits = 0;
  for (int i = 25; i >= 0; --i) bits = (bits << 2) | (((y >> i) & 1) << 1) | ((x >> i) & 1);
  return bits;
}

// A sorted set's score, or (with 90 degrees) what GEOHASH writes.
std::uint64_t hash_of(const Place& place, double lat_max) {
  const auto part = [](double value, double max) {
    const double share = std::clamp((value + max) / (2 * max), 0.0, 1.0 - 1e-12);
    return static_cast<std::uint64_t>(share * static_cast<double>(1UL << 26));
  };
  // Longitude has the first bit of a pair in a geohash.
  return interleave(part(place.lat, lat_max), part(place.lon, 180));
}

// Reads GEOSEARCH's words one after the other; an error text ends it.
class SearchReader {
 public:
  SearchReader(const RedisWorld& world, const Arguments& words) : world_(world), words_(words) {}

  std::optional<Search> read() {
    for (at_ = 2; at_ < words_.size() && error_.empty();) read_option(lower(words_[at_++]));
    if (error_.empty() && !search_.from) error_ = kOneFrom;
    if (error_.empty() && !has_shape_)
      error_ = "ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH";
    if (error_.empty() && search_.any && search_.count == kFoundMax)
      error_ = "ERR the ANY argument requires COUNT argument";
    return error_.empty() ? std::optional(search_) : std::nullopt;
  }
  const std::string& error() const { return error_; }

 private:
  void read_option(const std::string& option) {
    if (option == "frommember") {
      const std::string_view member = word();
      place_from(place_of(world_, words_[1], member));
      if (!search_.from && error_.empty()) error_ = "ERR could not decode requested zset member";
    } else if (option == "fromlonlat") {
      Place place{.lon = number(), .lat = number()};
      const bool valid = std::abs(place.lon) <= 180 && std::abs(place.lat) <= kLatMax;
      if (!valid && error_.empty())
        error_ =
            fmt::format("ERR invalid longitude,latitude pair {:.6f},{:.6f}", place.lon, place.lat);
      place_from(place);
    } else if (option == "byradius") {
      const double radius = number();
      search_.unit_m = unit();
      search_.radius_m = radius * search_.unit_m;
      has_shape_ = search_.round = true;
      if (radius < 0 && error_.empty()) error_ = "ERR radius cannot be negative";
    } else if (option == "bybox") {
      const double width = number();
      const double height = number();
      search_.unit_m = unit();
      search_.width_m = width * search_.unit_m;
      search_.height_m = height * search_.unit_m;
      has_shape_ = true;
      if ((width < 0 || height < 0) && error_.empty())
        error_ = "ERR height or width cannot be negative";
    } else if (option == "count") {
      const double count = number();
      if (count < 1 && error_.empty()) error_ = "ERR COUNT must be > 0";
      search_.count = static_cast<std::size_t>(std::clamp(count, 1.0, 1e9));
    } else if (option == "asc" || option == "desc") {
      search_.order = option == "asc" ? 1 : -1;
    } else if (option == "withcoord") {
      search_.with_coord = true;
    } else if (option == "withdist") {
      search_.with_dist = true;
    } else if (option == "withhash") {
      search_.with_hash = true;
    } else if (option == "any") {
      search_.any = true;
    } else {
      error_ = kSyntax;
    }
  }

  void place_from(std::optional<Place> place) {
    if (search_.from && error_.empty()) error_ = kOneFrom;
    search_.from = place;
  }

  std::string_view word() {
    if (at_ < words_.size()) return words_[at_++];
    error_ = kSyntax;
    return {};
  }
  double number() {
    const auto value = real(word());
    if (!value && error_.empty()) error_ = "ERR value is not a valid float";
    return value.value_or(0);
  }
  double unit() {
    const auto metres = unit_metres(word());
    if (!metres && error_.empty()) error_ = kUnit;
    return metres.value_or(1);
  }

  const RedisWorld& world_;
  const Arguments& words_;
  std::size_t at_ = 0;
  bool has_shape_ = false;
  Search search_;
  std::string error_;
};

// Everything in the box around the place, narrowed down to what is near enough.
std::vector<Found> find(const ops::Fleet& fleet, const Search& search) {
  const bool round = search.round;
  const double half_height = round ? search.radius_m : search.height_m / 2;
  const double half_width = round ? search.radius_m : search.width_m / 2;
  const double lat_span = half_height / kEarthRadiusM * 180 / std::numbers::pi;
  const double top = std::min(85.0, std::abs(search.from->lat) + lat_span);
  const double lon_span =
      half_width / (kEarthRadiusM * std::cos(radians(top))) * 180 / std::numbers::pi;
  ops::Box box{.west = search.from->lon - lon_span,
               .south = std::max(-85.06, search.from->lat - lat_span),
               .east = search.from->lon + lon_span,
               .north = std::min(85.06, search.from->lat + lat_span)};
  if (box.west < -180 || box.east > 180) {  // over the date line: all around, then by distance
    box.west = -180;
    box.east = 180;
  }
  std::vector<Found> found;
  for (ops::Fleet::Entry& entry : fleet.in_box(box, kFoundMax)) {
    Found one{.id = std::move(entry.id), .place = place_of(entry.state)};
    one.distance_m = distance_m(*search.from, one.place);
    const bool near =
        round ? one.distance_m <= search.radius_m
              : distance_m({one.place.lon, search.from->lat},
                           {search.from->lon, search.from->lat}) <= half_width &&
                    distance_m({search.from->lon, one.place.lat}, *search.from) <= half_height;
    if (near) found.push_back(std::move(one));
  }
  const bool ascending = search.order > 0 || (search.order == 0 && search.count < kFoundMax);
  if (ascending) {
    std::ranges::sort(found, {}, &Found::distance_m);
  } else if (search.order < 0) {
    std::ranges::sort(found, std::greater<>(), &Found::distance_m);
  }
  if (found.size() > search.count) found.resize(search.count);
  return found;
}

std::string coordinate(double degrees) { return fmt::format("{:.17g}", degrees); }

}  // namespace

namespace {

// Whether the key is a look-up's row, which is no geo set; answered then.
bool is_row(RedisClient& client, std::string_view key) {
  const std::size_t colon = key.find(':');
  if (colon == std::string_view::npos) return false;
  const ServedTable* const table = client.world().served.table(key.substr(0, colon));
  if (table == nullptr || !table->contains(key.substr(colon + 1))) return false;
  client.writer().error(kWrongType);
  return true;
}

void write_place(protocol::resp::Writer& writer, const Place& place) {
  writer.array(2);
  writer.bulk(coordinate(place.lon));
  writer.bulk(coordinate(place.lat));
}

}  // namespace

void geo_search(RedisClient& client, const Arguments& arguments) {
  if (is_row(client, arguments[1])) return;
  SearchReader reader(client.world(), arguments);
  const auto search = reader.read();
  if (!search) return client.writer().error(reader.error());
  const ops::Fleet* const fleet = arguments[1] == kGeoKey ? client.world().fleet : nullptr;
  const auto found = fleet == nullptr ? std::vector<Found>() : find(*fleet, *search);
  auto& writer = client.writer();
  const std::size_t extras = (search->with_dist ? 1U : 0U) + (search->with_hash ? 1U : 0U) +
                             (search->with_coord ? 1U : 0U);
  writer.array(found.size());
  for (const Found& one : found) {
    if (extras > 0) writer.array(1 + extras);
    writer.bulk(one.id);
    if (search->with_dist) writer.bulk(fmt::format("{:.4f}", one.distance_m / search->unit_m));
    if (search->with_hash) writer.integer(static_cast<std::int64_t>(hash_of(one.place, kLatMax)));
    if (search->with_coord) write_place(writer, one.place);
  }
}

void geo_position(RedisClient& client, const Arguments& arguments) {
  if (is_row(client, arguments[1])) return;
  client.writer().array(arguments.size() - 2);
  for (std::size_t i = 2; i < arguments.size() && !client.answered_too_much(); ++i) {
    const auto place = place_of(client.world(), arguments[1], arguments[i]);
    place ? write_place(client.writer(), *place) : client.writer().null_array();
  }
}

void geo_hash(RedisClient& client, const Arguments& arguments) {
  if (is_row(client, arguments[1])) return;
  constexpr std::string_view kLetters = "0123456789bcdefghjkmnpqrstuvwxyz";
  client.writer().array(arguments.size() - 2);
  for (std::size_t i = 2; i < arguments.size() && !client.answered_too_much(); ++i) {
    const auto place = place_of(client.world(), arguments[1], arguments[i]);
    if (!place) {
      client.writer().null();
      continue;
    }
    const std::uint64_t bits = hash_of(*place, 90);
    std::string text;  // 52 bits are ten letters of five; Redis writes 0 as the eleventh
    for (int shift = 47; shift >= 2; shift -= 5) text += kLetters[(bits >> shift) & 31];
    client.writer().bulk(text + "0");
  }
}

void geo_distance(RedisClient& client, const Arguments& arguments) {
  if (is_row(client, arguments[1])) return;
  if (arguments.size() > 5) return client.writer().error(kSyntax);
  const auto unit = arguments.size() > 4 ? unit_metres(arguments[4]) : std::optional(1.0);
  if (!unit) return client.writer().error(kUnit);
  const auto a = place_of(client.world(), arguments[1], arguments[2]);
  const auto b = place_of(client.world(), arguments[1], arguments[3]);
  if (!a || !b) return client.writer().null();
  client.writer().bulk(fmt::format("{:.4f}", distance_m(*a, *b) / *unit));
}

}  // namespace server
