#include "runs/ledger.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/uuid.h"

namespace runs {
namespace {

Counts counts_of(std::int64_t in, std::int64_t out, std::int64_t late, std::int64_t dead,
                 std::map<std::string, std::int64_t> filtered = {}) {
  return {.in = in, .out = out, .late = late, .dead = dead, .filtered = std::move(filtered)};
}

TEST(Counts, AreBalancedWhenEveryRowWentSomewhere) {
  EXPECT_TRUE(Counts{}.balanced());
  EXPECT_TRUE(counts_of(10, 4, 3, 2, {{"where", 1}}).balanced());
  EXPECT_TRUE(counts_of(10, 4, 0, 0, {{"where", 1}, {"duplicate", 5}}).balanced());
  EXPECT_FALSE(counts_of(10, 4, 3, 2).balanced()) << "one row is lost";
  EXPECT_FALSE(counts_of(10, 11, 0, 0).balanced()) << "one row came from nowhere";
}

TEST(Counts, AddUpByNameAndComeBackFromJson) {
  Counts sum = counts_of(10, 4, 3, 2, {{"where", 1}});
  sum += counts_of(5, 1, 0, 1, {{"where", 1}, {"duplicate", 2}});
  EXPECT_EQ(sum.in, 15);
  EXPECT_EQ(sum.out, 5);
  EXPECT_EQ(sum.late, 3);
  EXPECT_EQ(sum.dead, 3);
  EXPECT_EQ(sum.filtered, (std::map<std::string, std::int64_t>{{"where", 2}, {"duplicate", 2}}));
  EXPECT_TRUE(sum.balanced());
  EXPECT_EQ(to_json(counts_from_json(to_json(sum))), to_json(sum));
}

class Ledger : public testing::Test {
 protected:
  Ledger()
      : folder_(std::filesystem::temp_directory_path() / ("ledger-" + base::new_uuid())),
        store_(std::move(*state::Store::open(folder_))) {}
  ~Ledger() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void record(const std::string& model, std::int64_t epoch,
              std::map<eventlog::Partition, Counts> by_partition) {
    std::map<eventlog::TopicPartition, Counts> by_source;
    for (auto& [partition, counts] : by_partition) by_source[{"scans", partition}] = counts;
    const runs::Run run{.id = fmt::format("{}/{}", model, epoch),
                        .model = model,
                        .model_version = 1,
                        .mode = "streaming",
                        .pipeline = "scans",
                        .epoch = epoch,
                        .inputs = {{{"scans", 0}, epoch * 10, epoch * 10 + 10}},
                        .by_source = std::move(by_source),
                        .table_version = epoch,
                        .started_us = 1'000'000 + epoch,
                        .elapsed_us = 1500};
    state::WriteSet changes;
    ASSERT_TRUE(record_run(*store_, run, changes));
    ASSERT_TRUE(store_->apply(changes));
  }
  std::vector<std::string> ids(std::size_t limit, const std::string& model) {
    std::vector<std::string> list;
    for (const auto& run : list_runs(*store_, limit, model).value()) list.push_back(run.at("run"));
    return list;
  }

  std::filesystem::path folder_;
  std::unique_ptr<state::Store> store_;
};

TEST_F(Ledger, SumsRunsByModelAndPartition) {
  record("silver.scans", 1, {{0, counts_of(10, 9, 0, 1)}, {1, counts_of(4, 4, 0, 0)}});
  record("silver.scans", 2, {{0, counts_of(10, 8, 0, 0, {{"duplicate", 2}})}});
  record("gold.hubs", 2, {{0, counts_of(8, 7, 1, 0)}});
  const auto lines = ledger(*store_).value();
  ASSERT_EQ(lines.size(), 3U);
  std::map<std::string, nlohmann::json> sums;
  for (const LedgerLine& line : lines) {
    EXPECT_EQ(line.source.topic, "scans");
    EXPECT_TRUE(line.counts.balanced());
    sums[fmt::format("{} {}", line.model, line.source.partition)] = to_json(line.counts);
  }
  EXPECT_EQ(sums.at("silver.scans 0"), to_json(counts_of(20, 17, 0, 1, {{"duplicate", 2}})));
  EXPECT_EQ(sums.at("silver.scans 1"), to_json(counts_of(4, 4, 0, 0)));
  EXPECT_EQ(sums.at("gold.hubs 0"), to_json(counts_of(8, 7, 1, 0)));
}

TEST_F(Ledger, WhatIsNotAppliedIsNotInTheSums) {
  record("silver.scans", 1, {{0, counts_of(10, 10, 0, 0)}});
  runs::Run run;
  run.id = "silver.scans/2";
  run.model = "silver.scans";
  run.by_source[{"scans", 0}] = counts_of(5, 5, 0, 0);
  state::WriteSet changes;
  ASSERT_TRUE(record_run(*store_, run, changes));
  EXPECT_EQ(ledger(*store_).value().at(0).counts.in, 10);
  EXPECT_EQ(ids(10, "").size(), 1U);
}

TEST_F(Ledger, ListsRunsNewestFirst) {
  for (std::int64_t epoch = 1; epoch <= 300; ++epoch) {
    record("silver.scans", epoch, {{0, counts_of(1, 1, 0, 0)}});
    if (epoch % 100 == 0) record("gold.hubs", epoch, {{0, counts_of(1, 1, 0, 0)}});
  }
  EXPECT_EQ(ids(3, "silver.scans"),
            (std::vector<std::string>{"silver.scans/300", "silver.scans/299", "silver.scans/298"}));
  EXPECT_EQ(ids(10, "gold.hubs"),
            (std::vector<std::string>{"gold.hubs/300", "gold.hubs/200", "gold.hubs/100"}));
  EXPECT_EQ(ids(1000, "").size(), 303U);
  EXPECT_EQ(ids(10, "gold.none").size(), 0U);
}

TEST_F(Ledger, ShowsARunWithItsIntervalAndSums) {
  record("silver.scans", 7, {{0, counts_of(6, 6, 0, 0)}, {1, counts_of(4, 3, 0, 1)}});
  const auto run = list_runs(*store_, 1, "").value().at(0);
  EXPECT_EQ(run.at("run"), "silver.scans/7");
  EXPECT_EQ(run.at("in"), 10);
  EXPECT_EQ(run.at("out"), 9);
  EXPECT_EQ(run.at("dead"), 1);
  EXPECT_EQ(run.at("table_version"), 7);
  EXPECT_EQ(run.at("interval").at(0).at("from"), 70);
  EXPECT_EQ(run.at("interval").at(0).at("to"), 80);
}

}  // namespace
}  // namespace runs
