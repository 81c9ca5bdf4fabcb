// A pipeline over a real log, state and lake in a temporary folder, which can be cut off at any
// write and started again.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/uuid.h"
#include "log/embedded_log.h"
#include "log/record_batch.h"
#include "runs/audit.h"
#include "stream/pipeline.h"

namespace stream_test {

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// After `steps_left` writes nothing is written any more: what a killed process leaves behind. The
// last write may be done although nobody hears of it.
struct Fault {
  int steps_left = -1;  // -1: none
  bool last_is_done = false;
  // Of the lake's disk, for as long as they hold.
  std::atomic<bool> full = false;
  std::atomic<bool> stalled = false;
  std::atomic<bool> refused = false;  // another writer is always first

  void cut_after(int steps, bool is_done = false) {
    steps_left = steps;
    last_is_done = is_done;
  }

  // Whether a cut was armed and has come.
  bool was_cut() const { return steps_left == 0; }

  enum class Hit : std::uint8_t { kFine, kDoneUnheard, kDead };
  Hit next() {
    const std::scoped_lock lock(mutex_);
    if (steps_left < 0) return Hit::kFine;
    if (steps_left == 0) return Hit::kDead;
    return --steps_left == 0 && last_is_done ? Hit::kDoneUnheard : Hit::kFine;
  }
  template <class F>
  base::Result<> write(F&& f) {
    const Hit hit = next();
    if (hit == Hit::kDead) return dead();
    auto done = f();
    if (!done || hit == Hit::kFine) return done;
    return dead();
  }
  template <class F>
  base::Result<> write_on_disk(F&& f) {
    while (stalled) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (refused) return base::fail(base::Code::kConflict, "somebody else was first");
    if (full) return base::fail(base::Code::kIo, "No space left on device");
    return write(f);
  }
  static std::unexpected<base::Error> dead() {
    return base::fail(base::Code::kUnavailable, "the test cut the process off");
  }

 private:
  std::mutex mutex_;  // bronze lands beside the rest
};

class FaultyStore final : public state::Store {
 public:
  FaultyStore(std::unique_ptr<state::Store> store, Fault& fault)
      : store_(std::move(store)), fault_(fault) {}
  base::Result<std::optional<std::string>> get(const std::string& key) const override {
    return store_->get(key);
  }
  base::Result<> scan(const std::string& prefix,
                      const std::function<bool(std::string_view, std::string_view)>& each,
                      const std::string& from) const override {
    return store_->scan(prefix, each, from);
  }
  base::Result<> scan_reverse(
      const std::string& prefix,
      const std::function<bool(std::string_view, std::string_view)>& each) const override {
    return store_->scan_reverse(prefix, each);
  }
  base::Result<> apply(const state::WriteSet& changes) override {
    return fault_.write([&] { return store_->apply(changes); });
  }

 private:
  std::unique_ptr<state::Store> store_;
  Fault& fault_;
};

class FaultyObjects final : public storage::ObjectStore {
 public:
  FaultyObjects(std::unique_ptr<storage::ObjectStore> store, Fault& fault)
      : store_(std::move(store)), fault_(fault) {}
  base::Result<std::string> get(const std::string& key) override { return store_->get(key); }
  base::Result<> put(const std::string& key, std::string_view data) override {
    return fault_.write_on_disk([&] { return store_->put(key, data); });
  }
  base::Result<> put_if_absent(const std::string& key, std::string_view data) override {
    return fault_.write_on_disk([&] { return store_->put_if_absent(key, data); });
  }
  base::Result<> remove(const std::string& key) override { return store_->remove(key); }
  base::Result<storage::ObjectInfo> head(const std::string& key) override {
    return store_->head(key);
  }
  base::Result<std::vector<storage::ObjectInfo>> list(const std::string& prefix,
                                                      const std::string& start_after) override {
    return store_->list(prefix, start_after);
  }
  base::Result<std::vector<std::string>> folders(const std::string& prefix) override {
    return store_->folders(prefix);
  }
  std::string url(const std::string& key) const override { return store_->url(key); }
  bool keeps_copies() const override { return store_->keeps_copies(); }
  base::Result<storage::Hold> fetch(const std::vector<std::string>& keys) override {
    return store_->fetch(keys);
  }
  base::Result<> prepare(const std::string& key) override { return store_->prepare(key); }
  base::Result<> sync(const std::vector<std::string>& keys) override {
    return fault_.write_on_disk([&] { return store_->sync(keys); });
  }

