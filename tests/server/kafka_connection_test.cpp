#include <chrono>
#include <thread>

#include "server/kafka_fixture.h"

namespace server {
namespace {

using kafka::ErrorCode;
using std::chrono::steady_clock;

std::string frame_of(std::int32_t length, std::string_view body) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<char>(length >> static_cast<unsigned>(shift)));
  return bytes.append(body);
}

// Whether somebody else is served as if nothing had happened.
bool serves(std::uint16_t port) {
  KafkaClient client(port);
  const auto answer = client.ask<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, 2);
  return answer.error_code == ErrorCode::kNone;
}

struct Garbage {
  std::string name;
  std::string bytes;
};

class KafkaGarbageTest : public KafkaTest, public testing::WithParamInterface<Garbage> {};

TEST_P(KafkaGarbageTest, EndsTheConnectionAndNothingElse) {
  start();
  KafkaClient client(port());
  client.send_bytes(GetParam().bytes);
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(serves(port()));
}

INSTANTIATE_TEST_SUITE_P(
    Kafka, KafkaGarbageTest,
    testing::Values(
        Garbage{"AnHttpRequest", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
        Garbage{"ATlsHello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)},
        Garbage{"ANegativeLength", frame_of(-1, "")}, Garbage{"NoLength", frame_of(0, "")},
        Garbage{"ALengthBelowAHeader", frame_of(7, "1234567")},
        Garbage{"AnAbsurdLength", frame_of(INT32_MAX, "")},
        Garbage{"ALengthJustAboveTheMaximum",
                frame_of(static_cast<std::int32_t>(kKafkaRequestBytesMax) + 1, "")},
        Garbage{"AnUnknownCall", frame_of(10, std::string("\x03\xe8\0\0\0\0\0\x01\xff\xff", 10))},
        Garbage{"AnUnknownVersion",
                frame_of(10, std::string("\0\x03\0\x63\0\0\0\x01\xff\xff", 10))},
        Garbage{"AClientIdBehindTheEnd",
                frame_of(10, std::string("\0\x03\0\x01\0\0\0\x01\x7f\xff", 10))},
        Garbage{"ABodyThatIsCut",
                frame_of(12, std::string("\0\x03\0\x01\0\0\0\x01\xff\xff\0\0", 12))},
        Garbage{"AnArrayOfTwoBillion",
                frame_of(14, std::string("\0\x03\0\x01\0\0\0\x01\xff\xff\x7f\xff\xff\xff", 14))}),
    [](const auto& test) { return test.param.name; });

class KafkaConnectionTest : public KafkaTest {};

TEST_F(KafkaConnectionTest, AnApiVersionsOfTheFutureIsAnsweredInVersionZeroWithTheRange) {
  start();
  KafkaClient client(port());
  client.send_bytes(frame_of(13, std::string("\0\x12\0\x63\0\0\0\x07\xff\xff\0ab", 13)));
  const auto answer = client.take<kafka::ApiVersionsResponse>(0, 7);
  EXPECT_EQ(answer.error_code, ErrorCode::kUnsupportedVersion);
  ASSERT_EQ(answer.api_keys.size(), 1U);
  EXPECT_EQ(answer.api_keys[0].api_key, 18);
  EXPECT_EQ(answer.api_keys[0].max_version, 3);
  const auto again = client.ask<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, 0);
  EXPECT_EQ(again.error_code, ErrorCode::kNone);
}

TEST_F(KafkaConnectionTest, RangesBeginWhereOlderClientsExpectThem) {
  start();
  KafkaClient client(port());
  const auto answer = client.ask<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, 3);
  std::map<int, std::pair<int, int>> ranges;
  for (const auto& api : answer.api_keys) ranges[api.api_key] = {api.min_version, api.max_version};
  EXPECT_EQ(ranges[0].first, 0) << "Produce: compression is switched off otherwise";
  EXPECT_GE(ranges[0].second, 7) << "Produce: zstd needs 7";
  EXPECT_LE(ranges[1].first, 4) << "Fetch";
  EXPECT_GE(ranges[1].second, 10) << "Fetch: zstd needs 10";
}

TEST_F(KafkaConnectionTest, ACutFrameStoresNothing) {
  start();
  make_topic("t");
  {
    KafkaClient client(port());
    const auto batch = batch_of({"lost"});
    const auto bytes = client.bytes_of(produce_of("t", batch), 7, 1);
    client.send_bytes(std::span(bytes).first(bytes.size() - 1));
  }
  KafkaClient client(port());
  const auto batch = batch_of({"kept"});
  const auto answer = client.ask<kafka::ProduceResponse>(produce_of("t", batch), 7);
  EXPECT_EQ(answer.responses[0].partition_responses[0].base_offset, 0);
}

