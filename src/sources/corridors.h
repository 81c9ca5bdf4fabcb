// The road network of the simulated fleet: hubs at real cities and the corridors between them.
//
// A corridor follows the great circle with a slight, fixed bend, so that it looks like a road; it
// is schematic and no map. Threads: immutable after it is built, any.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sources {

struct Hub {
  std::string_view id;  // UN/LOCODE
  std::string_view city;
  double lat = 0;
  double lon = 0;
};

struct Place {
  double lat = 0;
  double lon = 0;
  float heading = 0;  // degrees from north, in the direction from a to b
};

struct Corridor {
  std::uint8_t a = 0;  // hubs
  std::uint8_t b = 0;
  double length_m = 0;
  std::vector<Place> places;  // equally far apart, the first at a, the last at b
};

class Network {
 public:
  static const Network& europe();

  const std::vector<Hub>& hubs() const { return hubs_; }
  const std::vector<Corridor>& corridors() const { return corridors_; }
  // Where one is `metres` from hub a of the corridor; clamped to its ends.
  Place place(std::size_t corridor, double metres) const;
  // The corridor that the shortest way from one hub to another, different hub begins with.
  std::uint8_t next_corridor(std::uint8_t from, std::uint8_t to) const {
    return next_[from * hubs_.size() + to];
  }
  double distance_m(std::uint8_t from, std::uint8_t to) const {
    return distance_[from * hubs_.size() + to];
  }

 private:
  Network();
  void find_shortest_ways();

  std::vector<Hub> hubs_;
  std::vector<Corridor> corridors_;
  std::vector<std::uint8_t> next_;  // [from][to]
  std::vector<double> distance_;    // [from][to]
};

// Great-circle distance in metres.
double distance_m(double lat_a, double lon_a, double lat_b, double lon_b);

}  // namespace sources