 private:
  std::unique_ptr<storage::ObjectStore> store_;
  Fault& fault_;
};

struct Record {
  std::string key;
  std::string value;
};

// What clocks of these tests start near.
inline constexpr base::TimestampUs kStartUs = 1'790'000'000LL * base::kUsPerSecond;

// In memory where there is a disk of that kind: what is cut off here is the process, not the power,
// so that waiting for a disk would show nothing.
inline std::filesystem::path fresh_folder() {
  const std::filesystem::path memory = "/dev/shm";
  std::error_code error;
  const bool roomy = std::filesystem::space(memory, error).available > (1UL << 30);
  return (!error && roomy ? memory : std::filesystem::temp_directory_path()) /
         ("stream-" + base::new_uuid());
}

class World {
 public:
  World(const std::string& topic_yaml, std::vector<runs::Model> models,
        std::map<std::string, quality::Suite> suites)
      : World(std::vector<std::string>{topic_yaml}, std::move(models), std::move(suites)) {}
  World(const std::vector<std::string>& topic_yamls, std::vector<runs::Model> models,
        std::map<std::string, quality::Suite> suites)
      : World(parsed(topic_yamls), std::move(models), std::move(suites)) {}
  World(std::vector<schema::TopicSchema> topics, std::vector<runs::Model> models,
        std::map<std::string, quality::Suite> suites)
      : folder_(fresh_folder()),
        topics_(std::move(topics)),
        models_(std::move(models)),
        suites_(std::move(suites)) {
    base::FileSystem& disk = base::posix_file_system();
    std::filesystem::create_directories(folder_);
    log_ = must(eventlog::open_embedded_log(disk, clock_, {.directory = folder_ / "log"}));
    for (const auto& topic : topics_) must(log_->create_topic(topic.topic));
    begin_state();
    objects_ =
        std::make_unique<FaultyObjects>(must(storage::local_store(disk, folder_ / "lake")), fault);
  }
  ~World() {
    stop();
    store_.reset();
    log_.reset();
    std::filesystem::remove_all(folder_);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  static std::vector<schema::TopicSchema> parsed(const std::vector<std::string>& topic_yamls) {
    std::vector<schema::TopicSchema> topics;
    for (const std::string& yaml : topic_yamls)
      topics.push_back(
          must(schema::parse_topic_schema(must(base::Yaml::parse(yaml, "sources/test.yaml")))));
    return topics;
  }
  base::Result<stream::Component> component() {
    const auto connection = TRY(database_->connect());
    auto found = TRY(stream::components(*connection, topics_, models_, {}));
    return std::move(found.front());
  }
  // A new process over the same disk: nothing in memory is kept.
  base::Result<> start() {
    stop();
    database_ = must(sql::Database::open({.threads = threads}));
    catalog_ = lake::make_catalog(*objects_, *database_);
    auto made = stream::Pipeline::make(services(), must(component()), suites_, options);
    if (!made) return std::unexpected(made.error());
    pipeline_ = std::move(*made);
    return pipeline_->restore();
  }
  void stop() {
    pipeline_.reset();
    catalog_.reset();
    database_.reset();
  }

  void append(const std::vector<Record>& records, std::size_t topic = 0) {
    const eventlog::TopicConfig& config = topics_[topic].topic;
    const int partitions = config.partitions;
    std::vector<eventlog::BatchBuilder> builders(static_cast<std::size_t>(partitions));
    for (const Record& record : records) {
      const auto at = static_cast<std::size_t>(eventlog::partition_of_key(record.key, partitions));
      builders[at].add(record.key, record.value, clock_.now_us() / 1000);
    }
    for (int p = 0; p < partitions; ++p) {
      auto& builder = builders[static_cast<std::size_t>(p)];
      if (builder.records() > 0) must(log_->append_and_wait({config.name, p}, builder.finish()));
    }
  }

  base::Result<bool> epoch() {
    clock_.advance_us(1000);  // runs are kept by the time at which they started
    return pipeline_->run_epoch();
  }
  bool caught_up() {
    for (const auto& [source, offset] : must(pipeline_->consumed())) {
      const auto ends = must(log_->topic(source.topic)).end_offsets;
      if (offset != ends[static_cast<std::size_t>(source.partition)]) return false;
    }
    return true;
  }
  // Epochs until everything in the log is taken in, then the rewrites that were put off.
  base::Result<> drain() {
    while (!caught_up()) {
      const auto ran = epoch();
      if (!ran) return std::unexpected(ran.error());
      if (!*ran) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return {};
  }
  // Another schema of the first topic, from the next start on.
  void change_topic(const std::string& topic_yaml) { change_topic(parsed({topic_yaml}).front()); }
  void change_topic(schema::TopicSchema topic) { topics_.front() = std::move(topic); }
  // Other models over the same disk, from the next start on.
  void change_models(std::vector<runs::Model> models) { models_ = std::move(models); }
  // An empty state, as a unit of another name has it: from the next start on.
  void begin_state() {
    stop();
    store_.reset();
    store_ = std::make_unique<FaultyStore>(
        must(state::Store::open(folder_ / fmt::format("state{}", states_++))), fault);
  }
  void end_cleanly() {
    std::stop_source stop;
    stop.request_stop();
    pipeline_->run(stop.get_token());
  }

  stream::Services services() { return {*log_, *catalog_, *database_, *store_, alerts_, clock_}; }
  stream::Pipeline& pipeline() { return *pipeline_; }
  lake::Catalog& catalog() { return *catalog_; }
  quality::Alerts& alerts() { return alerts_; }
  state::Store& store() { return *store_; }
  base::ManualClock& clock() { return clock_; }
  std::shared_ptr<const lake::Snapshot> snapshot(const std::string& table) {
    return must(must(catalog_->table(table))->snapshot());
  }
  runs::Counts counts(const std::string& model) {
    runs::Counts sum;
    for (const auto& line : must(runs::ledger(*store_)))
      if (line.model == model) sum += line.counts;
    return sum;
  }

  Fault fault;
  // Of the next start.
  stream::PipelineOptions options;
  int threads = 1;  // of the engine

 private:
  std::filesystem::path folder_;
  int states_ = 0;
  base::ManualClock clock_{kStartUs + 10'000 * base::kUsPerSecond};
  std::vector<schema::TopicSchema> topics_;
  std::vector<runs::Model> models_;
  std::map<std::string, quality::Suite> suites_;
  quality::Alerts alerts_;
  std::unique_ptr<eventlog::EventLog> log_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<storage::ObjectStore> objects_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<lake::Catalog> catalog_;
  std::unique_ptr<stream::Pipeline> pipeline_;
};

// A second engine: plain DuckDB over the tables' files.
class Judge {
 public:
  Judge()
      : database_(must(sql::Database::open({.threads = 1}))),
        connection_(must(database_->connect())) {
    must(connection_->execute("CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold"));
  }
  void run(const std::string& sql) { must(connection_->execute(sql)); }
  std::int64_t number(const std::string& sql) {
    return must(connection_->query(sql))->int_at(0, 0);
  }
  // Rows that one SELECT has and the other has not, as text; none when they are equal.
  std::string difference(const std::string& have, const std::string& want) {
    std::string text;
    for (const auto& [name, sql] :
         {std::pair{"too many: ", fmt::format("({}) EXCEPT ALL ({})", have, want)},
          std::pair{"missing: ", fmt::format("({}) EXCEPT ALL ({})", want, have)}}) {
      const auto rows = must(connection_->query(sql));
      for (std::size_t row = 0; row < std::min<std::size_t>(rows->rows(), 5); ++row) {
        text += name;
        for (std::size_t c = 0; c < rows->columns().size(); ++c)
          text += (rows->is_null(c, row) ? "NULL" : rows->text(c, row)) + " | ";
        text += "\n";
      }
      if (rows->rows() > 5) text += fmt::format("  and {} more\n", rows->rows() - 5);
    }
    return text;
  }
  sql::Connection& connection() { return *connection_; }

 private:
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
};

// One for all tests of a process that leave nothing in it that others would mind.
inline Judge& shared_judge() {
  static Judge& judge = *new Judge;
  return judge;
}

// `waybill audit` of what a pipeline has done.
inline runs::Audit audit_of(World& world) {
  runs::AuditInput input;
  input.ledger = must(runs::ledger(world.store()));
  input.beginnings = must(runs::beginnings(world.store()));
  input.consumed = must(world.pipeline().consumed());
  for (const auto& topic : world.pipeline().topics()) {
    input.models.push_back(
        {.table = "bronze." + topic.topic.name, .sources = {}, .appends = true, .key = {}});
  }
  for (const auto& op : world.pipeline().operators()) {
    input.models.push_back({.table = op->model().table,
                            .sources = op->plan().sources,
                            .appends = op->model().key.empty(),
                            .key = op->model().key});
  }
  for (const std::string& name : must(world.catalog().names(true)))
    input.tables[name] = world.snapshot(name);
  return must(runs::audit(input, shared_judge().connection()));
}

// The checks that do not hold, as text; none when it balances.
inline std::string failed_checks(const runs::Audit& audit) {
  std::string text;
  for (const runs::Check& check : audit.checks)
    if (!check.ok) text += check.name + ": " + check.detail + "\n";
  return text;
}

}  // namespace stream_test