TEST_F(KafkaConnectionTest, ARequestMayComeByteByByte) {
  start();
  KafkaClient client(port());
  const auto bytes = client.bytes_of(kafka::MetadataRequest{}, 9, 5);
  for (const std::byte& byte : bytes) client.send_bytes(std::span(&byte, 1));
  const auto answer = client.take<kafka::MetadataResponse>(9, 5);
  EXPECT_EQ(answer.brokers.size(), 1U);
}

TEST_F(KafkaConnectionTest, AFrameThatDoesNotComeToItsEndIsGivenUp) {
  start({.frame_timeout = std::chrono::milliseconds(200)});
  KafkaClient client(port());
  client.send_bytes(frame_of(100, "begun"));
  EXPECT_TRUE(client.closed(3'000));
}

TEST_F(KafkaConnectionTest, AnIdleConnectionIsClosed) {
  start({.idle_timeout = std::chrono::milliseconds(300)});
  KafkaClient client(port());
  EXPECT_FALSE(client.closed(100));
  EXPECT_TRUE(client.closed(3'000));
}

TEST_F(KafkaConnectionTest, AnswersComeInTheOrderOfTheRequests) {
  start();
  make_topic("t");
  KafkaClient client(port());
  constexpr int kRequests = 200;
  std::vector<std::byte> all;
  for (int i = 0; i < kRequests; ++i) {
    const auto batch = batch_of({std::to_string(i)});
    const auto bytes = i % 10 == 9 ? client.bytes_of(kafka::MetadataRequest{}, 4, i)
                                   : client.bytes_of(produce_of("t", batch), 7, i);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  client.send_bytes(std::span<const std::byte>(all));
  std::int64_t next = 0;
  for (int i = 0; i < kRequests; ++i) {
    if (i % 10 == 9) {
      client.take<kafka::MetadataResponse>(4, i);
      continue;
    }
    const auto answer = client.take<kafka::ProduceResponse>(7, i);
    const auto& partition = answer.responses[0].partition_responses[0];
    EXPECT_EQ(partition.error_code, ErrorCode::kNone);
    EXPECT_EQ(partition.base_offset, next++) << "request " << i;
  }
}

TEST_F(KafkaConnectionTest, AWaitingFetchGivesWayToTheRequestBehindIt) {
  start();
  make_topic("t");
  KafkaClient client(port());
  client.send(fetch_of("t", 0, 60'000), 11, 1);
  client.send(kafka::MetadataRequest{}, 4, 2);
  const auto begun = steady_clock::now();
  client.take<kafka::FetchResponse>(11, 1);
  client.take<kafka::MetadataResponse>(4, 2);
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(20));
}

TEST_F(KafkaConnectionTest, ATightBudgetOfBytesSlowsClientsAndFailsNone) {
  start({.requests_bytes_max = 10'000, .connection_bytes_max = 10'000});
  make_topic("t", 4);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t, &good] {
      KafkaClient client(port());
      const auto batch = batch_of({std::string(6'000, 'x')});
      for (int i = 0; i < 20; ++i) client.send(produce_of("t", batch, t), 7, i);
      for (int i = 0; i < 20; ++i) {
        const auto answer = client.take<kafka::ProduceResponse>(7, i);
        if (answer.responses[0].partition_responses[0].error_code == ErrorCode::kNone) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
  for (int p = 0; p < 4; ++p) EXPECT_EQ(end_of("t", p), 20);
}

TEST_F(KafkaConnectionTest, ManyConnectionsAreServedSideBySide) {
  start();
  make_topic("t");
  std::vector<std::unique_ptr<KafkaClient>> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(std::make_unique<KafkaClient>(port()));
  const auto batch = batch_of({"x"});
  for (auto& client : clients) client->send(produce_of("t", batch), 7);
  for (auto& client : clients) {
    const auto answer = client->take<kafka::ProduceResponse>(7);
    EXPECT_EQ(answer.responses[0].partition_responses[0].error_code, ErrorCode::kNone);
  }
  EXPECT_EQ(end_of("t"), 500);
}

TEST_F(KafkaConnectionTest, OneConnectionTooManyIsClosed) {
  start({.connections_max = 2});
  KafkaClient first(port());
  KafkaClient second(port());
  first.ask<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, 0);
  second.ask<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, 0);
  KafkaClient third(port());
  EXPECT_TRUE(third.closed());
}

TEST_F(KafkaConnectionTest, AStopAnswersWhatIsUnderWayAndCutsTheWaitOfAFetch) {
  start();
  make_topic("t");
  KafkaClient waiting(port());
  waiting.ask<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, 0);
  waiting.send(fetch_of("t", 0, 60'000), 11);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto begun = steady_clock::now();
  stop();
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(3));
  const auto answer = waiting.take<kafka::FetchResponse>(11);
  EXPECT_EQ(answer.responses[0].partitions[0].error_code, ErrorCode::kNone);
  EXPECT_TRUE(waiting.closed());
}

}  // namespace
}  // namespace server
