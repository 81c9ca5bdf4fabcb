#include <chrono>
#include <future>
#include <numeric>
#include <thread>

#include "server/kafka_fixture.h"

namespace server {
namespace {

using kafka::ErrorCode;
using std::chrono::steady_clock;

class KafkaRecordsTest : public KafkaTest {
 public:
  ErrorCode produce(const std::vector<std::byte>& batch, std::int16_t version = 9,
                    std::int32_t partition = 0, const std::string& topic = "t") {
    KafkaClient client(port());
    const auto answer =
        client.ask<kafka::ProduceResponse>(produce_of(topic, batch, partition), version);
    return answer.responses[0].partition_responses[0].error_code;
  }
};

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> values;
  for (int i = from; i < to; ++i) values.push_back(std::to_string(i));
  return values;
}

TEST_F(KafkaRecordsTest, WhatIsProducedIsFetchedByteForByteInEveryVersion) {
  start();
  make_topic("t");
  KafkaClient client(port());
  for (std::int16_t version = 3; version <= 9; ++version) {
    const auto batch = batch_of({"a", "b", "c"});
    const auto answer = client.ask<kafka::ProduceResponse>(produce_of("t", batch), version);
    const auto& partition = answer.responses[0].partition_responses[0];
    EXPECT_EQ(partition.error_code, ErrorCode::kNone);
    EXPECT_EQ(partition.base_offset, (version - 3) * 3);
  }
  for (std::int16_t version = 4; version <= 12; ++version) {
    const auto answer = client.ask<kafka::FetchResponse>(fetch_of("t", 18), version);
    const auto& partition = answer.responses[0].partitions[0];
    EXPECT_EQ(partition.error_code, ErrorCode::kNone);
    EXPECT_EQ(partition.high_watermark, 21);
    EXPECT_EQ(values_of(partition), (std::vector<std::string>{"a", "b", "c"}));
    const auto sent = batch_of({"a", "b", "c"});
    const auto came = partition.records->chunks[0];
    constexpr std::size_t kMagicAt = 16;  // what stands before is the broker's
    EXPECT_TRUE(std::equal(came.begin() + kMagicAt, came.end(), sent.begin() + kMagicAt));
  }
}

TEST_F(KafkaRecordsTest, ACorruptBatchIsRefusedAndNotStored) {
  start();
  make_topic("t");
  auto batch = batch_of({"good", "and well"});
  for (const std::size_t at : {std::size_t{17}, std::size_t{30}, batch.size() - 2}) {
    auto damaged = batch;
    damaged[at] ^= std::byte{0x40};
    EXPECT_EQ(produce(damaged), ErrorCode::kCorruptMessage) << "byte " << at;
  }
  EXPECT_EQ(end_of("t"), 0);
  EXPECT_EQ(produce(batch), ErrorCode::kNone);
  EXPECT_EQ(end_of("t"), 1 + 1);
}

TEST_F(KafkaRecordsTest, RefusalsAreToldApart) {
  start();
  make_topic("t");
  const auto batch = batch_of({"x"});
  EXPECT_EQ(produce(batch, 9, 0, "nowhere"), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(produce(batch, 9, 7), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(produce(batch, 2), ErrorCode::kUnsupportedForMessageFormat);
  EXPECT_EQ(produce({}), ErrorCode::kInvalidRecord);
  KafkaClient client(port());
  const auto answer = client.ask<kafka::ProduceResponse>(produce_of("t", batch, 0, 2), 9);
  EXPECT_EQ(answer.responses[0].partition_responses[0].error_code, ErrorCode::kInvalidRequiredAcks);
  EXPECT_EQ(end_of("t"), 0);
}

TEST_F(KafkaRecordsTest, AcksZeroGivesNoAnswer) {
  start();
  make_topic("t");
  KafkaClient client(port());
  const auto batch = batch_of({"x"});
  client.send(produce_of("t", batch, 0, 0), 7, 1);
  client.send(produce_of("t", batch, 0, 1), 7, 2);
  const auto answer = client.take<kafka::ProduceResponse>(7, 2);
  EXPECT_EQ(answer.responses[0].partition_responses[0].base_offset, 1);
}

TEST_F(KafkaRecordsTest, AnOffsetInsideABatchGivesTheWholeBatch) {
  start();
  make_topic("t");
  ASSERT_EQ(produce(batch_of(numbers(0, 10))), ErrorCode::kNone);
  ASSERT_EQ(produce(batch_of(numbers(10, 20))), ErrorCode::kNone);
  KafkaClient client(port());
  const auto answer = client.ask<kafka::FetchResponse>(fetch_of("t", 7), 11);
  EXPECT_EQ(values_of(answer.responses[0].partitions[0]), numbers(0, 20));
}

TEST_F(KafkaRecordsTest, OffsetsOutsideOfWhatIsKeptAreOutOfRange) {
  start();
  make_topic("t");
  ASSERT_EQ(produce(batch_of({"x"})), ErrorCode::kNone);
  KafkaClient client(port());
  for (const std::int64_t offset : {std::int64_t{-5}, std::int64_t{2}}) {
    const auto begun = steady_clock::now();
    const auto answer = client.ask<kafka::FetchResponse>(fetch_of("t", offset, 30'000), 11);
    EXPECT_EQ(answer.responses[0].partitions[0].error_code, ErrorCode::kOffsetOutOfRange);
    EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(10)) << "an error does not wait";
  }
}

TEST_F(KafkaRecordsTest, LimitsOfBytesHoldButGiveAtLeastOneBatch) {
  start();
  make_topic("t", 3);
  for (int p = 0; p < 3; ++p) {
    for (int i = 0; i < 10; ++i)
      ASSERT_EQ(produce(batch_of({std::string(1'000, 'x')}), 7, p), ErrorCode::kNone);
  }
  KafkaClient client(port());
  const auto sizes = [&client](std::int32_t max_bytes, std::int32_t partition_max_bytes) {
    auto request = fetch_of("t", 0, 0, 3);
    request.max_bytes = max_bytes;
    for (auto& partition : request.topics[0].partitions)
      partition.partition_max_bytes = partition_max_bytes;
    const auto answer = client.ask<kafka::FetchResponse>(request, 11);
    std::vector<std::size_t> batches;
    for (const auto& partition : answer.responses[0].partitions) {
      EXPECT_EQ(partition.high_watermark, 10);
      batches.push_back(values_of(partition).size());
    }
    return batches;
  };
  EXPECT_EQ(sizes(1, 1), (std::vector<std::size_t>{1, 0, 0}));
  EXPECT_EQ(sizes(1 << 20, 2'500), (std::vector<std::size_t>{2, 2, 2}));
  const auto some = sizes(13'000, 1 << 20);
  EXPECT_EQ(some[0], 10U);
  EXPECT_EQ(some[2], 0U);
}

TEST_F(KafkaRecordsTest, AWaitingFetchIsWokenByAProduce) {
  start();
  make_topic("t", 4);
  KafkaClient waiting(port());
  for (int round = 0; round < 3; ++round) {
    auto request = fetch_of("t", round, 60'000, 4);
    for (std::size_t p = 0; p < 3; ++p) request.topics[0].partitions[p].fetch_offset = 0;
    waiting.send(request, 11);
    EXPECT_FALSE(waiting.receive(150)) << "there is nothing to be answered yet";
    const auto begun = steady_clock::now();
    ASSERT_EQ(produce(batch_of({"news"}), 7, 3), ErrorCode::kNone);
    const auto answer = waiting.take<kafka::FetchResponse>(11);
    EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(10));
    EXPECT_EQ(values_of(answer.responses[0].partitions[3]), (std::vector<std::string>{"news"}));
  }
}

TEST_F(KafkaRecordsTest, AFetchWaitsForItsMinimumOfBytesOrItsTime) {
  start();
  make_topic("t");
  KafkaClient client(port());
  ASSERT_EQ(produce(batch_of({"little"})), ErrorCode::kNone);
  auto request = fetch_of("t", 0, 400);
  request.min_bytes = 100'000;
  const auto begun = steady_clock::now();
  const auto answer = client.ask<kafka::FetchResponse>(request, 11);
  EXPECT_GE(steady_clock::now() - begun, std::chrono::milliseconds(350));
  EXPECT_EQ(values_of(answer.responses[0].partitions[0]), (std::vector<std::string>{"little"}));
  request.max_wait_ms = 60'000;
  client.send(request, 11);
  EXPECT_FALSE(client.receive(100));
  ASSERT_EQ(produce(batch_of({std::string(150'000, 'x')})), ErrorCode::kNone);
  const auto much = client.take<kafka::FetchResponse>(11);
  EXPECT_EQ(values_of(much.responses[0].partitions[0]).size(), 2U);
}

TEST_F(KafkaRecordsTest, AFetchOfADeletedTopicEnds) {
  start();
  make_topic("t");
  KafkaClient client(port());
  client.send(fetch_of("t", 0, 60'000), 11);
  EXPECT_FALSE(client.receive(100));
  ASSERT_TRUE(log().delete_topic("t"));
  const auto answer = client.take<kafka::FetchResponse>(11);
  EXPECT_EQ(answer.responses[0].partitions[0].error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(KafkaRecordsTest, ReadCommittedStopsAtAnOpenTransactionAndNamesTheAbortedOnes) {
  start();
  make_topic("t");
  const auto transactional = [](std::int64_t producer, std::int32_t sequence,
                                const std::string& value) {
    eventlog::BatchBuilder builder;
    builder.add(std::nullopt, value, 1);
    builder.set_producer(producer, 0, sequence);
    builder.set_transactional();
    return builder.finish();
  };
  const auto store = [this](std::vector<std::byte> batch) {
    ASSERT_TRUE(log().append_and_wait({"t", 0}, std::move(batch)));
  };
  store(transactional(7, 0, "open"));
  KafkaClient client(port());
  auto request = fetch_of("t", 0);
  request.isolation_level = 1;
  const auto open = client.ask<kafka::FetchResponse>(request, 11);
  EXPECT_EQ(open.responses[0].partitions[0].last_stable_offset, 0);
  EXPECT_TRUE(values_of(open.responses[0].partitions[0]).empty());

  request.max_wait_ms = 60'000;
  client.send(request, 11);
  EXPECT_FALSE(client.receive(100));
  std::promise<bool> ended;
  log().end_transaction({"t", 0}, 7, 0, false,
                        [&ended](const auto& result) { ended.set_value(result.has_value()); });
  ASSERT_TRUE(ended.get_future().get());
  const auto aborted = client.take<kafka::FetchResponse>(11);
  const auto& partition = aborted.responses[0].partitions[0];
  EXPECT_EQ(partition.last_stable_offset, 2);
  ASSERT_EQ(partition.aborted_transactions->size(), 1U);
  EXPECT_EQ(partition.aborted_transactions->front().producer_id, 7);
  EXPECT_EQ(partition.aborted_transactions->front().first_offset, 0);
}

}  // namespace
}  // namespace server
