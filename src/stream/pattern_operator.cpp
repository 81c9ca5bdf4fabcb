#include "stream/pattern_operator.h"

#include "base/logging.h"
#include "base/metrics.h"
#include "quality/dead_letter.h"
#include "stream/pattern_reader.h"
#include "stream/watermark.h"

namespace stream {
namespace {

// Rows further ahead of the clock would wait for years: they count as late.
constexpr std::int64_t kAheadMaxUs = base::kUsPerDay;
constexpr std::int64_t kTimeStepUs = 10 * base::kUsPerSecond;  // how finely silence is told
constexpr std::size_t kCompactFrom = 100'000;  // rows in memory before it is worth it
constexpr std::size_t kChunkRows = 200'000;    // of one value in the state

// State: the rows that came since the engine was last made small, in the order of epochs, behind
// the rows that it held then; and the watermark. To restore is to give all of them in again,
// without the matches that have been written.
class PatternOperator final : public Operator {
 public:
  PatternOperator(runs::Model model, Plan plan, Relation input,
                  std::unique_ptr<PatternReader> reader)
      : Operator(std::move(model), std::move(plan), {input},
                 {.table = {}, .schema = reader->output().schema(), .topics = input.topics}),
        reader_(std::move(reader)),
        from_bronze_(plan_.source().starts_with("bronze.")),
        late_("late for " + model_.table),
        dead_("dead rows of " + model_.table),
        watermark_(model_.watermark_us) {
    output_.table = model_.table;
  }

  std::map<std::string, columns::Schema> side_tables() const override {
    return {{model_.late_table(), input().schema}};
  }

  bool row_for_row() const override { return false; }
  bool waits_for_time(base::TimestampUs now_us) const override {
    if (reader_->engine().rows_live() == 0) return false;
    Watermark then = watermark_;
    then.advance(now_us);
    return then.us() >= watermark_.us() + kTimeStepUs;
  }

  base::Result<> restore(const state::Store& store, sql::Connection& connection) override {
    reader_->start_anew();
    watermark_ = Watermark(model_.watermark_us);
    if (const auto meta = TRY(store.get(state_prefix() + "meta")))
      watermark_.load(nlohmann::json::parse(*meta), input().topics.front());
    base::Result<> loaded;
    TRY(store.scan(state_prefix() + "r/", [&](std::string_view, std::string_view value) {
      auto rows = columns::decode(value);
      loaded = rows ? reader_->take_again(connection, *rows)
                    : base::Result<>(std::unexpected(rows.error()));
      return loaded.has_value();
    }));
    TRY(loaded);
    reader_->engine().advance(watermark_.us());  // these matches are in the table
    abandoned_ = reader_->engine().abandoned();
    return {};
  }

  base::Result<Outcome> process(Epoch& epoch) override {
    Outcome outcome;
    Watermark next = watermark_;
    TRY(count_input(epoch, outcome, next));
    TRY(split_late(epoch, outcome));
    TRY(split_dead(epoch, outcome));
    arrived_ = TRY(reader_->take(epoch.connection, input_table_, in_time(epoch)));
    next.advance(epoch.now_us, epoch.rows_wait);
    watermark_ = std::move(next);
    PatternEngine& engine = reader_->engine();
    const std::vector<PatternMatch> matches = engine.advance(watermark_.us());
    const std::int64_t rows = TRY(
        reader_->output().write(epoch.connection, engine, matches, reader_->kept(), output_table_));
    outcome.counts[{model_.table, 0}].made = rows;
    outcome.changes.push_back(append_rows(model_.table, model_.table, output_table_, rows));
    publish(matches);
    return outcome;
  }

  base::Result<> keep(Epoch& epoch, const state::Store&, state::WriteSet& changes) override {
    note_kept(changes);
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
    changes.put(state_prefix() + "meta", watermark_.to_json().dump());
    return {};
  }

  base::Result<> committed(sql::Connection&) override {
    arrived_ = {};
    return {};
  }

  StateSize state_size() const override {
    return {.rows = static_cast<std::int64_t>(reader_->engine().rows_held())};
  }
  std::optional<base::TimestampUs> watermark() const override {
    if (watermark_.us() == Watermark::kNone) return std::nullopt;
    return watermark_.us();
  }

