// The event log on Kafka's protocol: librdkafka against a broker of this build.
#include "log/kafka_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka_process.h"
#include "log/kafka_changelog.h"
#include "log/kafka_units.h"
#include "log/record_batch.h"

namespace eventlog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::vector<std::byte> batch_of(const std::vector<std::string>& values, std::int64_t producer = -1,
                                std::int32_t sequence = -1) {
  BatchBuilder builder;
  const std::vector<HeaderView> headers{{.key = "from", .value = "test"}};
  for (const std::string& value : values) builder.add("k", value, 1'700'000'000'000, headers);
  if (producer >= 0) builder.set_producer(producer, 0, sequence);
  return builder.finish();
}

struct Seen {
  std::vector<std::string> values;
  std::vector<Offset> offsets;
  std::vector<std::int32_t> sequences;  // of batches
  Offset next = 0;
};

Seen read_all(const EventLog& log, const TopicPartition& at, Offset from) {
  Seen seen;
  seen.next = from;
  while (true) {
    const ReadResult read = must(log.read(at, seen.next, 1 << 20));
    for (const auto& batch : read.batches) {
      seen.sequences.push_back(must(read_header(batch)).base_sequence);
      must(for_each_record(batch, [&](const RecordView& record) {
        if (record.offset < from) return;
        seen.values.emplace_back(record.value);
        seen.offsets.push_back(record.offset);
        EXPECT_EQ(record.headers.size(), 1U);
      }));
    }
    if (read.next_offset == seen.next) return seen;
    seen.next = read.next_offset;
  }
}

class KafkaLogTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { kafka_ = new tests::KafkaProcess(); }
  static void TearDownTestSuite() {
    delete kafka_;
    kafka_ = nullptr;
  }
  std::unique_ptr<EventLog> open() { return must(open_kafka_log(kafka_->url())); }
  inline static tests::KafkaProcess* kafka_ = nullptr;
};

TEST_F(KafkaLogTest, GivesBackWhatWasAppendedWithOffsetsKeysAndHeaders) {
  const auto log = open();
  must(log->create_topic({.name = "plain", .partitions = 2}));
  const TopicPartition at{"plain", 1};
  const AppendResult first = must(log->append_and_wait(at, batch_of({"a", "b"})));
  EXPECT_EQ(first.base_offset, 0);
  EXPECT_EQ(first.last_offset, 1);
  must(log->append_and_wait(at, batch_of({"c"})));
  EXPECT_THAT(read_all(*log, at, 0).values, ElementsAre("a", "b", "c"));
  EXPECT_THAT(read_all(*log, at, 1).values, ElementsAre("b", "c"));
  EXPECT_THAT(must(log->topic("plain")).end_offsets, ElementsAre(0, 3));
  EXPECT_EQ(log->create_topic({.name = "plain"}).error().code, base::Code::kAlreadyExists);
  EXPECT_EQ(log->topic("absent").error().code, base::Code::kNotFound);
}

TEST_F(KafkaLogTest, RefusesAnOffsetOutsideOfWhatIsKeptAndNamesTheRange) {
  const auto log = open();
  must(log->create_topic({.name = "kept"}));
  must(log->append_and_wait({"kept", 0}, batch_of({"a", "b", "c"})));
  EXPECT_EQ(must(log->delete_records({"kept", 0}, 2)), 2);
  const auto read = log->read({"kept", 0}, 0, 1 << 20);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, base::Code::kInvalid);
  EXPECT_THAT(read.error().message, HasSubstr("2 to 3"));
}

