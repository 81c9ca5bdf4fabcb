#include "stream/pattern_operator.h"

#include "base/logging.h"
#include "base/metrics.h"
#include "quality/dead_letter.h"
#include "stream/pattern_reader.h"

namespace stream {
namespace {

constexpr std::int64_t kFutureAllowedUs = 3600 * base::kUsPerSecond;
constexpr std::int64_t kIdleAfterUs = 30 * base::kUsPerSecond;
constexpr std::size_t kCompactFrom = 100'000;  // rows in memory before it is worth it
constexpr std::size_t kChunkRows = 200'000;    // of one value in the state

// What one source partition has shown of event time.
struct Seen {
  base::TimestampUs newest_us = kNoWatermarkUs;
  base::TimestampUs at_us = 0;  // when it last brought rows
};

// State: the rows that came since the engine was last made small, in the order of epochs, behind
// the rows that it held then; and the watermark. To restore is to give all of them in again,
// without the matches that have been written.
class PatternOperator final : public Operator {
 public:
  PatternOperator(runs::Model model, Plan plan, columns::Schema input,
                  std::unique_ptr<PatternReader> reader)
      : Operator(std::move(model), std::move(plan), std::move(input), reader->output().schema()),
        reader_(std::move(reader)),
        from_bronze_(plan_.source.starts_with("bronze.")),
        late_("late for " + model_.table),
        dead_("dead rows of " + model_.table) {}

  std::map<std::string, columns::Schema> side_tables() const override {
    return {{model_.late_table(), input_}};
  }

  base::Result<> restore(const state::Store& store, sql::Connection& connection) override {
    TRY(check_kept(store, kept_text()));
    reader_->start_anew();
    seen_.clear();
    watermark_us_ = kNoWatermarkUs;
    if (const auto meta = TRY(store.get(state_prefix() + "meta"))) {
      const auto json = nlohmann::json::parse(*meta);
      watermark_us_ = json.at("watermark_us");
      for (const auto& p : json.at("partitions"))
        seen_[p.at("partition")] = {p.at("newest_us"), p.at("at_us")};
    }
    base::Result<> loaded;
    TRY(store.scan(state_prefix() + "r/", [&](std::string_view, std::string_view value) {
      auto rows = columns::decode(value);
      loaded = rows ? reader_->take_again(connection, *rows)
                    : base::Result<>(std::unexpected(rows.error()));
      return loaded.has_value();
    }));
    TRY(loaded);
    reader_->engine().advance(watermark_us_);  // these matches are in the table
    abandoned_ = reader_->engine().abandoned();
    return {};
  }

  base::Result<Outcome> process(Epoch& epoch) override {
    Outcome outcome;
    std::map<eventlog::Partition, Seen> next = seen_;
    TRY(count_input(epoch, outcome, next));
    TRY(split_late(epoch, outcome));
    TRY(split_dead(epoch, outcome));
    arrived_ = TRY(reader_->take(epoch.connection, input_table_, in_time()));
    seen_ = std::move(next);
    watermark_us_ = next_watermark(epoch);
    PatternEngine& engine = reader_->engine();
    const std::vector<PatternMatch> matches = engine.advance(watermark_us_);
    const std::int64_t rows =
        TRY(reader_->output().write(epoch.connection, engine, matches, reader_->kept(), output_));
    outcome.changes.push_back({.kind = TableChange::Kind::kAppend,
                               .table = model_.table,
                               .writer = model_.table,
                               .select = "SELECT * FROM " + sql::quote_name(output_),
                               .changed = {},
                               .key = {},
                               .rows = rows});
    publish(matches);
    return outcome;
  }

