// dags/*.yaml, read key by key.
#include <algorithm>
#include <regex>
#include <set>

#include "base/edit_distance.h"
#include "batch/dag.h"
#include "batch/dag_template.h"

namespace batch {
namespace {

using base::Result;
using base::Yaml;

constexpr std::size_t kTasksMax = 10'000;
constexpr int kRetriesMax = 1000;
constexpr int kActiveRunsMax = 1000;
constexpr std::size_t kFileBytesMax = 4UL << 20;

const std::set<std::string> kKinds{"model", "sql",   "validate", "maintain",
                                   "http",  "shell", "sensor"};
const std::set<std::string> kCommon{"depends_on",  "trigger",         "retries",
                                    "retry_delay", "retry_delay_max", "timeout",
                                    "pool",        "slots",           "priority"};

Result<std::map<std::string, std::string>> texts(const Yaml& yaml, const std::string& key) {
  std::map<std::string, std::string> all;
  if (!yaml.has(key)) return all;
  for (const auto& [name, value] : TRY(yaml.child(key)).entries()) all[name] = TRY(value.scalar());
  return all;
}

Result<std::string> table_name(const Yaml& yaml, const std::string& key) {
  static const std::regex kName("[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*");
  const std::string name = TRY(yaml.text(key));
  if (!std::regex_match(name, kName))
    return TRY(yaml.child(key))
        .fail_here(fmt::format("'{}' is no table", name), "write it as silver.scans");
  return name;
}

class DagReader {
 public:
  explicit DagReader(std::string name) { dag_.name = std::move(name); }
  Result<Dag> read(const Yaml& yaml);

 private:
  Result<> settings(const Yaml& yaml);
  Result<> timing(const Yaml& yaml);
  Result<> tasks(const Yaml& yaml);
  Result<Task> task(const std::string& name, const Yaml& yaml);
  Result<> common(const Yaml& yaml, Task& task) const;
  Result<> work(const std::string& kind, const Yaml& yaml, Task& task) const;
  Result<SqlTask> sql(const Yaml& yaml) const;
  Result<MaintainTask> maintain(const Yaml& yaml) const;
  Result<HttpTask> http(const Yaml& yaml) const;
  Result<ShellTask> shell(const Yaml& yaml) const;
  Result<SensorTask> sensor(const Yaml& yaml) const;
  Result<> order();
  // Templates in it name what there is.
  Result<> fits(const Yaml& at, const std::string& text) const;