  nlohmann::json explain(sql::Connection&) const override {
    nlohmann::json plan{
        {"model", model_.table},
        {"stages",
         {{{"stage", "pattern"},
           {"reads", plan_.source()},
           {"state", fmt::format("{} rows held, {} of them needed", reader_->engine().rows_held(),
                                 reader_->engine().rows_live())},
           {"rows", state_size().rows},
           {"bounded_by", "the pattern's time limit and its rows_max"}}}}};
    if (watermark_.us() != Watermark::kNone)
      plan["watermark"] = base::format_rfc3339(watermark_.us());
    return plan;
  }

 private:
  std::string kept_as() const override {
    std::vector<std::string> names;
    for (const columns::Field& field : reader_->kept().fields)
      names.push_back(fmt::format("{} {}", field.name, columns::type_name(field.type)));
    return fmt::format("{}", fmt::join(names, ", "));
  }
  std::string fits() const { return from_bronze_ ? "_error IS NULL" : "true"; }
  std::string wanted() const {
    return reader_->where().empty() ? "true" : fmt::format("({}) IS TRUE", reader_->where());
  }
  std::string is_late(const Epoch& epoch) const {
    return fmt::format("({0} IS NULL OR {0} <= {1} OR {0} > {2})", reader_->time_us(),
                       watermark_.us(), epoch.now_us + kAheadMaxUs);
  }
  std::string in_time(const Epoch& epoch) const {
    return fmt::format("{} AND {} AND NOT {}", fits(), wanted(), is_late(epoch));
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
  base::Result<> count_input(Epoch& epoch, Outcome& outcome, Watermark& next) const {
    for (const std::string& topic : input().topics) {
      for (eventlog::Partition p = 0; p < epoch.partitions.at(topic); ++p)
        next.expect({topic, p}, epoch.now_us);
    }
    const auto counted = TRY(epoch.connection.query(fmt::format(
        "SELECT {5}, {6}, count(*), count(*) FILTER (NOT ({0})), "
        "count(*) FILTER ({0} AND NOT ({1})), count(*) FILTER ({0} AND {1} AND {2}), "
        "{3} FROM {4} GROUP BY 1, 2",
        fits(), wanted(), is_late(epoch), Watermark::newest_sql(reader_->time_us(), epoch.now_us),
        sql::quote_name(input_table_), topic_sql(input()), partition_sql(input()))));
    for (std::size_t row = 0; row < counted->rows(); ++row) {
      const eventlog::TopicPartition source{
          counted->text(0, row), static_cast<eventlog::Partition>(counted->int_at(1, row))};
      runs::Counts& counts = outcome.counts[source];
      counts.in = counted->int_at(2, row);
      counts.dead = counted->int_at(3, row);
      if (counted->int_at(4, row) > 0) counts.filtered["where"] = counted->int_at(4, row);
      counts.late = counted->int_at(5, row);
      counts.out = counts.in - counts.dead - counts.late - counted->int_at(4, row);
      next.saw(source, counted->is_null(6, row) ? Watermark::kNone : counted->int_at(6, row),
               epoch.now_us);
    }
    return {};
  }

  base::Result<> split_late(Epoch& epoch, Outcome& outcome) const {
    std::int64_t late = 0;
    for (const auto& [partition, counts] : outcome.counts) late += counts.late;
    if (late == 0) return {};
    std::vector<std::string> names;
    for (const columns::Field& field : input().schema.fields)
      names.push_back(sql::quote_name(field.name));
    TRY(epoch.connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {} WHERE {} AND {} AND {}",
                    sql::quote_name(late_), fmt::join(names, ", "), sql::quote_name(input_table_),
                    fits(), wanted(), is_late(epoch))));
    outcome.changes.push_back(append_rows(model_.late_table(), model_.table, late_, late));
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
  Watermark watermark_;
  std::int64_t abandoned_ = 0;
};

}  // namespace

base::Result<Plan> plan_pattern(const runs::Model& model) {
  const Pattern pattern = TRY(parse_pattern_file(model.pattern, model.file));
  Plan plan;
  plan.shape = Shape::kPattern;
  plan.sources = {pattern.source};
  return plan;
}

base::Result<std::unique_ptr<Operator>> make_pattern_operator(sql::Connection& connection,
                                                              const runs::Model& model,
                                                              const Relation& source) {
  Plan plan = TRY(plan_pattern(model));
  const std::string input = rows_table(plan.source());
  auto reader = TRY(PatternReader::make(connection, model, source.schema, input));
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
