// Random histories on a disk; other stores live them in their own tests.
#include "lake/fixture.h"
#include "lake/random_history.h"

namespace {

class Histories : public lake_test::LakeTest {
 protected:
  // One thread is the quickest for a handful of rows.
  std::unique_ptr<sql::Database> small_ = sql::Database::open({.threads = 1}).value();
};

TEST_F(Histories, LeaveTheTableAtAPrefixOfWhatWasAcknowledged) {
  const auto [first, count] = lake_test::history_seeds(100);
  lake_test::HistoryStats stats;
  for (unsigned seed = first; seed < first + count; ++seed) {
    const std::string path = fmt::format("t{}", seed);
    const std::string wrong = lake_test::live_history(*store_, *small_, path, seed, stats);
    EXPECT_EQ(wrong, "") << "WAYBILL_LAKE_SEED=" << seed << " WAYBILL_LAKE_HISTORIES=1";
    if (!wrong.empty()) break;
    std::filesystem::remove_all(folder_ / path);
  }
  fmt::print(
      "{} histories from seed {}: {} changes, {} faults ({} crashes), {} took effect unheard, "
      "{} overtaken\n",
      count, first, stats.changes, stats.faults, stats.crashes, stats.unknown, stats.overtaken);
  if (count >= 20 && !HasFailure()) {
    EXPECT_GT(stats.faults, stats.changes / 10);
    EXPECT_GT(stats.unknown, 0);
    EXPECT_GT(stats.overtaken, 0);
  }
}

}  // namespace
