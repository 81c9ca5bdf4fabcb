// The live feed over a real WebSocket.
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>

#include "ops/fleet_frame_reader.h"
#include "server/http_fixture.h"

namespace server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;

class Watcher {
 public:
  explicit Watcher(std::uint16_t port) {
    beast::get_lowest_layer(socket_).connect({asio::ip::address_v4::loopback(), port});
    socket_.handshake("localhost", "/v1/fleet/feed");
  }
  void subscribe(const std::string& text) {
    socket_.text(true);
    socket_.write(asio::buffer(text));
  }
  // Takes frames until `enough` says so.
  template <class F>
  void follow(F enough) {
    for (int i = 0; i < 200 && !enough(screen); ++i) {
      beast::flat_buffer buffer;
      beast::error_code error;
      socket_.read(buffer, error);
      ASSERT_FALSE(error) << error.message();
      const std::string bytes = beast::buffers_to_string(buffer.data());
      if (!socket_.got_binary()) {
        texts.push_back(bytes);
        return;
      }
      screen.take(bytes);
    }
    EXPECT_TRUE(enough(screen));
  }
  beast::error_code read_error() {
    beast::flat_buffer buffer;
    beast::error_code error;
    while (!error) socket_.read(buffer, error);
    return error;
  }

  ops::FrameReader screen;
  std::vector<std::string> texts;

 private:
  asio::io_context context_;
  websocket::stream<asio::ip::tcp::socket> socket_{context_};
};

class FleetFeed : public HttpTest {
 protected:
  void SetUp() override {
    options_.feed_interval = std::chrono::milliseconds(10);
    clock_.set(base::SystemClock().now_us());
    start();
  }
  void move(const std::string& truck, double lat, double lon) {
    columns::Batch batch(platform_->topics()[0].fields);
    batch.columns[0].append_text(truck);
    batch.columns[1].append_int(clock_.now_us());
    batch.columns[2].append_double(lat);
    batch.columns[3].append_double(lon);
    batch.columns[4].append_double(80);
    platform_->fleet()->update(batch);
  }
};

constexpr const char* kEurope = R"({"bbox":[-10,35,30,60],"budget":1000})";

TEST_F(FleetFeed, ATruckThatIsSentAppearsAtItsPlaceAndMoves) {
  move("T-1", 52.52, 13.405);
  Watcher watcher(listener_->port());
  watcher.subscribe(kEurope);
  watcher.follow([](const auto& screen) { return screen.trucks.size() == 1; });
  EXPECT_NEAR(ops::mercator_lat(watcher.screen.by_name("T-1").y), 52.52, 1e-6);
  EXPECT_NEAR(ops::mercator_lon(watcher.screen.by_name("T-1").x), 13.405, 1e-6);
  EXPECT_EQ(watcher.screen.by_name("T-1").speed_dkmh, 800);
  clock_.advance_us(1000);
  move("T-1", 48.1, 11.6);
  const auto moved = [](const auto& screen) {
    return ops::mercator_lat(screen.by_name("T-1").y) < 50;
  };
  watcher.follow(moved);
  EXPECT_EQ(watcher.screen.snapshots, 1);
}

TEST_F(FleetFeed, ANewViewStartsWithASnapshot) {
  move("berlin", 52.52, 13.405);
  move("york", 40.7, -74);
  Watcher watcher(listener_->port());
  watcher.subscribe(kEurope);
  watcher.follow([](const auto& screen) { return screen.snapshots == 1; });
  watcher.subscribe(R"({"bbox":[-80,30,-60,50]})");
  watcher.follow([](const auto& screen) { return screen.snapshots == 2; });
  EXPECT_EQ(watcher.screen.trucks.size(), 1U);
  EXPECT_NEAR(ops::mercator_lon(watcher.screen.by_name("york").x), -74, 1e-6);
}

TEST_F(FleetFeed, AWrongSubscriptionIsAnsweredInTextAndTheFeedGoesOn) {
  move("T-1", 52.52, 13.405);
  for (const char* text : {"x", "{}", R"({"bbox":[1,2,3]})", R"({"bbox":[0,50,10,40]})",
                           R"({"bbox":[0,0,1,"x"]})", R"({"bbox":[0,0,1,1],"budget":-1})"}) {
    Watcher watcher(listener_->port());
    watcher.subscribe(text);
    watcher.follow([](const auto&) { return false; });
    ASSERT_EQ(watcher.texts.size(), 1U) << text;
    EXPECT_EQ(nlohmann::json::parse(watcher.texts[0])["status"], 400) << text;
    watcher.subscribe(kEurope);
    watcher.follow([](const auto& screen) { return screen.trucks.size() == 1; });
  }
}

TEST_F(FleetFeed, StopClosesFeedsAtOnce) {
  Watcher watcher(listener_->port());
  watcher.subscribe(kEurope);
  watcher.follow([](const auto& screen) { return screen.snapshots == 1; });
  const auto start = std::chrono::steady_clock::now();
  std::thread reader([&] { EXPECT_EQ(watcher.read_error(), websocket::error::closed); });
  listener_->stop();
  reader.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(FleetFeed, ClientsThatVanishOrSendTooMuchAreLetGo) {
  for (int i = 0; i < 20; ++i) {
    Watcher watcher(listener_->port());
    watcher.subscribe(kEurope);
  }
  Watcher large(listener_->port());
  large.subscribe(std::string(10'000, ' '));
  EXPECT_NE(large.read_error(), beast::error_code());
  EXPECT_EQ(call("GET", "/healthz").status, 200);
}

TEST_F(FleetFeed, ASlowReaderGetsTheNewestStateWhenItReadsAgain) {
  for (int i = 0; i < 20'000; ++i) move("T-" + std::to_string(i), 50, 10);
  Watcher watcher(listener_->port());
  watcher.subscribe(R"({"bbox":[-180,-90,180,90],"budget":100000})");
  for (int round = 1; round <= 30; ++round) {
    clock_.advance_us(10'000);
    for (int i = 0; i < 20'000; i += 2) move("T-" + std::to_string(i), 50 - round, 10);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  clock_.advance_us(10'000);
  move("T-19999", 1, 1);
  watcher.follow([](const auto& screen) {
    return screen.trucks.size() == 20'000 && ops::mercator_lat(screen.by_name("T-19999").y) < 2;
  });
  EXPECT_NEAR(ops::mercator_lat(watcher.screen.by_name("T-0").y), 20, 1e-6);
}

TEST_F(FleetFeed, TheJsonTwinShowsTheSameTrucks) {
  move("berlin", 52.52, 13.405);
  move("york", 40.7, -74);
  const auto json = call("GET", "/v1/fleet?bbox=-10,35,30,60").json();
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["id"], "berlin");
  EXPECT_NEAR(json[0]["lat"].get<double>(), 52.52, 1e-6);
  EXPECT_EQ(json[0]["speed_kmh"], 80.0);
  EXPECT_EQ(json[0]["heading"], nullptr);
  EXPECT_EQ(json[0]["event_time"], base::format_rfc3339(clock_.now_us()));
  EXPECT_EQ(call("GET", "/v1/fleet?limit=1").json().size(), 1U);
}

}  // namespace
}  // namespace server