  base::Result<> keep(Epoch& epoch, const state::Store&, state::WriteSet& changes) override {
    note_kept(kept_text(), changes);
    const std::string prefix = state_prefix() + "r/";
    const std::string now = state::key_number(static_cast<std::uint64_t>(epoch.number));
    PatternEngine& engine = reader_->engine();
    if (engine.rows_held() > kCompactFrom && engine.rows_held() > 2 * engine.rows_live()) {
      const columns::Batch& all = engine.compact();
      changes.remove_range(prefix, prefix + now);
      for (std::size_t from = 0; from < all.rows(); from += kChunkRows)
        changes.put(prefix + now + state::key_number(from), encoded(all, from));
    } else if (arrived_.rows() > 0) {
      changes.put(prefix + now, columns::encode(arrived_));
    }
    nlohmann::json meta{{"watermark_us", watermark_us_}, {"partitions", nlohmann::json::array()}};
    for (const auto& [partition, seen] : seen_) {
      meta["partitions"].push_back(
          {{"partition", partition}, {"newest_us", seen.newest_us}, {"at_us", seen.at_us}});
    }
    changes.put(state_prefix() + "meta", meta.dump());
    return {};
  }

  base::Result<> committed(sql::Connection&) override {
    arrived_ = {};
    return {};
  }

 private:
  std::string kept_text() const {
    std::vector<std::string> names;
    for (const columns::Field& field : reader_->kept().fields)
      names.push_back(fmt::format("{} {}", field.name, columns::type_name(field.type)));
    return fmt::format("{}", fmt::join(names, ", "));
  }
  std::string fits() const { return from_bronze_ ? "_error IS NULL" : "true"; }
  std::string wanted() const {
    return reader_->where().empty() ? "true" : fmt::format("({}) IS TRUE", reader_->where());
  }
  std::string is_late() const {
    return fmt::format("({0} IS NULL OR {0} <= {1})", reader_->time_us(), watermark_us_);
  }
  std::string in_time() const {
    return fmt::format("{} AND {} AND NOT {}", fits(), wanted(), is_late());
  }

  static std::string encoded(const columns::Batch& all, std::size_t from) {
    columns::Batch chunk(all.schema);
    for (std::size_t row = from; row < std::min(all.rows(), from + kChunkRows); ++row) {
      for (std::size_t c = 0; c < all.columns.size(); ++c) {
        const columns::Column& column = all.columns[c];
        if (column.is_null(row)) {
          chunk.columns[c].append_null();
        } else if (column.is_text()) {
          chunk.columns[c].append_text(column.text_at(row));
        } else {
          chunk.columns[c].append_int(column.int_at(row));
        }
      }
    }
    return columns::encode(chunk);
  }

  // Where each row goes, by partition, and what it shows of event time.
  base::Result<> count_input(Epoch& epoch, Outcome& outcome,
                             std::map<eventlog::Partition, Seen>& next) const {
    for (eventlog::Partition p = 0; p < epoch.partitions; ++p)
      next.try_emplace(p, Seen{kNoWatermarkUs, epoch.now_us});
    const auto counted = TRY(epoch.connection.query(fmt::format(
        "SELECT _partition, count(*), count(*) FILTER (NOT ({0})), "
        "count(*) FILTER ({0} AND NOT ({1})), count(*) FILTER ({0} AND {1} AND {2}), "
        "max({3}) FROM {4} GROUP BY 1",
        fits(), wanted(), is_late(), reader_->time_us(), sql::quote_name(input_table_))));
    for (std::size_t row = 0; row < counted->rows(); ++row) {
      const auto partition = static_cast<eventlog::Partition>(counted->int_at(0, row));
      runs::Counts& counts = outcome.counts[partition];
      counts.in = counted->int_at(1, row);
      counts.dead = counted->int_at(2, row);
      if (counted->int_at(3, row) > 0) counts.filtered["where"] = counted->int_at(3, row);
      counts.late = counted->int_at(4, row);
      counts.out = counts.in - counts.dead - counts.late - counted->int_at(3, row);
      Seen& seen = next[partition];
      seen.at_us = epoch.now_us;
      if (counted->is_null(5, row)) continue;
      seen.newest_us = std::max(seen.newest_us,
                                std::min(counted->int_at(5, row), epoch.now_us + kFutureAllowedUs));
    }
    return {};
  }

  // The oldest of what the partitions have shown, idle ones left out, less the lateness that the
  // pattern allows. It never goes back.
  base::TimestampUs next_watermark(const Epoch& epoch) const {
    base::TimestampUs oldest = INT64_MAX;
    for (const auto& [partition, seen] : seen_) {
      if (seen.at_us + kIdleAfterUs >= epoch.now_us) oldest = std::min(oldest, seen.newest_us);
    }
    return oldest == INT64_MAX ? watermark_us_
                               : std::max(watermark_us_, oldest - model_.watermark_us);
  }

