// Tables that Apache Spark wrote, with the rows that it reads from them.
#include <cstdlib>
#include <set>

#include "base/uuid.h"
#include "lake/fixture.h"
#include "lake/log_files.h"

namespace {

namespace fs = std::filesystem;

// Where the archives lie: in WAYBILL_SHARED, or beside the checkout.
fs::path golden_folder() {
  const char* shared = std::getenv("WAYBILL_SHARED");
  const fs::path root = shared ? fs::path(shared) : fs::path(WAYBILL_SOURCE_DIR) / ".." / "shared";
  return root / "acceptance" / "delta" / "golden";
}

class GoldenTables : public lake_test::LakeTest {
 protected:
  // Rows of `left` that `right` does not have, counted as a multiset.
  std::string difference(const std::string& left, const std::string& right) {
    auto result =
        connection_->query("SELECT count(*) FROM ((" + left + ") EXCEPT ALL (" + right + "))");
    if (!result) return result.error().to_string();
    const auto count = (*result)->int_at(0, 0);
    return count == 0 ? "" : std::to_string(count) + " rows differ";
  }

  // Deletes the commits below the newest checkpoint; false when there is none.
  bool leave_only_checkpoint(const std::string& path) {
    const auto listing = lake::read_listing(path, store_->list(lake::log_folder(path)).value());
    if (listing.checkpoints.empty() || listing.checkpoints.front().version == 0) return false;
    for (lake::Version i = 0; i < listing.checkpoints.front().version; ++i) {
      EXPECT_TRUE(store_->remove(lake::commit_key(path, i)));
    }
    return true;
  }

  // "" when the table gives the expected rows; what is wrong otherwise.
  std::string compare(lake::Table& table, const fs::path& expected) {
    const auto snapshot = table.snapshot();
    if (!snapshot) return snapshot.error().to_string();
    const std::string actual = (*snapshot)->scan_sql();
    const auto described = connection_->query("DESCRIBE " + actual);
    if (!described) return described.error().to_string();
    std::string columns;
    std::string casts;
    for (std::size_t row = 0; row < (*described)->rows(); ++row) {
      const std::string name = sql::quote_name((*described)->text(0, row));
      columns += (columns.empty() ? "" : ", ") + name;
      casts += (casts.empty() ? "" : ", ") +
               fmt::format("CAST({0} AS {1}) AS {0}", name, (*described)->text(1, row));
    }
    const std::string wanted = "SELECT " + casts + " FROM read_parquet(" +
                               sql::quote_text((expected / "*.parquet").string()) +
                               ", hive_partitioning = false)";
    const std::string mine = "SELECT " + columns + " FROM (" + actual + ")";
    const std::string missing = difference(wanted, mine);
    if (!missing.empty()) return "expected - actual: " + missing;
    const std::string extra = difference(mine, wanted);
    return extra.empty() ? "" : "actual - expected: " + extra;
  }
};

TEST_F(GoldenTables, AreReadWithTheRowsThatSparkReadsOrRefusedWhereTheyHaveNone) {
  const fs::path golden = golden_folder();
  if (!fs::exists(golden))
    GTEST_SKIP() << "set WAYBILL_SHARED to the folder that has acceptance/delta";
  std::set<fs::path> archives;
  for (const auto& entry : fs::directory_iterator(golden)) archives.insert(entry.path());
  ASSERT_FALSE(archives.empty());
  int read = 0;
  for (const fs::path& archive : archives) {
    const std::string name =
        archive.filename().string().substr(0, archive.filename().string().find(".tar"));
    SCOPED_TRACE(name);
    const fs::path unpacked = folder_ / name;
    fs::create_directories(unpacked);
    const std::string command =
        "tar --zstd -xf '" + archive.string() + "' -C '" + unpacked.string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
    const fs::path expected = unpacked / name / "expected";
    auto table = lake::Table::open(*store_, *database_, name + "/" + name + "/delta");
    std::string verdict;
    if (!table) {
      verdict = "refused: " + table.error().to_string();
      EXPECT_FALSE(fs::exists(expected)) << verdict;
    } else if (fs::exists(expected)) {
      const std::string wrong = compare(**table, expected);
      EXPECT_EQ(wrong, "");
      verdict = wrong.empty() ? "equal" : wrong;
      if (leave_only_checkpoint((*table)->path())) {
        auto again = lake::Table::open(*store_, *database_, (*table)->path());
        const std::string wrong_again =
            again ? compare(**again, expected) : again.error().to_string();
        EXPECT_EQ(wrong_again, "");
        verdict += wrong_again.empty() ? ", from its checkpoint alone, too" : wrong_again;
      }
      ++read;
    } else {
      verdict = fmt::format("opened at version {} with {} files; no expected rows",
                            (*table)->snapshot().value()->version(),
                            (*table)->snapshot().value()->files().size());
    }
    fmt::print("golden {:60} {}\n", name, verdict.substr(0, 150));
  }
  EXPECT_GE(read, 35);
}

}  // namespace