TEST_F(KafkaLogTest, TakesEachNumberOfAProducerOnceWhicheverProcessSendsIt) {
  const auto one = open();
  const auto other = open();
  must(one->create_topic({.name = "numbered"}));
  const TopicPartition at{"numbered", 0};
  constexpr std::int64_t kProducer = std::int64_t{1} << 61 | 5;
  EXPECT_EQ(one->last_sequence(at, kProducer), std::nullopt);
  EXPECT_FALSE(must(one->append_and_wait(at, batch_of({"a", "b"}, kProducer, 0))).duplicate);
  EXPECT_TRUE(must(other->append_and_wait(at, batch_of({"a", "b"}, kProducer, 0))).duplicate);
  // The beginning is there already, the end is not.
  must(other->append_and_wait(at, batch_of({"b", "c", "d"}, kProducer, 1)));
  EXPECT_TRUE(must(one->append_and_wait(at, batch_of({"c", "d"}, kProducer, 2))).duplicate);
  const auto gap = one->append_and_wait(at, batch_of({"f"}, kProducer, 5));
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().code, base::Code::kInvalid);
  EXPECT_EQ(one->last_sequence(at, kProducer), 3);
  EXPECT_EQ(open()->last_sequence(at, kProducer), 3);
  const Seen seen = read_all(*one, at, 0);
  EXPECT_THAT(seen.values, ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(seen.sequences, ElementsAre(0, 2));
}

TEST_F(KafkaLogTest, SkipsWhatWasRolledBackAndTheMarksOfTransactions) {
  const auto log = open();
  must(log->create_topic({.name = "changes"}));
  const TopicPartition at{"changes", 0};
  const auto writer = make_kafka_changelog(kafka_->url(), at, "unit-1");
  must(writer->own());
  const Offset end = must(writer->commit({{"a", "1"}, {"b", "2"}}, std::nullopt));
  EXPECT_EQ(end, 2);
  EXPECT_EQ(must(writer->commit({{"a", "3"}}, GroupOffsets{"shown", {{{"changes", 0}, 7}}})), 4);
  std::vector<Offset> offsets;
  Offset next = 0;
  while (true) {
    const ReadResult read = must(log->read(at, next, 1 << 20));
    for (const auto& batch : read.batches)
      must(for_each_record(batch, [&](const RecordView& r) { offsets.push_back(r.offset); }));
    if (read.next_offset == next) break;
    next = read.next_offset;
  }
  EXPECT_THAT(offsets, ElementsAre(0, 1, 3));
  EXPECT_EQ(next, 5);  // behind the last mark
  EXPECT_EQ(must(log->committed_offsets("shown")).at({"changes", 0}), 7);
}

TEST_F(KafkaLogTest, RefusesTheWriterThatWasTakenOver) {
  const auto log = open();
  must(log->create_topic({.name = "fenced"}));
  const auto zombie = make_kafka_changelog(kafka_->url(), {"fenced", 0}, "unit-2");
  const auto successor = make_kafka_changelog(kafka_->url(), {"fenced", 0}, "unit-2");
  must(zombie->own());
  must(zombie->commit({{"a", "1"}}, std::nullopt));
  must(successor->own());
  const auto late = zombie->commit({{"a", "2"}}, std::nullopt);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, base::Code::kConflict);
  must(successor->commit({{"a", "3"}}, std::nullopt));
}

TEST_F(KafkaLogTest, PlacesUnitsAlikeForEveryProcess) {
  const auto one = open();
  const auto other = open();
  const auto first = must(place_units(*one, "places", {"x", "y"}));
  const auto again = must(place_units(*other, "places", {"y", "x"}));
  std::map<std::string, Partition> before;
  for (const UnitPlace& place : first) before[place.name] = place.partition;
  ASSERT_EQ(again.size(), 2U);
  for (const UnitPlace& place : again) EXPECT_EQ(place.partition, before.at(place.name));
}

TEST(KafkaUrlTest, NamesWhatIsWrongWithAnAddress) {
  EXPECT_EQ(must(parse_kafka_url("kafka://a:1,b:2?replication=3&x=y")).replication, 3);
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"http://a", "kafka://"},
           {"kafka://", "host is missing"},
           {"kafka://a:0", "no port"},
           {"kafka://a:1/topic", "no port"},
           {"kafka://a:1?x", "setting=value"},
           {"kafka://a:1?password=env:NOT_THERE_AT_ALL", "NOT_THERE_AT_ALL"}}) {
    const auto url = parse_kafka_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_THAT(url.error().message, HasSubstr(why));
    EXPECT_NE(url.error().mend, "");
  }
}

}  // namespace
}  // namespace eventlog
