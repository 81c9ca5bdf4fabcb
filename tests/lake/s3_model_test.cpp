// Random histories of tables on S3 against a model in memory, while requests are lost, repeated,
// refused, cut and come late: the table is always what was acknowledged, and a change whose outcome
// is not known is there whole or not at all.
#include <map>
#include <random>
#include <set>

#include "lake/dml.h"
#include "lake/fixture.h"
#include "lake/random_history.h"
#include "storage/s3_store.h"
#include "storage/simulated_s3.h"

namespace {

using base::Result;
using columns::Type;
using lake_test::field;
using storage::SimulatedS3;

using Rows = std::map<int, int>;  // id -> value

// What a change does to the rows, and how it is asked for.
struct Step {
  std::string name;
  std::function<Result<lake::Changed>(lake::Table&, sql::Connection&)> run;
  std::function<void(Rows&)> follow;
};

class S3Model : public lake_test::LakeTest {
 protected:
  std::unique_ptr<storage::ObjectStore> open_store(int number) {
    storage::S3StoreOptions options;
    options.location = {.bucket = "b", .prefix = "lake", .endpoint = "http://s3"};
    options.location.path_style = true;
    options.cache = folder_ / fmt::format("cache-{}", number);
    options.cache_bytes_max = 20'000;  // a few files: they come and go
    options.client = {
        .deadline_us = deadline_us_, .first_pause_us = 50'000, .pause_max_us = 100'000};
    options.client.threads = 1;       // the same seed, the same history
    options.client.part_bytes = 300;  // files have a kilobyte or so
    options.client.multipart_from_bytes = 900;
    storage::CredentialWorld world{
        .http = s3_,
        .clock = clock_,
        .disk = base::posix_file_system(),
        .variable = [](const std::string& name) -> std::optional<std::string> {
          return name.starts_with("AWS_ACCESS") || name.starts_with("AWS_SECRET")
                     ? std::optional<std::string>("key")
                     : std::nullopt;
        }};
    storage::RetryWorld retry{
        .clock = clock_,
        .sleep_us = [this](std::int64_t us) { clock_.advance_us(us); },
        .random = [this] { return static_cast<double>(chance_() % 100) / 100; }};
    return storage::s3_store_over(base::posix_file_system(), clock_, options, s3_, retry, world)
        .value();
  }

  // Single failures that retries get over, and from time to time an outage that they do not.
  SimulatedS3::Fault fault(const storage::HttpRequest& request) {
    using Fault = SimulatedS3::Fault;
    if (trouble_ == 0) return Fault::kNone;
    if (outage_ > 0) --outage_;
    // The worst moment: a commit arrives, now or late, and then the network is gone for long.
    if (outage_ == 0 && outages_ && request.headers.contains("if-none-match") &&
        chance_() % 6 == 0) {
      outage_ = 60;
      return chance_() % 2 == 0 ? Fault::kNoAnswerAfter : Fault::kNoAnswerLate;
    }
    if (outage_ == 0 && outages_ && chance_() % (trouble_ * 12) == 0)
      outage_ = 3 + static_cast<int>(chance_() % 12);
    if (outage_ == 0 && chance_() % trouble_ != 0) return Fault::kNone;
    static constexpr Fault kAny[] = {Fault::kNoAnswerBefore, Fault::kNoAnswerAfter,
                                     Fault::kNoAnswerLate,   Fault::kSlowDown,
                                     Fault::kSlowDownAfter,  Fault::kCut};
    const bool writes = request.method == "PUT" || request.method == "POST";
    const auto kind = chance_() % 8;
    if (kind == 6) return writes ? Fault::kConflict : Fault::kNoAnswerBefore;
    if (kind == 7) return writes ? Fault::kWrongEtag : Fault::kCut;
    return kAny[kind];
  }

  Step random_step(int number) {
    const int id = static_cast<int>(chance_() % 60);
    const int many = 1 + static_cast<int>(chance_() % 20);
    const std::string fresh = fmt::format(
        "SELECT CAST(i AS INTEGER) AS id, {} AS v, 'p' || (i % 2) AS p FROM range({}, {}) AS r(i)",
        number, 1000 * number, 1000 * number + many);
    const std::string some = fmt::format(
        "SELECT CAST(i AS INTEGER) AS id, {} AS v, 'p' || (i % 2) AS p FROM range({}, {}) AS r(i)",
        number, id, id + many);
    const auto of_source = [=](Rows& rows, int from) {
      for (int i = from; i < from + many; ++i) rows[i] = number;
    };
    switch (chance_() % 7) {
      case 0:
        return {"optimize",
                [](lake::Table& table, sql::Connection&) -> Result<lake::Changed> {
                  TRY(table.compact(1 << 20, 2));
                  return lake::Changed{};
                },
                [](Rows&) {}};
      case 1:
        return {"delete",
                [=](lake::Table& table, sql::Connection& connection) {
                  return lake::delete_where(table, connection, fmt::format("id % 7 = {}", id % 7));
                },
                [=](Rows& rows) {
                  std::erase_if(rows, [=](const auto& row) { return row.first % 7 == id % 7; });
                }};
      case 2:
        return {"update",
                [=](lake::Table& table, sql::Connection& connection) {
                  return lake::update_where(table, connection, {{"v", "v + 1"}},
                                            fmt::format("id % 5 = {}", id % 5));
                },
                [=](Rows& rows) {
                  for (auto& [row, value] : rows) value += row % 5 == id % 5 ? 1 : 0;
                }};
      case 3:
      case 4:
        return {
            "merge",
            [=](lake::Table& table, sql::Connection& connection) {
              using Clause = lake::MergeClause;
              return lake::merge(
                  table, connection,
                  {.source = some,
                   .on = "target.id = source.id",
                   .clauses = {{.what = Clause::Do::kUpdate},
                               {.when = Clause::When::kNotMatched, .what = Clause::Do::kInsert}}});
            },
            [=](Rows& rows) { of_source(rows, id); }};
      default:
        return {"append",
                [=](lake::Table& table, sql::Connection& connection) {
                  return lake::append(table, connection, fresh);
                },
                [=](Rows& rows) { of_source(rows, 1000 * number); }};
    }
  }

