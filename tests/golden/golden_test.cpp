// The streaming models of the shipped project and of Nexmark in three runs: at parallelism 1, with
// three checkpoints at 2, and restored at 3. Their tables are DuckDB's answer each time, and those
// of patterns are the same each time.
#include <filesystem>
#include <set>

#include "nexmark/generator.h"
#include "sources/simulator.h"
#include "stream/components.h"
#include "stream/pattern.h"
#include "stream/world.h"

namespace stream {
namespace {

using stream_test::audit_of;
using stream_test::failed_checks;
using stream_test::Judge;
using stream_test::kStartUs;
using stream_test::must;
using stream_test::Record;
using stream_test::World;

using Sent = std::vector<std::pair<std::string, Record>>;  // by topic, in order

// Nexmark's events at a hundred a second of event time.
Sent nexmark_events(int count) {
  nexmark::Generator generator(
      {.seed = 5, .events_per_second = 100, .start_ms = kStartUs / base::kUsPerMs});
  Sent sent;
  nexmark::Event event;
  for (int i = 0; i < count; ++i) {
    generator.next(event);
    sent.push_back({nexmark::name_of(event.kind), {std::to_string(event.key), event.json}});
  }
  return sent;
}

// What a fleet sends; none of it later than the models wait.
class Fleet final : public sources::EventSink {
 public:
  Fleet() : simulator_(options()), writer_(simulator_.writer()) {
    simulator_.step_to(kStartUs + 1800 * base::kUsPerSecond, *this);
  }
  void position(const sources::Position& event) override {
    std::string truck;
    sources::EventWriter::append_truck_id(event.truck, truck);
    add("positions", truck, event);
  }
  void scan(const sources::Scan& event) override {
    std::string shipment;
    writer_.append_shipment_id(event.shipment, shipment);
    add("scans", shipment, event);
  }
  void order(const sources::Order& event) override { add("orders", "o", event); }
  void weather(const sources::Weather& event) override { add("weather", "w", event); }
  void truth(std::string_view) override {}

  Sent sent;

 private:
  static sources::SimulatorOptions options() {
    sources::SimulatorOptions options;
    options.trucks = 300;
    options.start_us = kStartUs;
    options.history_from_us = kStartUs;
    options.position_interval_us = 60 * base::kUsPerSecond;
    options.faults.late_scan = 0;
    return options;
  }
  template <class Event>
  void add(const char* topic, const std::string& key, const Event& event) {
    std::string json;
    writer_.append(event, json);
    sent.push_back({topic, {key, json}});
  }

  sources::Simulator simulator_;
  sources::EventWriter writer_;
};

class Golden {
 public:
  // `left_out` reads a table that no stream writes.
  Golden(const std::filesystem::path& project, Sent sent, const std::string& left_out = "")
      : sent_(std::move(sent)), suites_(must(quality::load_suites(project))) {
    std::vector<runs::Model> models;
    for (runs::Model& model : must(runs::load_models(project)))
      if (model.mode == runs::Mode::kStreaming && model.table != left_out)
        models.push_back(std::move(model));
    if (std::filesystem::exists(project / "patterns")) {
      for (runs::Model& pattern : must(load_patterns(project))) models.push_back(pattern);
    }
    for (Component& component : must(components(
             judge_.connection(), must(schema::load_topic_schemas(project)), models, {})))
      if (!component.models.empty()) components_.push_back(std::move(component));
  }

  void expect_the_same_in_three_runs() {
    std::size_t judged = 0;
    for (const Component& component : components_) {
      for (const std::vector<int>& parallelism : {std::vector{1}, {2, 2, 2}, {2, 2, 3}})
        judged += run(component, parallelism);
    }
    EXPECT_GT(judged, 0U);
  }

 private:
  // One stretch of the events with each parallelism; a new process when it changes.
  std::size_t run(const Component& component, const std::vector<int>& parallelism) {
    SCOPED_TRACE(fmt::format("{} at parallelism {}", component.name(), parallelism.back()));
    World world(component.topics, component.models, suites_);
    int before = 0;
    for (std::size_t i = 0; i < parallelism.size(); ++i) {
      if (parallelism[i] != before) {
        before = world.threads = world.options.parallelism = parallelism[i];
        must(world.start());
      }
      append(world, component, i * sent_.size() / parallelism.size(),
             (i + 1) * sent_.size() / parallelism.size());
      must(world.drain());
    }
    world.clock().advance_us(7200 * base::kUsPerSecond);
    for (int i = 0; i < 5; ++i) must(world.epoch());
    world.end_cleanly();
    const runs::Audit audit = audit_of(world);
    EXPECT_TRUE(audit.balanced()) << failed_checks(audit);
    return compare(world, component);
  }

  void append(World& world, const Component& component, std::size_t from, std::size_t to) {
    for (std::size_t topic = 0; topic < component.topics.size(); ++topic) {
      std::vector<Record> records;
      for (std::size_t i = from; i < to; ++i)
        if (sent_[i].first == component.topics[topic].topic.name)
          records.push_back(sent_[i].second);
      if (!records.empty()) world.append(records, topic);
    }
  }

  std::size_t compare(World& world, const Component& component) {
    for (const auto& topic : component.topics) {
      const std::string bronze = "bronze." + topic.topic.name;
      judge_.run(
          fmt::format("CREATE OR REPLACE TABLE {} AS SELECT * FROM ({}) WHERE _error IS NULL",
                      bronze, world.snapshot(bronze)->scan_sql()));
    }
    std::size_t rows = 0;
    for (const runs::Model& model : component.models) {
      const auto snapshot = world.snapshot(model.table);
      rows += static_cast<std::size_t>(snapshot->rows());
      const std::string have = snapshot->scan_sql();
      if (model.pattern.empty()) {
        judge_.run(fmt::format("CREATE OR REPLACE TABLE {} AS {}", model.table, model.sql));
      } else if (kept_.insert(model.table).second) {
        judge_.run(fmt::format("CREATE OR REPLACE TABLE {} AS {}", model.table, have));
      }
      const std::string shown = columns_of(model.table);
      EXPECT_EQ(judge_.difference(fmt::format("SELECT {} FROM ({})", shown, have),
                                  fmt::format("SELECT {} FROM {}", shown, model.table)),
                "")
          << model.table;
    }
    return rows;
  }

  // Sums of doubles depend on their order in the last digits.
  std::string columns_of(const std::string& table) {
    std::string text;
    for (const auto& column :
         must(judge_.connection().prepare("SELECT * FROM " + table))->columns()) {
      const std::string name = sql::quote_name(column.name);
      text += (text.empty() ? "" : ", ") +
              (column.type == "DOUBLE" ? fmt::format("round({}, 6)", name) : name);
    }
    return text;
  }

  Judge judge_;
  Sent sent_;
  std::map<std::string, quality::Suite> suites_;
  std::vector<Component> components_;
  std::set<std::string> kept_;
};

const std::filesystem::path kRoot = WAYBILL_SOURCE_DIR;

TEST(Golden, NexmarksQuestionsAreTheSameInThreeRuns) {
  Golden golden(kRoot / "tests/nexmark/project", nexmark_events(4000), "gold.q13");
  golden.expect_the_same_in_three_runs();
}

TEST(Golden, TheLogisticsModelsAreTheSameInThreeRuns) {
  Golden golden(kRoot / "projects/logistics", Fleet().sent);
  golden.expect_the_same_in_three_runs();
}

}  // namespace
}  // namespace stream
