// State behind a changelog: a broker of this build, two processes' stores in one.
#include "runs/replicated_store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/uuid.h"
#include "kafka_process.h"
#include "log/kafka_log.h"

namespace runs {
namespace {

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class ReplicatedStoreTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { kafka_ = new tests::KafkaProcess(); }
  static void TearDownTestSuite() {
    delete kafka_;
    kafka_ = nullptr;
  }
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("replica-" + base::new_uuid());
    log_ = must(eventlog::open_kafka_log(kafka_->url()));
    topic_ = "state-" + base::new_uuid();
    must(log_->create_topic({.name = topic_, .cleanup = eventlog::Cleanup::kCompact}));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<ReplicatedStore> store(const std::string& worker,
                                         const std::string& incarnation = "first") {
    const eventlog::TopicPartition at{topic_, 0};
    return must(ReplicatedStore::open(*log_,
                                      eventlog::make_kafka_changelog(kafka_->url(), at, topic_),
                                      {.folder = folder_ / worker,
                                       .changelog = at,
                                       .incarnation = incarnation,
                                       .group = topic_}));
  }
  static state::WriteSet put(const std::string& key, const std::string& value) {
    state::WriteSet changes;
    changes.put(key, value);
    return changes;
  }

  inline static tests::KafkaProcess* kafka_ = nullptr;
  std::filesystem::path folder_;
  std::unique_ptr<eventlog::EventLog> log_;
  std::string topic_;
};

TEST_F(ReplicatedStoreTest, ASuccessorHasEveryChangeAndTheOneBeforeItIsRefused) {
  const auto a = store("a");
  const auto b = store("b");
  must(a->own("a"));
  must(a->apply(put("x/1", "one")));
  must(a->apply(put("x/2", "two")));
  must(b->follow());
  EXPECT_EQ(must(b->get("x/1")), "one");
  EXPECT_EQ(b->apply(put("x/1", "mine")).error().code, base::Code::kConflict);

  bool told = false;
  a->on_lost([&] { told = true; });
  must(b->own("b"));
  EXPECT_EQ(must(b->get("x/2")), "two");
  const auto late = a->apply(put("x/2", "late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, base::Code::kConflict);
  EXPECT_TRUE(told);
  must(b->apply(put("x/3", "three")));
  a->disown();
  must(a->follow());
  EXPECT_EQ(must(a->get("x/2")), "two");
  EXPECT_EQ(must(a->get("x/3")), "three");
  EXPECT_EQ(must(a->get(kOwnerKey)), "b");
}

TEST_F(ReplicatedStoreTest, RemovedKeysAndRangesAndLargeValuesAreTheSameInACopy) {
  const auto a = store("a");
  must(a->own("a"));
  std::string large(eventlog::kChangeBytesMax * 3 + 17, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 % 251);
  state::WriteSet first;
  for (int i = 0; i < 10; ++i) first.put("r/" + std::to_string(i), "v");
  first.put("large", large);
  first.put("shrinks", large);
  first.put("empty", "");
  must(a->apply(first));
  state::WriteSet second;
  second.remove_range("r/2", "r/5");
  second.put("r/3", "again");
  second.remove("r/9");
  second.put("shrinks", "small");
  must(a->apply(second));

  const auto b = store("b");
  must(b->follow());
  EXPECT_EQ(must(b->get("large")), large);
  EXPECT_EQ(must(b->get("shrinks")), "small");
  EXPECT_EQ(must(b->get("empty")), "");
  std::vector<std::string> keys;
  must(b->scan("r/", [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  }));
  EXPECT_EQ(keys, (std::vector<std::string>{"r/0", "r/1", "r/3", "r/5", "r/6", "r/7", "r/8"}));
  EXPECT_EQ(b->change(), a->change());
}

TEST_F(ReplicatedStoreTest, ACopyOfAnotherUnitIsDroppedAndReadAnew) {
  {
    const auto a = store("a");
    must(a->own("a"));
    must(a->apply(put("x", "1")));
  }
  const auto again = store("a", "second");
  EXPECT_EQ(must(again->get("x")), std::nullopt);
  must(again->follow());
  EXPECT_EQ(must(again->get("x")), "1");
}

TEST_F(ReplicatedStoreTest, TheOffsetsOfAPositionAreShownToKafkasTools) {
  const auto a = store("a");
  must(a->own("a"));
  must(a->apply(put("pipeline/" + topic_, R"({"epoch":1,"offsets":[{"partition":0,"to":2}]})")));
  EXPECT_EQ(must(log_->committed_offsets(topic_)).at({topic_, 0}), 2);
}

}  // namespace
}  // namespace runs
