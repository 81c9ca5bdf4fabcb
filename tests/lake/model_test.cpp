// Random histories against a model in memory, on a store that fails at any write.
#include <map>
#include <random>
#include <set>

#include "lake/failing_store.h"
#include "lake/fixture.h"

namespace {

using base::Result;
using columns::Type;
using lake_test::FailingStore;
using lake_test::field;

using Rows = std::multiset<std::string>;

class Model : public lake_test::LakeTest {
 protected:
  // Two rows of partition p, numbered.
  static std::string select(int number, int p) {
    return fmt::format("SELECT id, 'p{}' AS p FROM (VALUES ({}), ({})) AS v(id)", p, number * 2,
                       number * 2 + 1);
  }
  static void insert(Rows& rows, int number, int p) {
    rows.insert(fmt::format("{}|p{}", number * 2, p));
    rows.insert(fmt::format("{}|p{}", number * 2 + 1, p));
  }
  Rows read(lake::Table& table) {
    const auto lines = rows(table);
    return {lines.begin(), lines.end()};
  }

  // One random change. On success `model` follows; an error leaves it as it is.
  Result<> step(lake::Table& table, std::mt19937& random, int number, Rows& model) {
    const int p = static_cast<int>(random() % 3);
    const auto kind = random() % 8;
    if (kind == 7) {
      TRY(table.compact(1 << 20, 2));
      return {};
    }
    auto transaction = TRY(table.begin());
    transaction->set_transaction("steps", number);
    Rows next = model;
    if (kind >= 3) {  // overwrite everything, or one partition
      const bool whole = kind == 3;
      if (whole) {
        transaction->read_whole_table();
      } else {
        transaction->read_partitions({{{"p", fmt::format("p{}", p)}}});
      }
      for (const auto& file : transaction->base().files()) {
        if (whole || file.partition_values.at("p") == fmt::format("p{}", p))
          transaction->remove(file);
      }
      std::erase_if(next, [&](const std::string& row) {
        return whole || row.ends_with(fmt::format("|p{}", p));
      });
    }
    for (auto& file : TRY(table.stage(*connection_, select(number, p)))) {
      transaction->add(std::move(file));
    }
    insert(next, number, p);
    TRY(transaction->commit({.operation = "WRITE"}));
    model = std::move(next);
    return {};
  }

  // After an error, the table has either all of the step or nothing of it; its txn tells which.
  void settle(lake::Table& table, std::mt19937 random, int number, Rows& model) {
    if (table.snapshot().value()->transaction_version("steps") != number) return;
    // It took effect: repeat it on a twin of the model without touching the table.
    const int p = static_cast<int>(random() % 3);
    const auto kind = random() % 8;
    std::erase_if(model, [&](const std::string& row) {
      return kind == 3 || (kind > 3 && row.ends_with(fmt::format("|p{}", p)));
    });
    insert(model, number, p);
  }

  void run(unsigned seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    FailingStore failing(*store_);
    const std::string path = fmt::format("t{}", seed);
    auto table =
        lake::Table::create(failing, *database_, path,
                            options({field("id", Type::kInt64), field("p", Type::kString)}, {"p"}))
            .value();
    Rows model;
    std::map<lake::Version, Rows> history{{0, {}}};
    int errors = 0;
    for (int number = 1; number <= 30; ++number) {
      if (random() % 2 == 0) {
        failing.fail_after(static_cast<int>(random() % 8), random() % 2 == 0
                                                               ? FailingStore::Mode::kBefore
                                                               : FailingStore::Mode::kAfter);
      }
      const std::mt19937 before = random;
      if (auto done = step(*table, random, number, model); !done) {
        ++errors;
        failing.heal();
        settle(*table, before, number, model);
      }
      failing.heal();
      if (random() % 4 == 0) table = lake::Table::open(failing, *database_, path).value();
      ASSERT_EQ(read(*table), model) << "after step " << number;
      history[table->snapshot().value()->version()] = model;
    }
    EXPECT_GT(errors, 0);
    auto fresh = lake::Table::open(*store_, *database_, path).value();
    EXPECT_EQ(read(*fresh), model);
    for (const auto& [version, rows_then] : history) {
      const auto lines = query(fresh->snapshot_at(version).value()->scan_sql());
      EXPECT_EQ(Rows(lines.begin(), lines.end()), rows_then) << "version " << version;
    }
    // Vacuum takes all that no version needs any more, and only that.
    ASSERT_TRUE(fresh->vacuum(0, base::SystemClock().now_us() + 2 * 3600 * base::kUsPerSecond));
    EXPECT_EQ(read(*fresh), model);
    std::size_t parquet = 0;
    for (const auto& object : store_->list(path + "/p=").value()) {
      parquet += object.key.ends_with(".parquet") ? 1 : 0;
    }
    EXPECT_EQ(parquet, fresh->snapshot().value()->files().size());
  }
};

TEST_F(Model, AgreesWithTheTableUnderFailuresAtAnyWrite) {
  for (unsigned seed = 1; seed <= 6; ++seed) run(seed);
}

}  // namespace
