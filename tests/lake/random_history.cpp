#include "lake/random_history.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "lake/faulty_store.h"
#include "lake/history_steps.h"

namespace lake_test {
namespace {

using base::Code;
using base::Result;
using columns::Type;
using lake::Version;

constexpr int kSteps = 14;
constexpr int kWriters = 2;

class History {
 public:
  History(storage::ObjectStore& store, sql::Database& database, std::string path, unsigned seed,
          HistoryStats& stats)
      : real_(store),
        faulty_(store),
        database_(database),
        path_(std::move(path)),
        random_(seed),
        kind_(static_cast<int>(seed % 6)),
        steps_(random_, kind_ % 2 == 0),
        stats_(stats) {}

  // "" or what is wrong.
  std::string live() {
    connection_ = database_.connect().value();
    if (auto made = create(); !made) return "cannot create: " + made.error().to_string();
    versions_[0] = content_;
    for (step_ = 1; step_ <= kSteps; ++step_) {
      const Step step = steps_.any(step_, versions_, first_readable_);
      if (std::string wrong = take(step); !wrong.empty()) {
        return fmt::format("step {} ({}): {}", step_, step.name, wrong);
      }
    }
    return settle();
  }

 private:
  Result<> create() {
    lake::Table::CreateOptions options;
    options.name = "history";
    options.schema.fields = {
        {"id", Type::kInt64, true}, {"p", Type::kString, true}, {"v", Type::kInt64, true}};
    if (kind_ % 2 == 0) options.partition_columns = {"p"};
    options.configuration["delta.checkpointInterval"] = "3";
    if (kind_ == 1 || kind_ == 2) options.configuration["delta.enableDeletionVectors"] = "true";
    if (kind_ == 3) options.configuration["delta.columnMapping.mode"] = "name";
    if (kind_ == 4) options.configuration["delta.enableChangeDataFeed"] = "true";
    if (kind_ == 5) options.configuration["delta.constraints.small"] = "v < 1000000";
    if (steps_.chance(3)) options.configuration["delta.checkpoint.writeStatsAsStruct"] = "true";
    TRY(lake::Table::create(real_, database_, path_, options));
    return reopen();
  }

  Result<> reopen() {
    faulty_.revive();
    writers_.clear();
    for (int i = 0; i < kWriters; ++i) {
      writers_.push_back(TRY(lake::Table::open(faulty_, database_, path_)));
    }
    return {};
  }

  // One step by one of the writers, with a fault or another writer in between.
  std::string take(const Step& step) {
    ++stats_.changes;
    const bool fault = steps_.chance(2);
    std::optional<Step> other;
    if (steps_.chance(4)) other = steps_.rival(1000 + step_);
    bool overtaken = false;
    if (other) {
      faulty_.before_commit([&] {
        auto rival = lake::Table::open(real_, database_, path_);
        const auto connection = database_.connect();
        overtaken = rival && connection && other->run(**rival, **connection);
      });
    }
    if (fault) {
      faulty_.arm(steps_.pick(9), static_cast<Fault>(1 + steps_.pick(6)));
    }
    const auto done =
        step.run(*writers_[static_cast<std::size_t>(steps_.pick(kWriters))], *connection_);
    const bool crashed = faulty_.dead();
    const bool met = fault && (crashed || !faulty_.armed());
    stats_.faults += met;
    stats_.crashes += crashed;
    stats_.overtaken += overtaken;
    faulty_.revive();
    if (!done && !met) return "it failed without a fault: " + done.error().to_string();
    if (overtaken) other->apply(content_);
    const Content before = content_;
    Content after = content_;
    step.apply(after);
    if (crashed) {
      crashed_ = true;
      if (auto opened = reopen(); !opened) return "cannot open: " + opened.error().to_string();
    }
    return judge(done, crashed, before, after, step.forgets);
  }

  // The table has the change, or not; it must have it when it was acknowledged.
  std::string judge(const Result<>& done, bool crashed, const Content& before, const Content& after,
                    bool forgets) {
    const auto table = lake::Table::open(real_, database_, path_);
    if (!table) return "cannot open: " + table.error().to_string();
    const auto snapshot = (*table)->snapshot();
    if (!snapshot) return "cannot read: " + snapshot.error().to_string();
    const auto found = lines(**snapshot);
    const bool is_after = found == after.lines();
    const bool is_before = found == before.lines();
    const std::string said = done ? "" : ", after " + done.error().to_string();
    if (!is_after && !is_before) {
      return fmt::format("the table has [{}], not [{}] nor [{}]{}", fmt::join(found, " "),
                         fmt::join(after.lines(), " "), fmt::join(before.lines(), " "), said);
    }
    if (done && !is_after) return "an acknowledged change is not there";
    const bool took_effect = !done && is_after && !is_before;
    if (took_effect && !crashed && done.error().code != Code::kUnavailable) {
      return "it took effect although it was refused" + said;
    }
    stats_.unknown += took_effect;
    content_ = is_after ? after : before;
    if (std::string wrong = read_new_versions(**table, (*snapshot)->version(), before);
        !wrong.empty()) {
      return wrong;
    }
    if (forgets) first_readable_ = (*snapshot)->version();
    for (const auto& writer : writers_) {
      const auto theirs = writer->snapshot();
      if (!theirs) return "a writer cannot read: " + theirs.error().to_string();
      if (lines(**theirs) != content_.lines()) return "a writer sees other rows" + said;
    }
    return "";
  }

