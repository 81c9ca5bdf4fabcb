#include "batch/project_runner.h"

#include <filesystem>

#include "batch/task_http.h"
#include "batch/task_shell.h"
#include "stream/plan.h"

namespace batch {
namespace {

using nlohmann::json;

constexpr std::size_t kRowsShown = 20;

base::Result<std::string> text_of(const TaskCall& call, const std::string& text,
                                  TemplatePlace place) {
  return render(text, call.values, place);
}

// The task's text as a model, whose errors name its place in the DAG's file.
runs::Model model_of(const TaskCall& call, const SqlTask& task, const std::string& sql) {
  runs::Model model;
  model.table = task.into;
  model.sql = sql;
  model.file = call.dag->file;
  model.sql_line = task.line;
  return model;
}

void show_rows(TaskLog& log, const sql::Result& rows) {
  std::string names;
  for (const sql::ColumnInfo& column : rows.columns()) names += column.name + "\t";
  log.line(names);
  for (std::size_t row = 0; row < std::min(rows.rows(), kRowsShown); ++row) {
    std::string line;
    for (std::size_t c = 0; c < rows.columns().size(); ++c) line += rows.text(c, row) + "\t";
    log.line(line);
  }
}

// A question whose first row is false, in one column.
bool says_no(const sql::Result& rows) {
  return rows.rows() > 0 && rows.columns().size() == 1 &&
         rows.columns()[0].kind == sql::Kind::kBoolean && !rows.is_null(0, 0) &&
         rows.text(0, 0) == "f";
}

}  // namespace

TaskOutcome ProjectRunner::outcome(const Scene& scene, Done done) {
  if (scene.stop.stop_requested() && !done) return {.kind = TaskOutcome::Kind::kCancelled};
  if (done) {
    scene.log.line(*done);
    return {.message = *std::move(done)};
  }
  scene.log.line(done.error().to_string());
  const base::Code code = done.error().code;
  return {.kind = TaskOutcome::Kind::kFailed,
          .message = done.error().to_string(),
          .final = code == base::Code::kUnsupported};
}

TaskOutcome ProjectRunner::run(const TaskCall& call, std::stop_token stop) {
  TaskLog log(call.log);
  const Scene scene{call, log, stop};
  log.line(fmt::format("{} attempt {} of {}", base::format_rfc3339(work_.clock.now_us()),
                       call.values.attempt, call.instance));
  try {
    return std::visit([&](const auto& task) { return work(scene, task); }, call.task->work);
  } catch (const std::exception& error) {
    log.line(error.what());
    return {.kind = TaskOutcome::Kind::kFailed, .message = error.what()};
  }
}

base::Result<std::unique_ptr<sql::Connection>> ProjectRunner::connect(const Scene& scene) {
  return work_.databases.at(static_cast<std::size_t>(scene.call.capacity))->connect();
}

base::Result<std::vector<storage::Hold>> ProjectRunner::bind(sql::Connection& connection,
                                                             const runs::Model& model) {
  return bind_inputs(connection, TRY(pin_inputs(work_.catalog, connection, model)));
}

TaskOutcome ProjectRunner::work(const Scene& scene, const ModelTask& task) {
  return outcome(scene, work_.run_model(scene.call, task.table));
}

ProjectRunner::Done ProjectRunner::ask(const Scene& scene, const SqlTask& task,
                                       const std::string& sql) {
  const auto connection = TRY(connect(scene));
  const std::stop_callback ends(scene.stop, [&] { connection->interrupt(); });
  const auto held = TRY(bind(*connection, model_of(scene.call, task, sql)));
  const auto rows = TRY(connection->query(sql));
  show_rows(scene.log, *rows);
  if (says_no(*rows))
    return base::fail_with(base::Code::kInvalid, "the question's answer is false",
                           "see what it asks for");
  return fmt::format("{} rows", rows->rows());
}

ProjectRunner::Done ProjectRunner::write(const Scene& scene, const SqlTask& task,
                                         const std::string& sql) {
  if (TRY(once_.done(scene.call.instance))) return "had committed before";
  const auto connection = TRY(connect(scene));
  const std::stop_callback ends(scene.stop, [&] { connection->interrupt(); });
  runs::Model model = model_of(scene.call, task, sql);
  if (const auto there = work_.catalog.table(task.into))
    model.partition = TRY((*there)->snapshot())->metadata().partition_columns;
  const auto held = TRY(bind(*connection, model));
  const columns::Schema schema = TRY(stream::describe(*connection, model, sql));
  const auto table = TRY(open_target(work_.catalog, model, schema, !task.append));
  auto files = TRY(table->stage(*connection, stream::cast_to(schema, sql)));
  std::int64_t rows = 0;
  for (const lake::AddFile& file : files) rows += file.rows();
  const auto fill = [&](lake::Transaction& transaction) -> base::Result<> {
    if (!task.append) {
      transaction.read_whole_table();
      for (const lake::AddFile& old : transaction.base().files()) transaction.remove(old);
    }
    for (lake::AddFile& file : files) transaction.add(std::move(file));
    return {};
  };
  if (scene.stop.stop_requested()) return base::fail(base::Code::kCancelled, "stopped on request");
  const auto version =
      TRY(once_.commit(*table, scene.call.instance,
                       {.operation = "WRITE",
                        .parameters = {{"mode", task.append ? "Append" : "Overwrite"}},
                        .user_metadata = {{"task", scene.call.instance}}},
                       fill));
  if (!version) return "had committed before";
  return fmt::format("wrote {} rows to {}, version {}", rows, task.into, *version);
}

TaskOutcome ProjectRunner::work(const Scene& scene, const SqlTask& task) {
  auto sql = text_of(scene.call, task.sql, TemplatePlace::kSql);
  if (!sql) return outcome(scene, std::unexpected(std::move(sql).error()));
  while (!sql->empty() && (sql->back() == ';' || sql->back() == '\n' || sql->back() == ' '))
    sql->pop_back();
  scene.log.line(*sql);
  return outcome(scene, task.into.empty() ? ask(scene, task, *sql) : write(scene, task, *sql));
}

ProjectRunner::Done ProjectRunner::validate(const Scene& scene, const ValidateTask& task) {
  const auto suite = work_.suites.find(task.suite);
  if (suite == work_.suites.end())
    return base::fail_with(base::Code::kNotFound, fmt::format("there is no suite '{}'", task.suite),
                           "name a file of quality/");
  const auto connection = TRY(connect(scene));
  const std::stop_callback ends(scene.stop, [&] { connection->interrupt(); });
  const auto snapshot = TRY(TRY(work_.catalog.table(task.table))->snapshot());
  const storage::Hold hold = TRY(snapshot->fetch());
  const QualityVerdict verdict =
      TRY(check_quality(*connection, suite->second, snapshot->scan_sql()));
  for (const std::string& one : verdict.warnings) scene.log.line("warns: " + one);
  for (const std::string& one : verdict.failed) scene.log.line("not met: " + one);
  if (verdict.failed.empty())
    return fmt::format("{} meets {} ({} expectations)", task.table, task.suite,
                       verdict.expectations);
  return base::fail(base::Code::kInvalid, "{} does not meet {} of the {} expectations of {}: {}",
                    task.table, verdict.failed.size(), verdict.expectations, task.suite,
                    verdict.failed.front());
}

TaskOutcome ProjectRunner::work(const Scene& scene, const ValidateTask& task) {
  return outcome(scene, validate(scene, task));
}

ProjectRunner::Done ProjectRunner::maintain(const Scene& scene, const MaintainTask& task) {
  int replaced = 0;
  std::size_t deleted = 0;
  for (const std::string& name : task.tables) {
    if (scene.stop.stop_requested())
      return base::fail(base::Code::kCancelled, "stopped on request");
    const auto table = TRY(work_.catalog.table(name));
    if (!task.zorder.empty()) replaced += TRY(table->optimize({.zorder = task.zorder}));
    if (task.compact && task.zorder.empty()) replaced += TRY(table->compact());
    if (task.vacuum) deleted += TRY(table->vacuum({.now_us = work_.clock.now_us()})).paths.size();
    scene.log.line(name + " is done");
  }
  return fmt::format("rewrote {} files, deleted {}", replaced, deleted);
}

TaskOutcome ProjectRunner::work(const Scene& scene, const MaintainTask& task) {
  return outcome(scene, maintain(scene, task));
}

base::Result<HttpTask> ProjectRunner::rendered(const Scene& scene, const HttpTask& task) const {
  HttpTask call = task;
  call.url = TRY(text_of(scene.call, task.url, TemplatePlace::kUrl));
  call.body = TRY(text_of(scene.call, task.body, TemplatePlace::kJson));
  for (auto& [name, value] : call.headers)
    value = TRY(text_of(scene.call, value, TemplatePlace::kText));
  return call;
}

TaskOutcome ProjectRunner::work(const Scene& scene, const HttpTask& task) {
  auto call = rendered(scene, task);
  if (!call) return outcome(scene, std::unexpected(std::move(call).error()));
  // The same key however often it is sent: the other side can take it once.
  call->headers.emplace("Idempotency-Key", scene.call.instance);
  TaskOutcome result = run_http(*call, scene.log, scene.stop);
  scene.log.line(result.message);
  return result;
}

TaskOutcome ProjectRunner::work(const Scene& scene, const ShellTask& task) {
  const TemplateValues& values = scene.call.values;
  ShellCommand command;
  auto text = text_of(scene.call, task.command, TemplatePlace::kShell);
  if (!text) return outcome(scene, std::unexpected(std::move(text).error()));
  command.command = *std::move(text);
  command.environment = {
      {"WAYBILL_DAG", values.dag},
      {"WAYBILL_RUN", values.run},
      {"WAYBILL_TASK", values.task},
      {"WAYBILL_INSTANCE", scene.call.instance},
      {"WAYBILL_ATTEMPT", std::to_string(values.attempt)},
      {"WAYBILL_INTERVAL_START", base::format_rfc3339(values.interval.start_us)},
      {"WAYBILL_INTERVAL_END", base::format_rfc3339(values.interval.end_us)},
  };
  for (const auto& [name, value] : task.environment) {
    auto filled = text_of(scene.call, value, TemplatePlace::kText);
    if (!filled) return outcome(scene, std::unexpected(std::move(filled).error()));
    command.environment[name] = *std::move(filled);
  }
  command.folder = work_.folder / task.folder;
  command.mark = work_.mark;
  return run_shell(command, scene.log, scene.stop);
}

TaskOutcome ProjectRunner::work(const Scene& scene, const SensorTask& task) {
  constexpr auto kNotYet = TaskOutcome::Kind::kNotYet;
  if (!task.table.empty()) {
    if (work_.table_has && work_.table_has(task.table, scene.call.values.interval.end_us))
      return {.message = task.table + " has the interval"};
    return {.kind = kNotYet, .message = task.table + " does not have the interval yet"};
  }
  if (!task.file.empty()) {
    auto file = text_of(scene.call, task.file, TemplatePlace::kText);
    if (!file) return outcome(scene, std::unexpected(std::move(file).error()));
    if (std::filesystem::exists(work_.folder / *file)) return {.message = *file + " is there"};
    return {.kind = kNotYet, .message = *file + " is not there yet"};
  }
  auto call = rendered(scene, *task.http);
  if (!call) return outcome(scene, std::unexpected(std::move(call).error()));
  TaskOutcome answer = run_http(*call, scene.log, scene.stop);
  if (answer.kind == TaskOutcome::Kind::kFailed &&
      !answer.message.contains("is a private address")) {
    answer.kind = kNotYet;
    answer.final = false;
  }
  return answer;
}

}  // namespace batch
