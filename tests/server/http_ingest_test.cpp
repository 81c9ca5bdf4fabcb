// Records in over HTTP: what is taken, what is refused and how, against a real log.
#include <random>
#include <set>
#include <thread>

#include "base/compress.h"
#include "base/metrics.h"
#include "server/http_fixture.h"

namespace server {
namespace {

std::string position(const std::string& truck, int n = 0) {
  return fmt::format(
      R"({{"truck_id":"{}","event_time":"2026-11-23T08:00:00Z","lat":52.5,"lon":13.4,"n":{}}})",
      truck, n);
}

std::string positions(int count, int from = 0) {
  std::string body;
  for (int i = from; i < from + count; ++i)
    body += position("T-" + std::to_string(i % 37), i) + "\n";
  return body;
}

class HttpIngest : public HttpTest {};

TEST_F(HttpIngest, RecordsGoToThePartitionOfTheirKeyAsTheyCame) {
  const Reply reply = post("positions", positions(100));
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto json = reply.json();
  EXPECT_EQ(json["topic"], "positions");
  EXPECT_EQ(json["records"], 100);
  EXPECT_EQ(json["durability"], "disk");
  const auto records = stored("positions");
  ASSERT_EQ(records.size(), 100U);
  std::map<eventlog::Partition, eventlog::Offset> last;
  std::set<int> seen;
  for (const Stored& record : records) {
    EXPECT_EQ(record.partition, eventlog::partition_of_key(record.key, 4));
    EXPECT_EQ(record.timestamp_ms, 1'800'000'000'000);
    const auto value = nlohmann::json::parse(record.value);
    EXPECT_EQ(value["truck_id"], record.key);
    EXPECT_EQ(record.value, position(record.key, value["n"]));
    EXPECT_TRUE(seen.insert(value["n"].get<int>()).second);
    last[record.partition] = record.offset;
  }
  ASSERT_EQ(json["partitions"].size(), last.size());
  for (const auto& [partition, offset] : last) {
    EXPECT_EQ(json["partitions"][std::to_string(partition)]["last_offset"], offset);
    EXPECT_EQ(json["partitions"][std::to_string(partition)]["base_offset"], 0);
  }
}

TEST_F(HttpIngest, TakesObjectsArraysAndLines) {
  EXPECT_EQ(post("positions", position("A"), {kJson}).json()["records"], 1);
  EXPECT_EQ(post("positions", "[" + position("A") + ",\n" + position("B") + "]", {kJson})
                .json()["records"],
            2);
  EXPECT_EQ(post("positions", "\n" + position("A") + "\r\n\n" + position("B"), {kNdjson})
                .json()["records"],
            2);
  EXPECT_EQ(
      post("positions", position("A"), {"Content-Type: application/json; charset=utf-8"}).status,
      200);
  EXPECT_EQ(stored("positions").size(), 6U);
}

TEST_F(HttpIngest, TakesPackedBodies) {
  for (const std::string encoding : {"gzip", "zstd", "identity"}) {
    const std::string plain = positions(50);
    const std::string body = encoding == "identity" ? plain : *base::compress(encoding, plain);
    const Reply reply = post("positions", body, {kNdjson, "Content-Encoding: " + encoding});
    EXPECT_EQ(reply.status, 200) << reply.body;
  }
  EXPECT_EQ(stored("positions").size(), 150U);
}

TEST_F(HttpIngest, AnotherKeyFieldMayBeAsked) {
  EXPECT_EQ(call("POST", "/v1/topics/positions/records?key=n", position("A", 5), {kJson}).status,
            200);
  EXPECT_EQ(
      call("POST", "/v1/topics/positions/records?key=speed_kmh", position("A"), {kJson}).status,
      200);
  const auto records = stored("positions");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_TRUE(records[0].key == "5" || records[1].key == "5");
  EXPECT_TRUE(records[0].key.empty() || records[1].key.empty());
}

TEST_F(HttpIngest, RecordsOfACsvTopicSayThatTheyAreJson) {
  EXPECT_EQ(post("partner", R"({"name":"x","weight":1.5})", {kJson}).status, 200);
  EXPECT_EQ(stored("partner").at(0).headers.at("format"), "json");
}

struct Refusal {
  std::string name;
  std::string topic;
  std::string body;
  std::vector<std::string> headers;
  int status;
  int line;
  std::string detail;
};

TEST_F(HttpIngest, WhatIsWrongIsNamedAndNothingOfItIsKept) {
  const std::string good = position("A") + "\n";
  const std::string bomb = *base::compress("zstd", std::string(65 << 20, ' '));
  const Refusal cases[] = {
      {"malformed line", "positions", good + "{\"truck_id\":", {kNdjson}, 400, 2, "not JSON"},
      {"not an object", "positions", good + "\n[1]\n", {kNdjson}, 400, 3, "object"},
      {"malformed array", "positions", "[\n{}", {kJson}, 400, 2, "cut short"},
      {"malformed on a loose topic", "loose", "{\"id\":1}\nnope", {kNdjson}, 400, 2, "not JSON"},
      {"empty", "positions", "", {kNdjson}, 400, 0, "no records"},
      {"blank lines", "positions", "\n \n", {kNdjson}, 400, 0, "no records"},
      {"wrong type",
       "positions",
       good + R"({"truck_id":"B","event_time":"x","lat":1,"lon":2})",
       {kNdjson},
       422,
       2,
       "event_time"},
      {"unknown topic", "nowhere", good, {kNdjson}, 404, 0, "nowhere"},
      {"form data",
       "positions",
       good,
       {"Content-Type: application/x-www-form-urlencoded"},
       415,
       0,
       "form"},
      {"no type", "positions", good, {}, 415, 0, "type"},
      {"unknown encoding", "positions", good, {kNdjson, "Content-Encoding: br"}, 415, 0, "br"},
      {"broken gzip",
       "positions",
       "not gzip at all",
       {kNdjson, "Content-Encoding: gzip"},
       400,
       0,
       "gzip"},
      {"unpacks to too much",
       "positions",
       bomb,
       {kNdjson, "Content-Encoding: zstd"},
       413,
       0,
       "exceeds"},
      {"half a producer",
       "positions",
       good,
       {kNdjson, "Waybill-Producer: 7"},
       400,
       0,
       "Waybill-Sequence"},
      {"no number",
       "positions",
       good,
       {kNdjson, "Waybill-Producer: x", "Waybill-Sequence: 0"},
       400,
       0,
       "Producer"},
  };
  for (const Refusal& refusal : cases) {
    const Reply reply = post(refusal.topic, refusal.body, refusal.headers);
    EXPECT_EQ(reply.status, refusal.status) << refusal.name << reply.body;
    EXPECT_EQ(reply.headers.at("content-type"), "application/problem+json") << refusal.name;
    const auto json = reply.json();
    EXPECT_EQ(json["status"], refusal.status) << refusal.name;
    EXPECT_EQ(json.value("line", 0), refusal.line) << refusal.name << reply.body;
    EXPECT_NE(json["detail"].get<std::string>().find(refusal.detail), std::string::npos)
        << refusal.name << reply.body;
    EXPECT_FALSE(json["mend"].get<std::string>().empty()) << refusal.name << reply.body;
  }
  EXPECT_TRUE(stored("positions").empty());
  EXPECT_TRUE(stored("loose").empty());
}

TEST_F(HttpIngest, AnUnknownTopicListsTheKnownOnes) {
  EXPECT_EQ(post("nowhere", "{}").json()["mend"], "send to one of: loose, partner, positions");
}

TEST_F(HttpIngest, MisfitsAreListedUpToTen) {
  std::string body = position("A") + "\n";
  for (int i = 0; i < 20; ++i)
    body += "{\"truck_id\":\"B\",\"lat\":1,\"lon\":\"x\",\"event_time\":1}\n";
  const auto errors = post("positions", body).json()["errors"];
  ASSERT_EQ(errors.size(), 10U);
  EXPECT_EQ(errors[0]["record"], 1);
  EXPECT_EQ(errors[0]["line"], 2);
  EXPECT_EQ(errors[0]["field"], "lon");
  EXPECT_EQ(errors[9]["record"], 10);
}

TEST_F(HttpIngest, AMisfitFarBehindIsNamedByItsOwnLine) {
  const Reply reply = post("positions", positions(10'000) + "{}\n");
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.json()["errors"][0]["record"], 10'000);
  EXPECT_EQ(reply.json()["line"], 10'001);
  EXPECT_TRUE(stored("positions").empty());
}

TEST_F(HttpIngest, ATopicForDeadLettersTakesMisfits) {
  EXPECT_EQ(post("loose", "{\"id\":\"no number\"}\n{}\n").json()["records"], 2);
  EXPECT_EQ(stored("loose").size(), 2U);
}

TEST_F(HttpIngest, AFullQueueAndAFullDiskAreSaidAsSuch) {
  const auto partition = eventlog::partition_of_key("A", 4);
  platform_->faulty_log().fail_next(
      partition, {.code = base::Code::kUnavailable, .message = "the queue is full"});
  const Reply busy = post("positions", position("A"));
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.headers.at("retry-after"), "1");
  platform_->faulty_log().fail_next(partition, {.code = base::Code::kUnavailable,
                                                .message = "nothing was appended",
                                                .mend = "free space on that disk"});
  EXPECT_EQ(post("positions", position("A")).status, 507);
  EXPECT_EQ(post("positions", position("A")).status, 200);
}

TEST_F(HttpIngest, LargeBodiesAreTakenUpToTheLimit) {
  std::string body = positions(60'000);
  ASSERT_LT(body.size(), 16U << 20);
  EXPECT_EQ(post("positions", body).json()["records"], 60'000);
  EXPECT_EQ(stored("positions").size(), 60'000U);
  body.resize((16 << 20) + 1, '\n');
  EXPECT_EQ(post("positions", body).status, 413);
  // Chunked, so that the size is not announced.
  Client client(listener_->port());
  client.send("POST /v1/topics/positions/records HTTP/1.1\r\nHost: localhost\r\n" + kNdjson +
              "\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "100000\r\n" + std::string(1 << 20, '\n') + "\r\n";
  for (int i = 0; i < 17; ++i) client.send(chunk);
  EXPECT_EQ(client.receive().status, 413);
}

TEST_F(HttpIngest, ARequestCutAtAnyByteIsTheSameRequest) {
  const std::string text =
      request_text("POST", "/v1/topics/positions/records", position("A"), {kJson});
  Client client(listener_->port());
  for (std::size_t cut = 1; cut < text.size(); cut += 1) {
    client.send(std::string_view(text).substr(0, cut));
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    client.send(std::string_view(text).substr(cut));
    ASSERT_EQ(client.receive().status, 200) << cut;
  }
  EXPECT_EQ(stored("positions").size(), text.size() - 1);
}

TEST_F(HttpIngest, PipelinedRequestsAreAnsweredInOrder) {
  std::string text;
  for (int i = 1; i <= 20; ++i) {
    text += request_text("POST", "/v1/topics/positions/records", positions(i), {kNdjson});
    text += request_text("GET", "/v1/shipments/S-" + std::to_string(i));
  }
  Client client(listener_->port());
  client.send(text);
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(client.receive().json()["records"], i);
    EXPECT_EQ(client.receive().json()["id"], "S-" + std::to_string(i));
  }
}

TEST_F(HttpIngest, AcknowledgedRecordsAreCountedByTopic) {
  auto& counter = base::counter("waybill_ingest_records_total", "Records acknowledged over HTTP.",
                                {{"topic", "positions"}});
  const double before = counter.Value();
  post("positions", positions(12));
  post("positions", "broken");
  EXPECT_EQ(counter.Value() - before, 12);
}

class HttpProducers : public HttpTest {
 protected:
  Reply send(int from, int count, std::int64_t producer = 7) {
    return post("positions", positions(count, from),
                {kNdjson, fmt::format("Waybill-Producer: {}", producer),
                 fmt::format("Waybill-Sequence: {}", from)});
  }
  void fail(eventlog::Partition partition, int times = 1) {
    platform_->faulty_log().fail_next(partition,
                                      {.code = base::Code::kUnavailable, .message = "full"}, times);
  }
  // Every number below `count` once, and no other.
  void expect_each_once(int count) {
    std::map<int, int> seen;
    for (const Stored& record : stored("positions"))
      ++seen[nlohmann::json::parse(record.value)["n"].get<int>()];
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
    for (const auto& [n, times] : seen) EXPECT_EQ(times, 1) << n;
    if (!seen.empty()) {
      EXPECT_EQ(seen.rbegin()->first, count - 1);
    }
  }
};

TEST_F(HttpProducers, ARepeatedRequestIsHarmlessAlsoAfterARestart) {
  EXPECT_EQ(send(0, 100).status, 200);
  const Reply again = send(0, 100);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.json()["duplicates"], 100);
  restart();
  EXPECT_EQ(send(0, 100).json()["duplicates"], 100);
  EXPECT_EQ(send(100, 50).status, 200);
  EXPECT_EQ(send(100, 50).json()["duplicates"], 50);
  EXPECT_EQ(send(0, 10).json()["duplicates"], 10);
  expect_each_once(150);
}

TEST_F(HttpProducers, ARequestThatFailedHalfWayIsCompletedByRepeatingIt) {
  for (const bool after_restart : {false, true}) {
    const int from = after_restart ? 200 : 0;
    fail(2);
    EXPECT_EQ(send(from, 200).status, 429);
    EXPECT_EQ(send(from + 200, 10).status, 409) << "it would step over what partition 2 lacks";
    if (after_restart) restart();
    EXPECT_EQ(send(from + 200, 10).status, 409);
    const Reply again = send(from, 200);
    EXPECT_EQ(again.status, 200) << again.body;
    EXPECT_GT(again.json()["duplicates"], 0);
    EXPECT_EQ(again.json()["partitions"].size(), 1U);
  }
  expect_each_once(400);
}

TEST_F(HttpProducers, ARepeatMayBeCutAnew) {
  fail(1);
  EXPECT_EQ(send(0, 300).status, 429);
  EXPECT_EQ(send(0, 100).status, 200);
  EXPECT_EQ(send(100, 150).status, 200);
  restart();
  EXPECT_EQ(send(200, 200).status, 200);
  expect_each_once(400);
}

TEST_F(HttpProducers, ARepeatInPiecesIsRememberedAlsoWhereNothingWasLeftToWrite) {
  fail(eventlog::partition_of_key("T-0", 4));
  EXPECT_EQ(send(0, 30).status, 429);
  EXPECT_EQ(send(0, 29).status, 200);
  const Reply rest = send(29, 1);  // T-29 was written by the first try, if its partition is another
  EXPECT_EQ(rest.status, 200);
  restart();
  EXPECT_EQ(send(30, 10).status, 200);
  expect_each_once(40);
}

TEST_F(HttpProducers, NumbersThatStepOverRecordsAreRefusedWithTheNextOne) {
  send(0, 10);
  const Reply gap = send(11, 5);
  EXPECT_EQ(gap.status, 409);
  EXPECT_NE(gap.json()["mend"].get<std::string>().find("Waybill-Sequence 10"), std::string::npos);
  expect_each_once(10);
}

TEST_F(HttpProducers, AProducerThatIsNotRememberedMayGoOnButNotBack) {
  EXPECT_EQ(send(50, 10).status, 200);
  EXPECT_EQ(send(40, 10).status, 409);
  restart();
  EXPECT_EQ(send(40, 10).status, 409);
  EXPECT_EQ(send(60, 10).status, 200);
  EXPECT_EQ(stored("positions").size(), 20U);
}

TEST_F(HttpProducers, ProducersDoNotDisturbEachOther) {
  EXPECT_EQ(send(0, 10, 1).status, 200);
  EXPECT_EQ(send(0, 10, 2).status, 200);
  EXPECT_EQ(send(10, 10, 1).status, 200);
  EXPECT_EQ(stored("positions").size(), 30U);
}

TEST_F(HttpProducers, TheSameRequestFromManyConnectionsAtOnceIsTakenOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { good += send(0, 100).status == 200 ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  expect_each_once(100);
}

TEST_F(HttpProducers, WhateverFailsARetryingProducerLandsEachRecordOnce) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  int next = 0;
  for (int round = 0; round < 120; ++round) {
    const int count = 1 + static_cast<int>(random() % 40);
    for (eventlog::Partition p = 0; p < 4; ++p) {
      if (random() % 4 == 0) fail(p);
    }
    const Reply reply = send(next, count);
    if (reply.status == 200) next += count;
    if (random() % 10 == 0)
      next = std::max(0, next - static_cast<int>(random() % 30));  // an answer that got lost
    if (random() % 20 == 0) restart();
    ASSERT_TRUE(reply.status == 200 || reply.status == 429) << reply.body;
  }
  for (eventlog::Partition p = 0; p < 4; ++p) fail(p, 0);
  const Reply last = send(next, 5000 - next);
  ASSERT_EQ(last.status, 200) << last.body;
  expect_each_once(5000);
}

}  // namespace
}  // namespace server