  // Versions that came with the step are what the model was on the way.
  std::string read_new_versions(lake::Table& table, Version newest, const Content& before) {
    bool moved_on = false;
    for (Version version = versions_.rbegin()->first + 1; version <= newest; ++version) {
      const auto snapshot = table.snapshot_at(version);
      if (!snapshot) {
        return fmt::format("version {} cannot be read: {}", version, snapshot.error().to_string());
      }
      const auto found = lines(**snapshot);
      moved_on = moved_on || found != before.lines();
      const Content& wanted = moved_on ? content_ : before;
      const bool was = !moved_on && found == versions_.rbegin()->second.lines();
      if (found != wanted.lines() && !was) return fmt::format("version {} has other rows", version);
      versions_[version] = found == wanted.lines() ? wanted : versions_.rbegin()->second;
    }
    return "";
  }

  std::vector<std::string> lines(const lake::Snapshot& snapshot) {
    const auto result = connection_->query(snapshot.scan_sql());
    if (!result) return {"ERROR " + result.error().to_string()};
    std::vector<std::string> found(1);
    for (const auto& column : (*result)->columns()) found[0] += column.name + " ";
    for (std::size_t row = 0; row < (*result)->rows(); ++row) {
      std::string line;
      for (std::size_t i = 0; i < (*result)->columns().size(); ++i) {
        line += (i > 0 ? "|" : "");
        line += (*result)->is_null(i, row) ? "NULL" : (*result)->text(i, row);
      }
      found.push_back(std::move(line));
    }
    std::ranges::sort(found.begin() + 1, found.end());
    return found;
  }

  // All versions that can still be read, then what a vacuum leaves.
  std::string settle() {
    const auto table = lake::Table::open(real_, database_, path_).value();
    for (const auto& [version, content] : versions_) {
      if (version < first_readable_) continue;
      const auto snapshot = table->snapshot_at(version);
      if (!snapshot || lines(**snapshot) != content.lines()) {
        return fmt::format("version {} is no longer what it was", version);
      }
    }
    const auto findings = table->check();
    if (!findings) return "it cannot be checked: " + findings.error().to_string();
    for (const lake::Finding& one : *findings) {
      // A crash in the middle of a checkpoint may leave half of one, which nobody reads.
      if (crashed_ && one.path.ends_with(".checkpoint.parquet")) continue;
      return fmt::format("found {}: {}", one.path, one.what);
    }
    const auto later = base::SystemClock().now_us() + 2 * 3600 * base::kUsPerSecond;
    const auto cleaned =
        table->vacuum(lake::VacuumOptions{.keep_us = 0, .force = true, .now_us = later});
    if (!cleaned) return "vacuum: " + cleaned.error().to_string();
    if (lines(*table->snapshot().value()) != content_.lines()) return "vacuum took rows";
    std::size_t parquet = 0;
    for (const auto& object : real_.list(path_ + "/").value()) {
      const bool log = object.key.find("/_delta_log/") != std::string::npos;
      parquet += !log && object.key.ends_with(".parquet") ? 1 : 0;
    }
    const std::size_t needed = table->snapshot().value()->files().size();
    if (parquet != needed) return fmt::format("{} files are left, {} are needed", parquet, needed);
    return "";
  }

  storage::ObjectStore& real_;
  FaultyStore faulty_;
  sql::Database& database_;
  const std::string path_;
  std::mt19937 random_;
  const int kind_;
  Steps steps_;
  HistoryStats& stats_;
  std::unique_ptr<sql::Connection> connection_;
  std::vector<std::shared_ptr<lake::Table>> writers_;
  Content content_;
  std::map<Version, Content> versions_;
  Version first_readable_ = 0;
  bool crashed_ = false;  // at least once
  int step_ = 0;
};

unsigned number_of(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

}  // namespace

std::string live_history(storage::ObjectStore& store, sql::Database& database,
                         const std::string& path, unsigned seed, HistoryStats& stats) {
  return History(store, database, path, seed, stats).live();
}

Seeds history_seeds(unsigned usual) {
  return {.first = number_of("WAYBILL_LAKE_SEED", 1),
          .count = number_of("WAYBILL_LAKE_HISTORIES", usual)};
}

}  // namespace lake_test
