#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "server/redis_listener.h"

namespace server {
namespace {

constexpr base::TimestampUs kNow = 1'795'000'000'000'000;

class RedisTest : public ::testing::Test {
 protected:
  RedisTest()
      : served_(
            {{"truck",
              {.table = "gold.truck_latest", .ttl_us = 60 * base::kUsPerSecond, .time = "time"}},
             {"shipment", {.table = "gold.shipment_status"}}},
            clock_),
        fleet_({.topic = "positions"}, clock_) {
    served_.table("truck")->replace({{"TR-1", R"({"truck_id":"TR-1","speed_kmh":61.5,"hub":null})"},
                                     {"TR-2", R"({"truck_id":"TR-2","speed_kmh":0})"}});
    served_.table("shipment")->replace({{"S:1", R"({"shipment_id":"S:1"})"}});
    columns::Batch batch({.fields = {{"truck_id", columns::Type::kString},
                                     {"event_time", columns::Type::kTimestamp},
                                     {"lat", columns::Type::kFloat64},
                                     {"lon", columns::Type::kFloat64}}});
    add(batch, "TR-1", 52.52, 13.405);    // Berlin
    add(batch, "TR-2", 53.5511, 9.9937);  // Hamburg
    add(batch, "TR-3", 48.1351, 11.582);  // Munich
    fleet_.update(batch);
  }

  static void add(columns::Batch& batch, const char* id, double lat, double lon) {
    batch.columns[0].append_text(id);
    batch.columns[1].append_int(kNow - 1000);
    batch.columns[2].append_double(lat);
    batch.columns[3].append_double(lon);
  }

  std::string ask(const std::vector<std::string>& words) {
    out_.clear();
    EXPECT_TRUE(client_.answer({words.begin(), words.end()}) || words[0] == "QUIT");
    return out_;
  }