  Result<Rows> read(storage::ObjectStore& store) {
    const auto table = TRY(lake::Table::open(store, *database_, "t"));
    const auto snapshot = TRY(table->snapshot());
    const auto found = TRY(connection_->query("SELECT id, v, count(*) FROM (" +
                                              snapshot->scan_sql() + ") GROUP BY ALL"));
    Rows rows;
    for (std::size_t i = 0; i < found->rows(); ++i) {
      const auto id = static_cast<int>(found->int_at(0, i));
      if (found->int_at(2, i) != 1 || rows.contains(id))
        return base::fail(base::Code::kCorrupt, "id {} is there more than once", id);
      rows[id] = static_cast<int>(found->int_at(1, i));
    }
    return rows;
  }

  void run(unsigned seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    chance_.seed(seed);
    s3_.objects.clear();
    trouble_ = 0;
    std::filesystem::remove_all(folder_);
    writers_.clear();
    // They do not share a cache.
    for (int i = 0; i < 2; ++i) writers_.push_back({.store = open_store(i)});
    reader_ = open_store(2);
    auto with = options(
        {field("id", Type::kInt32), field("v", Type::kInt32), field("p", Type::kString)}, {"p"});
    with.configuration["delta.checkpointInterval"] = "5";
    ASSERT_TRUE(lake::Table::create(*reader_, *database_, "t", with));
    for (Writer& writer : writers_)
      writer.table = lake::Table::open(*writer.store, *database_, "t").value();
    Rows model;
    for (int number = 1; number <= 40; ++number) {
      const Step step = random_step(number);
      Writer& writer = writers_[chance_() % writers_.size()];
      trouble_ = 6 + chance_() % 30;
      outage_ = 0;
      const auto done = step.run(*writer.table, *connection_);
      trouble_ = 0;
      s3_.land_late_requests();
      Rows after = model;
      step.follow(after);
      const auto there = read(*reader_);
      ASSERT_TRUE(there) << there.error().to_string();
      if (done) {
        ASSERT_EQ(*there, after) << step.name << " " << number << " was acknowledged";
        ++acknowledged_;
      } else {
        ++failed_;
        ASSERT_TRUE(*there == model || *there == after)
            << step.name << " " << number << " is half there: " << done.error().to_string();
        took_effect_ += *there == after && after != model ? 1 : 0;
      }
      model = *there;
    }
  }

  struct Writer {
    std::unique_ptr<storage::ObjectStore> store;
    std::shared_ptr<lake::Table> table = {};
  };
  std::mt19937 chance_;
  base::ManualClock clock_{1'763'900'000'000'000};
  SimulatedS3 s3_;
  std::int64_t deadline_us_ = 400'000;
  std::uint32_t trouble_ = 0;  // one request in so many fails; 0: none
  bool outages_ = true;        // or single failures alone
  int outage_ = 0;             // requests until it is over
  std::vector<Writer> writers_;
  std::unique_ptr<storage::ObjectStore> reader_;
  int acknowledged_ = 0, failed_ = 0, took_effect_ = 0;
};

TEST_F(S3Model, IsWhatWasAcknowledgedWhateverHappensToRequests) {
  s3_.fault = [this](const storage::HttpRequest& request) { return fault(request); };
  for (unsigned seed = 1; seed <= 8 && !HasFatalFailure(); ++seed) run(seed);
  EXPECT_GT(acknowledged_, 100);
  EXPECT_GT(failed_, 10) << "no fault was met";
  EXPECT_GT(took_effect_, 0) << "no change took effect without its writer's knowing";
  fmt::print("{} changes acknowledged, {} failed, {} of these took effect\n", acknowledged_,
             failed_, took_effect_);
}

// Whoever writes sees none of these troubles, only those that the history itself makes.
TEST_F(S3Model, LivesTheHistoriesOfADiskOverANetworkThatLosesRequests) {
  deadline_us_ = 3600 * base::kUsPerSecond;
  s3_.fault = [this](const storage::HttpRequest& request) { return fault(request); };
  trouble_ = 25;
  outages_ = false;
  const auto store = open_store(0);
  const auto small = sql::Database::open({.threads = 1}).value();
  const auto [first, count] = lake_test::history_seeds(24);
  lake_test::HistoryStats stats;
  for (unsigned seed = first; seed < first + count; ++seed) {
    chance_.seed(seed);
    const std::string wrong =
        lake_test::live_history(*store, *small, fmt::format("t{}", seed), seed, stats);
    ASSERT_EQ(wrong, "") << "WAYBILL_LAKE_SEED=" << seed << " WAYBILL_LAKE_HISTORIES=1";
    s3_.land_late_requests();
    s3_.objects.clear();
  }
  EXPECT_GT(stats.faults, 0);
  fmt::print("{} histories: {} changes, {} faults ({} crashes), {} took effect unheard\n", count,
             stats.changes, stats.faults, stats.crashes, stats.unknown);
}

}  // namespace
