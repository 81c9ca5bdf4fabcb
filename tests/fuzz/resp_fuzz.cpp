// The Redis door's bytes from anybody: the parser cut at points of the input's choice, and every
// command over a small state with a fleet. However the bytes are cut, the answers are the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "server/redis_commands.h"

namespace server {
namespace {

constexpr base::TimestampUs kNow = 1'795'000'000'000'000;
constexpr std::size_t kOutMax = 8UL << 20;  // a listener sends what is there by then

class World {
 public:
  World()
      : served_({{"truck",
                  {.table = "gold.truck_latest", .ttl_us = 60 * base::kUsPerSecond, .time = "t"}},
                 {"shipment", {.table = "gold.shipment_status"}}},
                clock_),
        fleet_({.topic = "positions"}, clock_),
        world_{served_, &fleet_, clock_} {
    std::vector<ServedRow> rows;
    columns::Batch places({.fields = {{"truck_id", columns::Type::kString},
                                      {"event_time", columns::Type::kTimestamp},
                                      {"lat", columns::Type::kFloat64},
                                      {"lon", columns::Type::kFloat64}}});
    for (int i = 0; i < 30; ++i) {
      const std::string id = fmt::format("T{}", i);
      rows.push_back(
          {.id = id,
           .json = fmt::format(R"({{"id":"{}","n":{},"none":null,"text":"\u00e9\n"}})", id, i),
           .expires_ms = i % 3 == 0 ? kNow / 1000 + i : 0});
      places.columns[0].append_text(id);
      places.columns[1].append_int(kNow - i);
      places.columns[2].append_double(-85 + 5.8 * i);
      places.columns[3].append_double(-180 + 12.3 * i);
    }
    served_.table("truck")->replace(rows);
    served_.table("shipment")
        ->replace({{.id = "S:1", .json = "not json"}, {.id = "", .json = "{}"}});
    fleet_.update(places);
  }

  // All that is answered to `stream` when it comes in pieces of `piece` bytes.
  std::string answers(std::string_view stream, std::size_t piece) const {
    std::string out;
    RedisClient client(world_, 1, out);
    protocol::resp::Parser parser;
    while (!stream.empty()) {
      const std::string_view part = stream.substr(0, piece);
      stream.remove_prefix(part.size());
      parser.feed(part);
      while (true) {
        const auto next = parser.next();
        if (!next) {
          CHECK(next.error().message.starts_with("Protocol error"), "a refusal says what it is");
          client.writer().error("ERR " + next.error().message);
          return out;
        }
        if (*next == nullptr) break;
        const std::size_t before = out.size();
        const bool goes_on = client.answer(**next);
        CHECK(out.size() > before, "every command is answered");
        if (!goes_on || out.size() > kOutMax) return out;
      }
    }
    return out;
  }

 private:
  base::ManualClock clock_{kNow};
  ServedState served_;
  ops::Fleet fleet_;
  RedisWorld world_;
};

}  // namespace
}  // namespace server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const server::World world;
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = world.answers(stream, std::max<std::size_t>(1, stream.size()));
  CHECK(world.answers(stream, data[0] % 16 + 1) == whole, "a cut changes no answer");
  return 0;
}