  base::ManualClock clock_{kNow};
  ServedState served_;
  ops::Fleet fleet_;
  RedisWorld world_{served_, &fleet_, clock_};
  std::string out_;
  RedisClient client_{world_, 7, out_};
};

TEST_F(RedisTest, GivesRowsAsJsonAndAsHashes) {
  EXPECT_EQ(ask({"get", "truck:TR-2"}), "$33\r\n{\"truck_id\":\"TR-2\",\"speed_kmh\":0}\r\n");
  EXPECT_EQ(ask({"GET", "truck:none"}), "$-1\r\n");
  EXPECT_EQ(ask({"GET", "shipment:S:1"}), "$21\r\n{\"shipment_id\":\"S:1\"}\r\n");
  EXPECT_EQ(ask({"HGET", "truck:TR-1", "speed_kmh"}), "$4\r\n61.5\r\n");
  EXPECT_EQ(ask({"HMGET", "truck:TR-1", "hub", "truck_id"}), "*2\r\n$-1\r\n$4\r\nTR-1\r\n");
  EXPECT_EQ(ask({"HGETALL", "truck:TR-2"}),
            "*4\r\n$8\r\ntruck_id\r\n$4\r\nTR-2\r\n$9\r\nspeed_kmh\r\n$1\r\n0\r\n");
  EXPECT_EQ(ask({"HGETALL", "nothing:x"}), "*0\r\n");
  EXPECT_EQ(ask({"MGET", "truck:TR-2", "x"}),
            "*2\r\n$33\r\n{\"truck_id\":\"TR-2\",\"speed_kmh\":0}\r\n$-1\r\n");
}

TEST_F(RedisTest, TellsWhatIsThere) {
  EXPECT_EQ(ask({"EXISTS", "truck:TR-1", "truck:TR-9", "fleet", "truck:TR-1"}), ":3\r\n");
  EXPECT_EQ(ask({"TYPE", "truck:TR-1"}), "+hash\r\n");
  EXPECT_EQ(ask({"TYPE", "fleet"}), "+zset\r\n");
  EXPECT_EQ(ask({"TTL", "truck:TR-1"}), ":-1\r\n");
  EXPECT_EQ(ask({"TTL", "truck:TR-9"}), ":-2\r\n");
  EXPECT_EQ(ask({"DBSIZE"}), ":4\r\n");
}

TEST_F(RedisTest, ScansEveryKeyOnceWhileRowsComeAndGo) {
  std::vector<ServedRow> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back({fmt::format("T{}", i), "{}"});
  served_.table("truck")->apply(rows);
  std::multiset<std::string> seen;
  std::string cursor = "0";
  int step = 0;
  do {
    ask({"SCAN", cursor, "MATCH", "truck:T*", "COUNT", "37"});
    const std::size_t from = out_.find("\r\n", 4) + 2;  // behind *2 and the cursor's length
    cursor = out_.substr(from, out_.find("\r\n", from) - from);
    for (std::size_t at = out_.find("truck:"); at != std::string::npos;
         at = out_.find("truck:", at + 1))
      seen.insert(out_.substr(at, out_.find("\r\n", at) - at));
    ++step;
    served_.table("truck")->apply({{fmt::format("new-{}", step), "{}"}},
                                  {fmt::format("new-{}", step - 3)});
  } while (cursor != "0");
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen.count(fmt::format("truck:T{}", i)), 1U) << i;
}

TEST_F(RedisTest, FindsTrucksByPlace) {
  EXPECT_EQ(
      ask({"GEOSEARCH", "fleet", "FROMLONLAT", "13.4", "52.5", "BYRADIUS", "300", "km", "ASC"}),
      "*2\r\n$4\r\nTR-1\r\n$4\r\nTR-2\r\n");
  EXPECT_EQ(ask({"GEOSEARCH", "fleet", "FROMMEMBER", "TR-1", "BYRADIUS", "600", "km", "DESC",
                 "COUNT", "1"}),
            "*1\r\n$4\r\nTR-3\r\n");
  EXPECT_EQ(ask({"GEOSEARCH", "fleet", "FROMLONLAT", "13.4", "52.5", "BYBOX", "20", "20", "km"}),
            "*1\r\n$4\r\nTR-1\r\n");
  const std::string distance = ask({"GEODIST", "fleet", "TR-1", "TR-2", "km"});
  EXPECT_NEAR(std::stod(distance.substr(distance.find('\n') + 1)), 255.25, 0.5);
  EXPECT_EQ(ask({"GEOSEARCH", "fleet", "FROMLONLAT", "x", "52", "BYRADIUS", "1", "km"}),
            "-ERR value is not a valid float\r\n");
  EXPECT_EQ(ask({"GEOSEARCH", "fleet", "FROMLONLAT", "1", "2", "BYRADIUS", "1", "yd"}),
            "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n");
}

TEST_F(RedisTest, FollowsWhatThePipelinesCommit) {
  columns::Batch rows({.fields = {{"id", columns::Type::kString},
                                  {"n", columns::Type::kInt64},
                                  {"share", columns::Type::kFloat64},
                                  {"day", columns::Type::kDate},
                                  {"time", columns::Type::kTimestamp}}});
  rows.columns[0].append_text("a\"b\n");
  rows.columns[1].append_int(-5);
  rows.columns[2].append_double(0.25);
  rows.columns[3].append_int(0);
  rows.columns[4].append_null();
  served_.changed("gold.truck_latest", "id", rows);
  EXPECT_TRUE(served_.table("truck")->contains("TR-1"));
  EXPECT_EQ(served_.table("truck")->get("a\"b\n"),
            R"({"id":"a\"b\n","n":-5,"share":0.25,"day":"1970-01-01","time":null})");
  served_.replaced("gold.truck_latest", "id", rows);
  EXPECT_EQ(served_.table("truck")->size(), 1U);
  EXPECT_FALSE(served_.follows("gold.other"));
}