  Dag dag_;
  Task defaults_;
};

Result<> DagReader::fits(const Yaml& at, const std::string& text) const {
  if (auto good = check_template(text, dag_); !good)
    return std::unexpected(std::move(good).error().at(at.file(), at.line()));
  return {};
}

Result<> DagReader::timing(const Yaml& yaml) {
  dag_.start_us = 0;
  if (const std::string start = TRY(yaml.text_or("start", "")); !start.empty()) {
    const auto at = base::parse_timestamp(start);
    if (!at)
      return TRY(yaml.child("start"))
          .fail_here(fmt::format("'{}' is no time", start), "write 'start: 2026-01-01'");
    dag_.start_us = *at;
  }
  dag_.catch_up = TRY(yaml.boolean_or("catch_up", false));
  dag_.at_once = TRY(yaml.boolean_or("at_once", false));
  dag_.deadline_us = TRY(yaml.duration_us_or("deadline", 0));
  const std::string cron = TRY(yaml.text_or("schedule", ""));
  const std::string zone = TRY(yaml.text_or("time_zone", "UTC"));
  if (cron.empty()) {
    for (const char* key : {"time_zone", "start", "catch_up", "at_once", "when", "deadline"}) {
      if (yaml.has(key))
        return TRY(yaml.child(key))
            .fail_here(fmt::format("'{}' needs a schedule", key),
                       "write 'schedule: 0 2 * * *', or leave it out");
    }
    return {};
  }
  const Yaml at = TRY(yaml.child("schedule"));
  auto parsed = Cron::parse(cron, dag_.name);
  if (!parsed) return std::unexpected(std::move(parsed).error().at(at.file(), at.line()));
  dag_.schedule = *std::move(parsed);
  auto found = TimeZone::find(zone);
  if (!found) {
    const int line = yaml.has("time_zone") ? TRY(yaml.child("time_zone")).line() : at.line();
    return std::unexpected(std::move(found).error().at(at.file(), line));
  }
  dag_.zone = *std::move(found);
  if (dag_.catch_up && dag_.start_us == 0)
    return TRY(yaml.child("catch_up"))
        .fail_here("'catch_up' needs to know from when", "write 'start: 2026-01-01'");
  return {};
}

Result<> DagReader::settings(const Yaml& yaml) {
  TRY(yaml.only({"description", "schedule", "time_zone", "start", "catch_up", "at_once",
                 "max_active_runs", "when", "parameters", "deadline", "defaults", "tasks"}));
  dag_.file = yaml.file();
  dag_.description = TRY(yaml.text_or("description", ""));
  dag_.parameters = TRY(texts(yaml, "parameters"));
  TRY(timing(yaml));
  const auto active = TRY(yaml.integer_or("max_active_runs", 1));
  if (active < 1 || active > kActiveRunsMax)
    return TRY(yaml.child("max_active_runs"))
        .fail_here(fmt::format("runs side by side are 1 to {}", kActiveRunsMax),
                   "write 'max_active_runs: 1'");
  dag_.max_active_runs = static_cast<int>(active);
  if (yaml.has("when")) {
    const Yaml when = TRY(yaml.child("when"));
    TRY(when.only({"tables"}));
    dag_.when_tables = TRY(when.texts_or_none("tables"));
  }
  if (yaml.has("defaults")) {
    const Yaml defaults = TRY(yaml.child("defaults"));
    std::set<std::string> known = kCommon;
    known.erase("depends_on");
    TRY(defaults.only(known));
    TRY(common(defaults, defaults_));
  }
  return {};
}

Result<> DagReader::common(const Yaml& yaml, Task& task) const {
  task.depends_on = TRY(yaml.texts_or_none("depends_on"));
  if (const std::string rule = TRY(yaml.text_or("trigger", "")); !rule.empty()) {
    const auto known = rule_named(rule);
    if (!known)
      return TRY(yaml.child("trigger"))
          .fail_here(fmt::format("there is no trigger rule '{}'", rule),
                     "write all_success, all_failed, all_done, one_success, one_failed, "
                     "none_failed, none_failed_min_one_success, none_skipped or always");
    task.trigger = *known;
  }
  const auto retries = TRY(yaml.integer_or("retries", task.retries));
  if (retries < 0 || retries > kRetriesMax)
    return TRY(yaml.child("retries"))
        .fail_here(fmt::format("retries are 0 to {}", kRetriesMax), "write 'retries: 3'");
  task.retries = static_cast<int>(retries);
  task.retry_delay_us = TRY(yaml.duration_us_or("retry_delay", task.retry_delay_us));
  task.retry_delay_us_max = TRY(yaml.duration_us_or("retry_delay_max", task.retry_delay_us_max));
  task.timeout_us = TRY(yaml.duration_us_or("timeout", task.timeout_us));
  task.pool = TRY(yaml.text_or("pool", task.pool));
  const auto slots = TRY(yaml.integer_or("slots", task.slots));
  if (slots < 1 || slots > 1000)
    return TRY(yaml.child("slots")).fail_here("slots are 1 to 1000", "write 'slots: 1'");
  task.slots = static_cast<int>(slots);
  task.priority = static_cast<int>(
      std::clamp<std::int64_t>(TRY(yaml.integer_or("priority", task.priority)), -1000, 1000));
  return {};
}

Result<SqlTask> DagReader::sql(const Yaml& yaml) const {
  if (auto plain = yaml.scalar()) {
    TRY(fits(yaml, *plain));
    return SqlTask{.sql = *std::move(plain), .line = yaml.line(), .into = {}, .append = false};
  }
  TRY(yaml.only({"query", "into", "mode"}));
  SqlTask task{.sql = TRY(yaml.text("query")),
               .line = TRY(yaml.child("query")).line(),
               .into = TRY(table_name(yaml, "into")),
               .append = false};
  const std::string mode = TRY(yaml.text_or("mode", "replace"));
  if (mode != "replace" && mode != "append")
    return TRY(yaml.child("mode"))
        .fail_here(fmt::format("a table cannot be written by '{}'", mode),
                   "write 'mode: replace' or 'mode: append'");
  task.append = mode == "append";
  TRY(fits(TRY(yaml.child("query")), task.sql));
  return task;
}

Result<MaintainTask> DagReader::maintain(const Yaml& yaml) const {
  TRY(yaml.only({"tables", "do", "zorder"}));
  MaintainTask task{.tables = TRY(yaml.texts_or_none("tables")),
                    .compact = false,
                    .vacuum = false,
                    .zorder = TRY(yaml.texts_or_none("zorder"))};
  if (task.tables.empty())
    return yaml.fail_here("'maintain' names no tables", "write 'tables: [silver.scans]'");
  for (const std::string& what : TRY(yaml.texts_or_none("do"))) {
    if (what != "compact" && what != "vacuum")
      return TRY(yaml.child("do"))
          .fail_here(fmt::format("'{}' is no maintenance", what),
                     "write 'do: [compact, vacuum]', or 'zorder: [column]'");
    (what == "compact" ? task.compact : task.vacuum) = true;
  }
  if (!task.compact && !task.vacuum && task.zorder.empty())
    return yaml.fail_here("'maintain' does nothing", "write 'do: [compact, vacuum]'");
  return task;
}

Result<HttpTask> DagReader::http(const Yaml& yaml) const {
  if (auto url = yaml.scalar()) {
    TRY(fits(yaml, *url));
    HttpTask task;
    task.method = "GET";
    task.url = *std::move(url);
    return task;
  }
  TRY(yaml.only({"method", "url", "headers", "body", "expect", "allow_private"}));
  HttpTask task{.method = TRY(yaml.text_or("method", "GET")),
                .url = TRY(yaml.text("url")),
                .headers = TRY(texts(yaml, "headers")),
                .body = TRY(yaml.text_or("body", "")),
                .expect = {},
                .allow_private = TRY(yaml.boolean_or("allow_private", false))};
  static const std::set<std::string> kMethods{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"};
  if (!kMethods.contains(task.method))
    return TRY(yaml.child("method"))
        .fail_here(fmt::format("there is no method '{}'", task.method),
                   "write GET, POST, PUT, PATCH, DELETE or HEAD");
  if (!task.url.starts_with("http://") && !task.url.starts_with("https://"))
    return TRY(yaml.child("url"))
        .fail_here("a URL starts with http:// or https://", "write the whole URL");
  for (const std::string& text : TRY(yaml.texts_or_none("expect"))) {
    if (text.size() != 3 || text.find_first_not_of("0123456789") != std::string::npos)
      return TRY(yaml.child("expect"))
          .fail_here(fmt::format("'{}' is no HTTP status", text), "write 'expect: [200, 204]'");
    task.expect.push_back(std::stoi(text));
  }
  for (const std::string* text : {&task.url, &task.body}) TRY(fits(yaml, *text));
  for (const auto& [name, value] : task.headers) TRY(fits(yaml, value));
  return task;
}

Result<ShellTask> DagReader::shell(const Yaml& yaml) const {
  ShellTask task;
  if (auto plain = yaml.scalar()) {
    task.command = *std::move(plain);
  } else {
    TRY(yaml.only({"command", "env", "folder"}));
    task = {.command = TRY(yaml.text("command")),
            .environment = TRY(texts(yaml, "env")),
            .folder = TRY(yaml.text_or("folder", ""))};
  }
  TRY(fits(yaml, task.command));
  for (const auto& [name, value] : task.environment) TRY(fits(yaml, value));
  return task;
}

Result<SensorTask> DagReader::sensor(const Yaml& yaml) const {
  TRY(yaml.only({"table", "file", "http", "every"}));
  SensorTask task;
  if (yaml.has("table")) task.table = TRY(table_name(yaml, "table"));
  task.file = TRY(yaml.text_or("file", ""));
  TRY(fits(yaml, task.file));
  if (yaml.has("http")) task.http = TRY(http(TRY(yaml.child("http"))));
  const int things =
      (task.table.empty() ? 0 : 1) + (task.file.empty() ? 0 : 1) + (task.http.has_value() ? 1 : 0);
  if (things != 1)
    return yaml.fail_here("a sensor waits for one thing",
                          "write one of 'table', 'file' and 'http'");
  task.every_us = TRY(yaml.duration_us_or("every", task.every_us));
  if (task.every_us < 100 * base::kUsPerMs || task.every_us > base::kUsPerDay)
    return TRY(yaml.child("every"))
        .fail_here("a sensor looks every 100 ms to every day", "write 'every: 10 seconds'");
  return task;
}

Result<> DagReader::work(const std::string& kind, const Yaml& yaml, Task& task) const {
  const Yaml at = TRY(yaml.child(kind));
  if (kind == "model") {
    task.work = ModelTask{.table = TRY(table_name(yaml, kind))};
  } else if (kind == "sql") {
    task.work = TRY(sql(at));
  } else if (kind == "validate") {
    TRY(at.only({"table", "suite"}));
    task.work = ValidateTask{.table = TRY(table_name(at, "table")), .suite = TRY(at.text("suite"))};
  } else if (kind == "maintain") {
    task.work = TRY(maintain(at));
  } else if (kind == "http") {
    task.work = TRY(http(at));
  } else if (kind == "shell") {
    task.work = TRY(shell(at));
  } else {
    task.work = TRY(sensor(at));
  }
  return {};
}

Result<Task> DagReader::task(const std::string& name, const Yaml& yaml) {
  static const std::regex kName("[A-Za-z][A-Za-z0-9_-]{0,63}");
  if (!std::regex_match(name, kName))
    return yaml.fail_here(fmt::format("'{}' is no name for a task", name.substr(0, 80)),
                          "use a letter, then letters, digits, '_' and '-', 64 at most");
  std::set<std::string> known = kCommon;
  known.insert(kKinds.begin(), kKinds.end());
  TRY(yaml.only(known));
  Task task = defaults_;
  task.name = name;
  task.line = yaml.line();
  std::vector<std::string> kinds;
  for (const std::string& kind : kKinds) {
    if (yaml.has(kind)) kinds.push_back(kind);
  }
  if (kinds.size() != 1)
    return yaml.fail_here(
        kinds.empty() ? fmt::format("task '{}' does nothing", name)
                      : fmt::format("task '{}' does two things: {}", name, fmt::join(kinds, ", ")),
        fmt::format("give it one of {}", fmt::join(kKinds, ", ")));
  TRY(common(yaml, task));
  TRY(work(kinds.front(), yaml, task));
  return task;
}

// Puts upstream tasks in front; names a cycle by its path.
Result<> DagReader::order() {
  std::map<std::string, const Task*> by_name;
  for (const Task& t : dag_.tasks) by_name[t.name] = &t;
  std::vector<Task> ordered;
  std::map<std::string, int> state;  // 1: on the path, 2: done
  std::vector<std::string> path;
  const auto wrong = [&](const Task& at, std::string message, std::string mend) {
    return std::unexpected(base::Error{
        .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                               .at(dag_.file, at.line));
  };
  const auto visit = [&](const auto& self, const Task& t) -> Result<> {
    if (state[t.name] == 2) return {};
    path.push_back(t.name);
    if (state[t.name] == 1) {
      const auto from = std::ranges::find(path, t.name);
      return wrong(t,
                   fmt::format("tasks wait for each other in a circle: {}",
                               fmt::join(std::vector(from, path.end()), " -> ")),
                   "take one 'depends_on' of the circle away");
    }
    state[t.name] = 1;
    for (const std::string& name : t.depends_on) {
      const auto it = by_name.find(name);
      if (it == by_name.end()) {
        const auto near = std::ranges::min_element(
            by_name, {}, [&](const auto& known) { return base::edit_distance(known.first, name); });
        return wrong(t, fmt::format("task '{}' waits for '{}', which there is not", t.name, name),
                     fmt::format("did you mean '{}'?", near->first));
      }
      TRY(self(self, *it->second));
    }
    state[t.name] = 2;
    path.pop_back();
    ordered.push_back(t);
    return {};
  };
  for (const Task& t : dag_.tasks) TRY(visit(visit, t));
  dag_.tasks = std::move(ordered);
  return {};
}

Result<> DagReader::tasks(const Yaml& yaml) {
  const Yaml list = TRY(yaml.child("tasks"));
  const auto entries = list.entries();
  if (entries.empty()) return list.fail_here("a DAG has tasks", "write one under 'tasks'");
  if (entries.size() > kTasksMax)
    return list.fail_here(fmt::format("a DAG has at most {} tasks", kTasksMax), "split it");
  for (const auto& [name, entry] : entries) {
    if (dag_.task(name) != nullptr)
      return entry.fail_here(fmt::format("there are two tasks '{}'", name), "rename one");
    dag_.tasks.push_back(TRY(task(name, entry)));
  }
  return order();
}

Result<Dag> DagReader::read(const Yaml& yaml) {
  TRY(settings(yaml));
  TRY(tasks(yaml));
  return dag_;
}

}  // namespace

Result<Dag> parse_dag(const Yaml& yaml, const std::string& name) {
  return DagReader(name).read(yaml);
}

Result<std::vector<Dag>> load_dags(const base::Path& project) {
  static const std::regex kName("[A-Za-z0-9][A-Za-z0-9_-]{0,63}");
  std::vector<Dag> dags;
  const base::Path folder = project / "dags";
  for (const std::string& file : TRY(base::posix_file_system().list(folder))) {
    if (!file.ends_with(".yaml")) continue;
    const std::string name = file.substr(0, file.size() - 5);
    if (!std::regex_match(name, kName))
      return std::unexpected(base::Error{.code = base::Code::kInvalid,
                                         .message = fmt::format("'{}' is no name for a DAG", name),
                                         .mend = "name the file with letters, digits, '_' and '-'"}
                                 .at((folder / file).string(), 0));
    const std::string text =
        TRY(base::read_file(base::posix_file_system(), folder / file, kFileBytesMax));
    dags.push_back(TRY(parse_dag(TRY(Yaml::parse(text, (folder / file).string())), name)));
  }
  return dags;
}

}  // namespace batch