  base::Result<> split_late(Epoch& epoch, Outcome& outcome) const {
    std::int64_t late = 0;
    for (const auto& [partition, counts] : outcome.counts) late += counts.late;
    if (late == 0) return {};
    std::vector<std::string> names;
    for (const columns::Field& field : input_.fields) names.push_back(sql::quote_name(field.name));
    TRY(epoch.connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {} WHERE {} AND {} AND {}",
                    sql::quote_name(late_), fmt::join(names, ", "), sql::quote_name(input_table_),
                    fits(), wanted(), is_late())));
    outcome.changes.push_back({.kind = TableChange::Kind::kAppend,
                               .table = model_.late_table(),
                               .writer = model_.table,
                               .select = "SELECT * FROM " + sql::quote_name(late_),
                               .changed = {},
                               .key = {},
                               .rows = late});
    return {};
  }

  base::Result<> split_dead(Epoch& epoch, Outcome& outcome) const {
    std::int64_t dead = 0;
    for (const auto& [partition, counts] : outcome.counts) dead += counts.dead;
    if (dead == 0) return {};
    TRY(epoch.connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(dead_),
        quality::schema_letters_sql(model_.table, epoch.run_id(model_.table), input_table_))));
    outcome.dead = dead_;
    return {};
  }

  void publish(const std::vector<PatternMatch>& matches) {
    std::int64_t timed_out = 0;
    for (const PatternMatch& match : matches) timed_out += match.timed_out ? 1 : 0;
    const auto count = [&](const char* kind, std::int64_t n) {
      if (n == 0) return;
      base::counter("waybill_pattern_matches_total", "Matches of a pattern.",
                    {{"pattern", model_.table}, {"kind", kind}})
          .Increment(static_cast<double>(n));
    };
    count("timeout", timed_out);
    count("match", static_cast<std::int64_t>(matches.size()) - timed_out);
    base::gauge("waybill_pattern_rows_held", "Rows that a pattern keeps in memory.",
                {{"pattern", model_.table}})
        .Set(static_cast<double>(reader_->engine().rows_held()));
    const std::int64_t abandoned = reader_->engine().abandoned();
    if (abandoned == abandoned_) return;
    spdlog::warn(
        "{}: {} begun matches were given up because they followed more than {} ways; "
        "make the conditions tell the steps apart",
        model_.table, abandoned - abandoned_, kThreadsMax);
    count("abandoned", abandoned - abandoned_);
    abandoned_ = abandoned;
  }

  std::unique_ptr<PatternReader> reader_;
  bool from_bronze_;
  std::string late_;
  std::string dead_;
  columns::Batch arrived_;  // kept columns of this epoch's rows
  std::map<eventlog::Partition, Seen> seen_;
  base::TimestampUs watermark_us_ = kNoWatermarkUs;
  std::int64_t abandoned_ = 0;
};

}  // namespace

base::Result<Plan> plan_pattern(const runs::Model& model) {
  const Pattern pattern = TRY(parse_pattern_file(model.pattern, model.file));
  Plan plan;
  plan.shape = Shape::kPattern;
  plan.source = pattern.source;
  return plan;
}

base::Result<std::unique_ptr<Operator>> make_pattern_operator(sql::Connection& connection,
                                                              const runs::Model& model,
                                                              const columns::Schema& source) {
  Plan plan = TRY(plan_pattern(model));
  const std::string input = rows_table(plan.source);
  auto reader = TRY(PatternReader::make(connection, model, source, input));
  for (const std::string& column : model.partition) {
    if (reader->output().schema().find(column)) continue;
    return std::unexpected(
        base::Error{.code = base::Code::kInvalid,
                    .message = fmt::format("partition '{}' is no measure or key", column),
                    .mend = "add it to 'measures'"}
            .at(model.file, 1));
  }
  return std::make_unique<PatternOperator>(model, std::move(plan), source, std::move(reader));
}

}  // namespace stream
