#include "sources/corridors.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/check.h"
#include "sources/corridor_data.h"

namespace sources {
namespace {

constexpr double kEarthRadiusM = 6'371'008.8;
constexpr double kRadians = std::numbers::pi / 180.0;
constexpr int kFine = 2'000;  // points that a corridor's length is measured on
constexpr int kPlaces = 129;  // points that are kept

using Vector = std::array<double, 3>;

Vector unit_vector(double lat, double lon) {
  return {std::cos(lat * kRadians) * std::cos(lon * kRadians),
          std::cos(lat * kRadians) * std::sin(lon * kRadians), std::sin(lat * kRadians)};
}

double dot(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Vector normal_of(const Vector& a, const Vector& b) {
  Vector n = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  const double length = std::sqrt(dot(n, n));
  for (double& x : n) x /= length;
  return n;
}

double heading_of(const Place& from, const Place& to) {
  const double lon = (to.lon - from.lon) * kRadians;
  const double y = std::sin(lon) * std::cos(to.lat * kRadians);
  const double x = std::cos(from.lat * kRadians) * std::sin(to.lat * kRadians) -
                   std::sin(from.lat * kRadians) * std::cos(to.lat * kRadians) * std::cos(lon);
  const double degrees = std::atan2(y, x) / kRadians;
  return degrees < 0 ? degrees + 360 : degrees;
}

// Three numbers in [-1, 1] that are always the same for a corridor.
std::array<double, 3> bends_of(std::size_t corridor) {
  std::array<double, 3> bends{};
  std::uint64_t state = 0x9E3779B97F4A7C15ULL * (corridor + 1);
  for (double& bend : bends) {
    state = (state ^ (state >> 31)) * 0xBF58476D1CE4E5B9ULL + 0x94D049BB133111EBULL;
    bend = static_cast<double>(state >> 40) / static_cast<double>(1 << 23) - 1;
  }
  return bends;
}

// The bent way from a to b at kFine + 1 points.
std::vector<Place> fine_way(const Hub& a, const Hub& b, std::size_t corridor) {
  const Vector from = unit_vector(a.lat, a.lon);
  const Vector to = unit_vector(b.lat, b.lon);
  const Vector normal = normal_of(from, to);
  const double angle = std::acos(dot(from, to));
  const auto bends = bends_of(corridor);
  std::vector<Place> way(kFine + 1);
  for (int i = 0; i <= kFine; ++i) {
    const double f = static_cast<double>(i) / kFine;
    const double wave = std::numbers::pi * f;
    const double off =
        angle * (0.030 * bends[0] * std::sin(wave) + 0.015 * bends[1] * std::sin(3 * wave) +
                 0.006 * bends[2] * std::sin(7 * wave));
    const double wa = std::sin((1 - f) * angle) / std::sin(angle);
    const double wb = std::sin(f * angle) / std::sin(angle);
    Vector p{};
    for (std::size_t k = 0; k < 3; ++k)
      p[k] = (wa * from[k] + wb * to[k]) * std::cos(off) + normal[k] * std::sin(off);
    way[static_cast<std::size_t>(i)] = {.lat = std::asin(p[2]) / kRadians,
                                        .lon = std::atan2(p[1], p[0]) / kRadians};
  }
  return way;
}

// The same way by points that are equally far apart.
Corridor resample(const std::vector<Place>& way, Corridor corridor) {
  std::vector<double> along(way.size(), 0);
  for (std::size_t i = 1; i < way.size(); ++i) {
    along[i] = along[i - 1] + distance_m(way[i - 1].lat, way[i - 1].lon, way[i].lat, way[i].lon);
  }
  corridor.length_m = along.back();
  std::size_t at = 0;
  for (int i = 0; i < kPlaces; ++i) {
    const double want = corridor.length_m * i / (kPlaces - 1);
    while (at + 2 < along.size() && along[at + 1] < want) ++at;
    const double f = (want - along[at]) / (along[at + 1] - along[at]);
    corridor.places.push_back({.lat = way[at].lat + f * (way[at + 1].lat - way[at].lat),
                               .lon = way[at].lon + f * (way[at + 1].lon - way[at].lon)});
  }
  auto& places = corridor.places;
  for (std::size_t i = 0; i + 1 < places.size(); ++i) {
    places[i].heading = static_cast<float>(heading_of(places[i], places[i + 1]));
  }
  places.back().heading = places[places.size() - 2].heading;
  return corridor;
}

}  // namespace

double distance_m(double lat_a, double lon_a, double lat_b, double lon_b) {
  const double s = std::sin((lat_b - lat_a) * kRadians / 2);
  const double t = std::sin((lon_b - lon_a) * kRadians / 2);
  const double h = s * s + std::cos(lat_a * kRadians) * std::cos(lat_b * kRadians) * t * t;
  return 2 * kEarthRadiusM * std::asin(std::sqrt(h));
}

const Network& Network::europe() {
  static const Network network;
  return network;
}

Network::Network() : hubs_(kHubs.begin(), kHubs.end()) {
  const auto index_of = [&](std::string_view id) {
    for (std::size_t i = 0; i < hubs_.size(); ++i) {
      if (hubs_[i].id == id) return static_cast<std::uint8_t>(i);
    }
    CHECK(false, "a corridor names the hub {}, which is not in the list", id);
  };
  for (const auto& [from, to] : kCorridors) {
    Corridor corridor{.a = index_of(from), .b = index_of(to), .places = {}};
    const auto way = fine_way(hubs_[corridor.a], hubs_[corridor.b], corridors_.size());
    corridors_.push_back(resample(way, std::move(corridor)));
  }
  CHECK(corridors_.size() < 255 && hubs_.size() < 255, "hubs and corridors are numbered by a byte");
  find_shortest_ways();
}

void Network::find_shortest_ways() {  // Floyd and Warshall
  const std::size_t n = hubs_.size();
  distance_.assign(n * n, std::numeric_limits<double>::infinity());
  next_.assign(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) distance_[i * n + i] = 0;
  for (std::size_t c = 0; c < corridors_.size(); ++c) {
    for (const auto& [a, b] :
         {std::pair{corridors_[c].a, corridors_[c].b}, {corridors_[c].b, corridors_[c].a}}) {
      distance_[a * n + b] = corridors_[c].length_m;
      next_[a * n + b] = static_cast<std::uint8_t>(c);
    }
  }
  for (std::size_t via = 0; via < n; ++via) {
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b < n; ++b) {
        const double way = distance_[a * n + via] + distance_[via * n + b];
        if (way >= distance_[a * n + b]) continue;
        distance_[a * n + b] = way;
        next_[a * n + b] = next_[a * n + via];
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(distance_[i] < std::numeric_limits<double>::infinity(), "no way leads to {}",
          hubs_[i].city);
  }
}

Place Network::place(std::size_t corridor, double metres) const {
  const Corridor& way = corridors_[corridor];
  const double last = static_cast<double>(way.places.size() - 1);
  const double at = std::min(std::max(metres / way.length_m, 0.0), 1.0) * last;
  const auto i = static_cast<std::size_t>(std::min(at, last - 1));
  const double f = at - static_cast<double>(i);
  const Place& from = way.places[i];
  const Place& to = way.places[i + 1];
  return {.lat = from.lat + f * (to.lat - from.lat),
          .lon = from.lon + f * (to.lon - from.lon),
          .heading = from.heading};
}

}  // namespace sources