TEST_F(RedisTest, ForgetsRowsWhoseTimeIsUp) {
  columns::Batch rows(
      {.fields = {{"id", columns::Type::kString}, {"time", columns::Type::kTimestamp}}});
  for (const std::int64_t age_s : {0, 30, 59, 61}) {
    rows.columns[0].append_text(fmt::format("aged-{}", age_s));
    rows.columns[1].append_int(kNow - age_s * base::kUsPerSecond);
  }
  served_.changed("gold.truck_latest", "id", rows);
  EXPECT_EQ(ask({"TTL", "truck:aged-0"}), ":60\r\n");
  EXPECT_EQ(ask({"PTTL", "truck:aged-59"}), ":1000\r\n");
  EXPECT_EQ(ask({"PEXPIRETIME", "truck:aged-30"}), fmt::format(":{}\r\n", kNow / 1000 + 30'000));
  EXPECT_EQ(ask({"EXISTS", "truck:aged-61", "truck:aged-59"}), ":1\r\n");
  clock_.advance_us(2 * base::kUsPerSecond);
  EXPECT_EQ(ask({"GET", "truck:aged-59"}), "$-1\r\n");
  EXPECT_EQ(ask({"TTL", "truck:aged-59"}), ":-2\r\n");
  const std::size_t before = served_.table("truck")->size();
  served_.table("truck")->apply({});
  EXPECT_EQ(served_.table("truck")->size(), before - 1);  // aged-61 went with the first change
}

TEST_F(RedisTest, RunsATransactionAsAWholeOrNotAtAll) {
  EXPECT_EQ(ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(ask({"HGET", "truck:TR-1", "truck_id"}), "+QUEUED\r\n");
  EXPECT_EQ(ask({"EXISTS", "truck:TR-9"}), "+QUEUED\r\n");
  EXPECT_EQ(ask({"EXEC"}), "*2\r\n$4\r\nTR-1\r\n:0\r\n");
  EXPECT_EQ(ask({"EXEC"}), "-ERR EXEC without MULTI\r\n");
  ask({"MULTI"});
  EXPECT_TRUE(ask({"SET", "a", "b"}).starts_with("-READONLY"));
  EXPECT_TRUE(ask({"EXEC"}).starts_with("-EXECABORT"));
}

TEST_F(RedisTest, SaysWhyItDoesNotWrite) {
  EXPECT_TRUE(ask({"SET", "a", "b"}).starts_with("-READONLY "));
  EXPECT_EQ(ask({"NOSUCH"}), "-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
  EXPECT_EQ(ask({"GET"}), "-ERR wrong number of arguments for 'get' command\r\n");
}

TEST_F(RedisTest, SpeaksTheThirdVersionToThoseWhoAskForIt) {
  EXPECT_TRUE(ask({"HELLO", "3"}).starts_with("%7\r\n"));
  EXPECT_EQ(ask({"GET", "truck:none"}), "_\r\n");
  EXPECT_TRUE(ask({"HELLO", "4"}).starts_with("-NOPROTO"));
}

// The answer to `bytes` over a real connection that the server or this side then closes.
std::string converse(std::uint16_t port, const std::string& bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  std::thread sender([&] {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    ::shutdown(socket, SHUT_WR);
  });
  std::string answer;
  char buffer[65536];
  for (ssize_t n = 0; (n = ::recv(socket, buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(n));
  sender.join();
  ::close(socket);
  return answer;
}

TEST_F(RedisTest, AnswersALongPipelineInOrderOverTheSocket) {
  const auto listener = RedisListener::start(world_, {.address = "127.0.0.1:0"}).value();
  std::string bytes;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string word = fmt::format("word-{}", i);
    bytes += fmt::format("*2\r\n$4\r\nECHO\r\n${}\r\n{}\r\n", word.size(), word);
    expected += fmt::format("${}\r\n{}\r\n", word.size(), word);
  }
  EXPECT_EQ(converse(listener->port(), bytes), expected);
}

TEST_F(RedisTest, EndsConnectionsThatSendNoCommandsAndLivesOn) {
  const auto listener = RedisListener::start(world_, {.address = "127.0.0.1:0"}).value();
  EXPECT_TRUE(converse(listener->port(), "*1\r\n$-9\r\n").starts_with("-ERR Protocol error"));
  EXPECT_EQ(converse(listener->port(), "PING\r\nQUIT\r\nPING\r\n"), "+PONG\r\n+OK\r\n");
}

}  // namespace
}  // namespace server
