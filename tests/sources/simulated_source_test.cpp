#include "log/embedded_log.h"
#include "sources/simulated_source.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "log/record_batch.h"

namespace sources {
namespace {

constexpr std::int64_t kSecond = base::kUsPerSecond;

class SimulatedSourceTest : public testing::Test {
 protected:
  SimulatedSourceTest() {
    std::string name = (std::filesystem::temp_directory_path() / "waybill-fleet-XXXXXX").string();
    root_ = mkdtemp(name.data());
    for (const char* stream : {"positions", "scans", "orders", "weather"}) {
      schema::TopicSchema topic;
      topic.topic = {.name = stream, .partitions = 2};
      topic.simulate = stream;
      topics_.push_back(topic);
    }
    open_log();
    for (const auto& topic : topics_) EXPECT_TRUE(log_->create_topic(topic.topic));
  }
  ~SimulatedSourceTest() override {
    log_.reset();
    std::filesystem::remove_all(root_);
  }

  void open_log() {
    log_.reset();
    auto opened = eventlog::open_embedded_log(disk_, clock_, {.directory = root_ / "log"});
    ASSERT_TRUE(opened) << opened.error().to_string();
    log_ = *std::move(opened);
  }

  // Lets the fleet follow the clock for a while; stops it when it has caught up.
  void run_for(std::int64_t us) {
    SimulatedSource source(*log_, topics_, clock_, disk_, root_, options_);
    const auto started = source.start();
    ASSERT_TRUE(started) << started.error().to_string();
    clock_.advance_us(us);
    std::int64_t before = -1;
    for (int quiet = 0; quiet < 5;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      quiet = source.records() == before ? quiet + 1 : 0;
      before = source.records();
    }
  }

  std::map<std::string, int> ids(const std::string& topic, const std::string& field) {
    std::map<std::string, int> found;
    for (int partition = 0; partition < 2; ++partition) {
      for (eventlog::Offset at = 0;;) {
        const auto read = log_->read({topic, partition}, at, 4UL << 20);
        EXPECT_TRUE(read);
        if (!read || read->batches.empty()) break;
        for (const auto batch : read->batches) {
          EXPECT_TRUE(eventlog::for_each_record(batch, [&](const eventlog::RecordView& record) {
            const auto json = nlohmann::json::parse(record.value);
            ++found[json.at(field).get<std::string>() + " " +
                    json.at("event_time").get<std::string>()];
          }));
        }
        at = read->next_offset;
      }
    }
    return found;
  }

  base::Path root_;
  base::FileSystem& disk_ = base::posix_file_system();
  base::ManualClock clock_{1'790'000'000LL * kSecond};
  SimulateOptions options_{.trucks = 50, .history_us = 3600 * kSecond};
  std::vector<schema::TopicSchema> topics_;
  std::unique_ptr<eventlog::EventLog> log_;
};

std::map<std::string, long> told(const base::Path& root) {
  std::map<std::string, long> faults;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (!entry.path().filename().string().starts_with("truth-")) continue;
    const std::string text = *base::read_file(base::posix_file_system(), entry.path());
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      ++faults[nlohmann::json::parse(text.substr(at, text.find('\n', at) - at)).at("fault")];
    }
  }
  return faults;
}

TEST_F(SimulatedSourceTest, ARestartCarriesOnWithoutLossOrDoubling) {
  run_for(300 * kSecond);
  open_log();
  std::filesystem::remove(root_ / "simulation.json.tmp");
  run_for(300 * kSecond);
  const auto positions = ids("positions", "truck_id");
  EXPECT_NEAR(static_cast<double>(positions.size()), 50 * 600 / 10, 150);
  long doubled = 0;
  for (const auto& [id, count] : positions) doubled += count - 1;
  const auto faults = told(root_);
  EXPECT_EQ(doubled, faults.contains("duplicate_position") ? faults.at("duplicate_position") : 0);
}

TEST_F(SimulatedSourceTest, WhatWasSentAfterTheLastSavedStateIsNotSentAgain) {
  run_for(5 * kSecond);
  const std::string saved = *base::read_file(disk_, root_ / "simulation.json");
  run_for(300 * kSecond);
  const auto before = ids("positions", "truck_id");
  ASSERT_TRUE(
      base::write_file_durably(disk_, root_ / "simulation.json", saved));  // as a kill leaves it
  open_log();
  run_for(0);
  EXPECT_EQ(ids("positions", "truck_id"), before);
}

TEST_F(SimulatedSourceTest, AfterALongPauseNewShipmentsHaveIdsOfTheirOwn) {
  run_for(60 * kSecond);
  const auto before = ids("orders", "order_id");
  clock_.advance_us(5 * 3600 * kSecond);
  run_for(60 * kSecond);
  const auto after = ids("orders", "order_id");
  EXPECT_GT(after.size(), before.size());
  for (const auto& [id, count] : after) EXPECT_EQ(count, 1) << id;
}

TEST_F(SimulatedSourceTest, RefusesToFeedNothing) {
  for (auto& topic : topics_) topic.simulate.clear();
  SimulatedSource source(*log_, topics_, clock_, disk_, root_, options_);
  EXPECT_FALSE(source.start());
}

TEST(ParseSimulate, NamesAWrongSetting) {
  const auto yaml = base::Yaml::parse("trucks: 10\nsede: 7\n", "waybill.yaml");
  const auto options = parse_simulate(*yaml);
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().to_string(),
            "waybill.yaml:2: unknown setting 'sede'. Mend: did you mean 'seed'?");
}

}  // namespace
}  // namespace sources
