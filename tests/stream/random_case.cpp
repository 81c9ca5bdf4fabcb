#include "stream/random_case.h"

#include <algorithm>
#include <random>
#include <set>

#include "stream/random_models.h"

namespace stream_test {
namespace {

using What = Step::What;

constexpr const char* kTopics[] = {"a", "b"};
constexpr std::int64_t kLagMaxMs = 100'000;  // behind the newest before it: within the lateness

runs::Model parsed(const std::string& text) {
  return must(runs::parse_model(text, "models/x.sql"));
}

std::string topic_yaml(std::size_t topic, int partitions) {
  return fmt::format(
      "topic: {}\npartitions: {}\nkey: k\nformat: json\nschema:\n  id: string not null\n"
      "  event_time: timestamp not null\n  k: string\n{}",
      kTopics[topic], partitions,
      topic == 0 ? "  v: bigint\n" : "  w: bigint\n  until: timestamp\n");
}

class Maker {
 public:
  explicit Maker(std::uint32_t seed) : random_(seed) { case_.seed = seed; }

  RandomCase make() {
    RandomModels models(random_);
    case_.models = models.make();
    far_future_ = models.wait_for_nothing() && chance(30);
    skew_ = chance(25) ? 90 : 20;
    for (int& partitions : case_.partitions) partitions = 1 + pick(3);
    const int steps = 3 + pick(4);
    for (int i = 0; i < steps; ++i) case_.steps.push_back(step());
    return case_;
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool chance(int percent) { return pick(100) < percent; }

  Event event() {
    if (!sent_.empty() && chance(5)) {  // the very same again
      return sent_[static_cast<std::size_t>(pick(static_cast<int>(sent_.size())))];
    }
    ++count_;
    const std::size_t topic = chance(50) ? 0 : 1;
    const std::string key = fmt::format("k{}", chance(skew_) ? 0 : pick(4));
    if (chance(2)) return {topic, {key, "{oops"}};
    const std::int64_t lag_ms = std::uniform_int_distribution<std::int64_t>(0, kLagMaxMs)(random_);
    const base::TimestampUs time_us =
        kStartUs + (std::int64_t{count_} * 1'500 - lag_ms) * base::kUsPerMs;
    const std::string time = far_future_ && chance(2) ? std::string("9999-12-31T23:00:00Z")
                                                      : base::format_rfc3339(time_us);
    std::string value =
        fmt::format(R"({{"id":"{}{}","event_time":"{}")", kTopics[topic], count_, time);
    if (!chance(5)) value += fmt::format(R"(,"k":"{}")", key);
    if (!chance(8)) value += fmt::format(R"(,"{}":{})", topic == 0 ? 'v' : 'w', pick(100));
    sent_.push_back({topic, {key, value + "}"}});
    return sent_.back();
  }

  Step step() {
    Step made;
    for (int i = pick(50); i > 0; --i) made.events.push_back(event());
    made.parallelism = 1 + pick(4);
    if (chance(20)) made.rows_max = static_cast<std::size_t>(10 + pick(30));
    if (chance(45)) {
      made.writes_left = pick(22);
      made.last_is_done = chance(50);
    }
    const int what = pick(100);
    if (what >= 90) {
      const auto model = static_cast<std::size_t>(pick(static_cast<int>(case_.models.size())));
      made.model = parsed(case_.models[model]).table;
      made.what = what >= 97 ? What::kRewind : what >= 93 ? What::kPause : What::kResume;
    } else {
      made.what = what < 55 ? What::kDrain : what < 75 ? What::kEpoch : What::kStart;
    }
    return made;
  }

  std::mt19937 random_;
  RandomCase case_;
  std::vector<Event> sent_;
  int count_ = 0;
  bool far_future_ = false;
  int skew_ = 0;  // percent of the rows that are one key's
};

std::vector<runs::Model> models_of(const RandomCase& c) {
  std::vector<runs::Model> models;
  for (const std::string& text : c.models) models.push_back(parsed(text));
  return models;
}

class Play {
 public:
  explicit Play(const RandomCase& c)
      : case_(c),
        world_({topic_yaml(0, c.partitions[0]), topic_yaml(1, c.partitions[1])}, models_of(c), {}) {
  }

  void run() {
    must(world_.start());
    for (const Step& step : case_.steps) {
      append(step.events);
      world_.clock().advance_us(4 * base::kUsPerSecond);  // models that run at times are due
      world_.threads = world_.options.parallelism = step.parallelism;
      world_.options.rows_max = step.rows_max;
      world_.fault.steps_left = step.writes_left;
      world_.fault.last_is_done = step.last_is_done;
      if (act(step)) continue;
      world_.fault.steps_left = step.writes_left / 2;  // it may be cut off while it starts, too
      if (lives(world_.start())) continue;
      world_.fault.steps_left = -1;
      must(world_.start());
    }
    finish();
  }

  std::string difference() {
    Judge& judge = shared_judge();
    for (const auto& one : world_.pipeline().topics()) {
      const std::string& topic = one.topic.name;
      judge.run(fmt::format(
          "CREATE OR REPLACE TABLE bronze.{0} AS SELECT * FROM ({1}) WHERE _error IS NULL", topic,
          world_.snapshot("bronze." + topic)->scan_sql()));
    }
    std::string text;
    std::set<std::string> mine;  // a smaller case may be two pipelines, of which one runs
    for (const auto& op : world_.pipeline().operators()) mine.insert(op->model().table);
    for (const std::string& one : case_.judged.empty() ? case_.models : case_.judged) {
      const runs::Model model = parsed(one);
      if (!mine.contains(model.table)) continue;
      judge.run(fmt::format("CREATE OR REPLACE TABLE {} AS {}", model.table, model.sql));
      std::string names;
      for (const auto& column :
           must(judge.connection().prepare("SELECT * FROM " + model.table))->columns())
        names += (names.empty() ? "" : ", ") + column.name;
      const std::string difference = judge.difference(
          fmt::format("SELECT {} FROM ({})", names, world_.snapshot(model.table)->scan_sql()),
          fmt::format("SELECT {} FROM {}", names, model.table));
      if (!difference.empty()) text += model.table + ":\n" + difference;
    }
    return text + landed() + unbalanced();
  }

 private:
  void append(const std::vector<Event>& events) {
    for (std::size_t topic = 0; topic < std::size(kTopics); ++topic) {
      std::vector<Record> records;
      for (const Event& event : events)
        if (event.topic == topic) records.push_back(event.record);
      if (!records.empty()) world_.append(records, topic);
    }
  }

  // False when it failed because the process was cut off; any other failure is a fault.
  template <class T>
  bool lives(const base::Result<T>& done) const {
    if (!done && !world_.fault.was_cut()) throw std::runtime_error(done.error().to_string());
    return done.has_value();
  }

  // False when the process was cut off.
  bool act(const Step& step) {
    const auto steered = [this](const base::Result<>& done) {
      return done || done.error().code != base::Code::kUnavailable || lives(done);
    };
    switch (step.what) {
      case What::kWait:
        return true;
      case What::kEpoch:
        return lives(world_.epoch());
      case What::kDrain:
        return lives(world_.drain());
      case What::kStart:
        return lives(world_.start());
      case What::kPause:
        return steered(world_.pipeline().pause(step.model));
      case What::kResume:
        return steered(world_.pipeline().resume(step.model));
      case What::kRewind:
        return steered(world_.pipeline().rewind(step.model));
    }
    return true;
  }

  void finish() {
    world_.fault.steps_left = -1;
    must(world_.start());
    for (const auto& op : world_.pipeline().operators())
      must(world_.pipeline().resume(op->model().table));
    must(world_.drain());
    // Time passes the last rows; a model that runs at times hears of it a time later.
    for (int hours = 0; hours < 4; ++hours) {
      world_.clock().advance_us(3600 * base::kUsPerSecond);
      int idle = 0;
      for (int i = 0; i < 100 && idle < 2; ++i) idle = must(world_.epoch()) ? 0 : idle + 1;
    }
    world_.end_cleanly();
  }

  std::string landed() {
    std::string text;
    for (const auto& one : world_.pipeline().topics()) {
      const std::string& topic = one.topic.name;
      std::int64_t sent = 0;
      for (const Step& step : case_.steps) {
        sent += std::ranges::count_if(
            step.events, [&](const Event& event) { return kTopics[event.topic] == topic; });
      }
      const std::int64_t rows = world_.snapshot("bronze." + topic)->rows();
      if (rows != sent) text += fmt::format("bronze.{} has {} rows of {}\n", topic, rows, sent);
    }
    return text;
  }
  std::string unbalanced() {
    const runs::Audit audit = audit_of(world_);
    std::string text = audit.balanced() ? "" : "audit: " + failed_checks(audit);
    for (const auto& line : audit.lines) {
      if (line.counts.late > 0)
        text += fmt::format("{} rows are late for {}\n", line.counts.late, line.model);
    }
    return text;
  }

  const RandomCase& case_;
  World world_;
};

// Drops what it can of a case for as long as it fails.
class Shrinker {
 public:
  Shrinker(RandomCase c, const std::function<bool(const RandomCase&)>& fails, int tries)
      : case_(std::move(c)), fails_(fails), tries_(tries) {}

  RandomCase run() {
    std::size_t before = 0;
    do {
      before = size();
      drop_events();
      drop_steps();
      drop_models();
      for (int i = 0; i < 2; ++i) {
        RandomCase next = case_;
        next.partitions[i] = 1;
        keep_if_it_fails(std::move(next), case_.partitions[i] > 1);
      }
    } while (tries_ > 0 && size() < before);
    return case_;
  }

 private:
  std::size_t size() const {
    return case_.events() + case_.steps.size() + case_.models.size() +
           static_cast<std::size_t>(case_.partitions[0] + case_.partitions[1]);
  }

  bool keep_if_it_fails(RandomCase next, bool differs = true) {
    if (!differs || tries_ <= 0) return false;
    --tries_;
    if (!fails_(next)) return false;
    case_ = std::move(next);
    return true;
  }

  // The case without its events [from, from + count).
  RandomCase without(std::size_t from, std::size_t count) const {
    RandomCase next = case_;
    std::size_t at = 0;
    for (Step& step : next.steps) {
      std::vector<Event> kept;
      for (Event& event : step.events) {
        if (at < from || at >= from + count) kept.push_back(std::move(event));
        ++at;
      }
      step.events = std::move(kept);
    }
    return next;
  }
  void drop_events() {
    for (std::size_t count = case_.events(); count > 0; count /= 2) {
      for (std::size_t from = 0; from < case_.events();) {
        if (!keep_if_it_fails(without(from, count))) from += count;
      }
    }
  }

  void drop_steps() {
    for (std::size_t i = case_.steps.size(); i-- > 0;) {
      RandomCase next = case_;
      if (i + 1 < next.steps.size()) {  // its events come with the next one's
        auto& later = next.steps[i + 1].events;
        later.insert(later.begin(), next.steps[i].events.begin(), next.steps[i].events.end());
        next.steps.erase(next.steps.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        next.steps[i] = {.events = next.steps[i].events};
      }
      if (keep_if_it_fails(std::move(next), i + 1 < case_.steps.size() || is_busy(i))) continue;
      next = case_;
      next.steps[i].writes_left = -1;
      keep_if_it_fails(std::move(next), case_.steps[i].writes_left >= 0);
    }
  }
  bool is_busy(std::size_t i) const { return case_.steps[i].what != What::kWait; }

  void drop_models() {
    for (std::size_t i = case_.models.size(); i-- > 0 && case_.models.size() > 1;) {
      const std::string table = parsed(case_.models[i]).table;
      bool is_read = false;
      for (const std::string& other : case_.models) is_read |= parsed(other).sql.contains(table);
      RandomCase next = case_;
      next.models.erase(next.models.begin() + static_cast<std::ptrdiff_t>(i));
      if (!next.judged.empty())
        next.judged.erase(next.judged.begin() + static_cast<std::ptrdiff_t>(i));
      std::erase_if(next.steps,
                    [&](const Step& step) { return step.model == table && step.events.empty(); });
      for (Step& step : next.steps)
        if (step.model == table) step = {.events = step.events};
      keep_if_it_fails(std::move(next), !is_read);
    }
  }

  RandomCase case_;
  const std::function<bool(const RandomCase&)>& fails_;
  int tries_;
};

}  // namespace

std::size_t RandomCase::events() const {
  std::size_t count = 0;
  for (const Step& step : steps) count += step.events.size();
  return count;
}

RandomCase random_case(std::uint32_t seed) { return Maker(seed).make(); }

std::string wrong_with(const RandomCase& c) {
  try {
    Play play(c);
    play.run();
    return play.difference();
  } catch (const std::exception& stopped) {
    return fmt::format("it stopped: {}\n", stopped.what());
  }
}

RandomCase shrunk(RandomCase c, const std::function<bool(const RandomCase&)>& fails, int tries) {
  return Shrinker(std::move(c), fails, tries).run();
}

std::string to_text(const RandomCase& c) {
  static constexpr const char* kWhat[] = {"wait",  "epoch",  "drain", "start",
                                          "pause", "resume", "rewind"};
  std::string text =
      fmt::format("seed {}, {} and {} partitions\n", c.seed, c.partitions[0], c.partitions[1]);
  for (const std::string& model : c.models) text += model + "\n";
  for (const Step& step : c.steps) {
    for (const Event& event : step.events)
      text +=
          fmt::format("  {} {}: {}\n", kTopics[event.topic], event.record.key, event.record.value);
    text += fmt::format("{} {}", kWhat[static_cast<std::size_t>(step.what)], step.model);
    if (step.writes_left >= 0)
      text += fmt::format(" cut off after {} writes{}", step.writes_left,
                          step.last_is_done ? ", the last of them done unheard" : "");
    text += fmt::format(" (parallelism {}, {} rows at most)\n", step.parallelism, step.rows_max);
  }
  return text;
}

}  // namespace stream_test
