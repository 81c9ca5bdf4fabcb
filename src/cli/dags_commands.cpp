#include "cli/dags_commands.h"

#include <iostream>
#include <memory>

#include "base/percent.h"
#include "cli/client.h"
#include "cli/print.h"

namespace cli {
namespace {

using base::Result;
using nlohmann::json;

struct Flags {
  std::string dag, run, task, from, to, id;
  std::vector<std::string> parameters;
  std::string state;
  std::int64_t limit = 20;
  int parallel = 1;
  int attempt = 0;
  bool alone = false;
  bool as_json = false;
};

std::string part(const std::string& text) { return base::percent_encode(text, base::kUnreserved); }
std::string path_of(const Flags& flags) { return "/v1/dags/" + part(flags.dag); }
std::string run_path(const Flags& flags) { return path_of(flags) + "/runs/" + part(flags.run); }

void show_runs(const json& runs) {
  std::vector<std::vector<std::string>> rows;
  for (const json& run : runs) {
    std::vector<std::string> counts;
    for (const auto& [state, n] : run["counts"].items())
      counts.push_back(fmt::format("{} {}", n.get<int>(), state));
    rows.push_back({cell(run["run"]), cell(run["state"]), cell(run["interval"]["start"]),
                    cell(run["interval"]["end"]), cell(run["started_at"]), cell(run["ended_at"]),
                    fmt::format("{}", fmt::join(counts, ", "))});
  }
  std::cout << table({"run", "state", "from", "to", "started", "ended", "tasks"}, rows);
}

void show_run(const json& run) {
  show_runs(json::array({run}));
  std::vector<std::vector<std::string>> rows;
  for (const json& task : run["tasks"]) {
    rows.push_back({cell(task["task"]), cell(task["state"]), cell(task["attempt"]),
                    cell(task["started_at"]), cell(task["ended_at"]),
                    task.contains("message") ? cell(task["message"]) : ""});
  }
  std::cout << table({"task", "state", "attempt", "started", "ended", "message"}, rows);
}

Result<> list(const std::string& project) {
  const auto client = TRY(Client::connect(project));
  std::vector<std::vector<std::string>> rows;
  for (const json& dag : TRY(client->get("/v1/dags"))) {
    const json& last = dag["last_run"];
    rows.push_back({cell(dag["dag"]), dag["paused"].get<bool>() ? "paused" : "on",
                    cell(dag["schedule"]), cell(dag["time_zone"]), cell(dag["tasks"]),
                    cell(dag["next_at"]), last.is_null() ? "" : cell(last["run"]),
                    last.is_null() ? "" : cell(last["state"])});
  }
  std::cout << table({"dag", "is", "schedule", "zone", "tasks", "next", "last run", "state"}, rows);
  return {};
}

Result<> show(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  if (!flags.run.empty()) {
    const json run = TRY(client->get(run_path(flags)));
    if (flags.as_json) {
      std::cout << run.dump(2) << "\n";
    } else {
      show_run(run);
    }
    return {};
  }
  const json dag = TRY(client->get(path_of(flags)));
  if (flags.as_json) {
    std::cout << dag.dump(2) << "\n";
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& task : dag["graph"]) {
    rows.push_back(
        {cell(task["task"]), cell(task["kind"]),
         fmt::format("{}", fmt::join(task["depends_on"].get<std::vector<std::string>>(), ", ")),
         cell(task["trigger"])});
  }
  std::cout << table({"task", "kind", "after", "trigger"}, rows);
  show_runs(dag["runs"]);
  return {};
}

Result<json> parameters(const Flags& flags) {
  json all = json::object();
  for (const std::string& text : flags.parameters) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no parameter", text),
                             "write -p NAME=VALUE");
    all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return all;
}

Result<> start(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  json body{{"parameters", TRY(parameters(flags))}};
  if (!flags.id.empty()) body["id"] = flags.id;
  if (flags.from.empty() != flags.to.empty())
    return base::fail_with(base::Code::kInvalid, "an interval has two ends",
                           "write --from and --to");
  if (!flags.from.empty()) {
    body["start"] = flags.from;
    body["end"] = flags.to;
  }
  show_run(TRY(client->post(path_of(flags) + "/run", body)));
  return {};
}

Result<> backfill(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  const json answer =
      TRY(client->post(path_of(flags) + "/backfill", {{"from", flags.from},
                                                      {"to", flags.to},
                                                      {"parallel", flags.parallel},
                                                      {"parameters", TRY(parameters(flags))}}));
  std::cout << fmt::format("{} runs made\n", answer["runs"].size());
  return {};
}

Result<> clear(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  json body{{"downstream", !flags.alone}};
  if (!flags.task.empty()) body["task"] = flags.task;
  const json answer = TRY(client->post(run_path(flags) + "/clear", body));
  std::cout << fmt::format("run again: {}\n",
                           fmt::join(answer["cleared"].get<std::vector<std::string>>(), ", "));
  return {};
}

Result<> mark(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  show_run(
      TRY(client->post(run_path(flags) + "/mark", {{"task", flags.task}, {"state", flags.state}})));
  return {};
}

Result<> steer(const std::string& project, const Flags& flags, const std::string& verb) {
  const auto client = TRY(Client::connect(project));
  const json dag = TRY(client->post(path_of(flags) + "/" + verb, json::object()));
  std::cout << fmt::format("{} is {}\n", flags.dag, dag["paused"].get<bool>() ? "paused" : "on");
  return {};
}

Result<> runs(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  show_runs(TRY(client->get(fmt::format("{}/runs?limit={}", path_of(flags), flags.limit))));
  return {};
}

Result<> logs(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  const std::string which =
      flags.attempt > 0 ? fmt::format("?attempt={}", flags.attempt) : std::string();
  const json answer =
      TRY(client->get(run_path(flags) + "/tasks/" + part(flags.task) + "/log" + which));
  std::cout << answer["log"].get<std::string>();
  return {};
}

Result<> next(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  std::vector<std::vector<std::string>> rows;
  for (const json& run :
       TRY(client->get(fmt::format("/v1/dags/next?limit={}&dag={}", flags.limit, part(flags.dag)))))
    rows.push_back({cell(run["at"]), cell(run["dag"]), cell(run["interval"]["start"]),
                    cell(run["interval"]["end"]), run["paused"].get<bool>() ? "paused" : ""});
  std::cout << table({"at", "dag", "from", "to", ""}, rows);
  return {};
}

}  // namespace

void add_dags_commands(CLI::App& app, const std::string& project,
                       std::function<base::Result<>()>& run) {
  const auto flags = std::make_shared<Flags>();
  auto* dags = app.add_subcommand("dags", "DAGs of tasks and their runs")->require_subcommand(1);
  using Work = std::function<Result<>(const std::string&, const Flags&)>;
  const auto add = [&, flags](const char* name, const char* what, const Work& work) {
    CLI::App* command = dags->add_subcommand(name, what);
    command->callback([&project, &run, flags, work] {
      run = [&project, flags, work] { return work(project, *flags); };
    });
    return command;
  };
  const auto of_dag = [flags](CLI::App* command) {
    command->add_option("dag", flags->dag, "its name")->required();
    return command;
  };
  const auto of_run = [flags, of_dag](CLI::App* command) {
    of_dag(command)->add_option("run", flags->run, "the run's id")->required();
    return command;
  };
  add("list", "all DAGs", [](const std::string& p, const Flags&) { return list(p); });
  CLI::App* shows = of_dag(add("show", "a DAG's tasks and runs, or one run's tasks", show));
  shows->add_option("run", flags->run, "the run's id");
  shows->add_flag("--json", flags->as_json, "as JSON");
  CLI::App* starts = of_dag(add("run", "start a run by hand", start));
  starts->add_option("-p,--parameter", flags->parameters, "NAME=VALUE");
  starts->add_option("--id", flags->id, "asking twice with one id makes one run");
  starts->add_option("--from", flags->from, "its interval's start");
  starts->add_option("--to", flags->to, "its interval's end");
  CLI::App* fills = of_dag(add("backfill", "runs for intervals that have passed", backfill));
  fills->add_option("--from", flags->from, "intervals that begin from here on")->required();
  fills->add_option("--to", flags->to, "and before here")->required();
  fills->add_option("--parallel", flags->parallel, "runs side by side");
  fills->add_option("-p,--parameter", flags->parameters, "NAME=VALUE");
  for (const char* verb : {"pause", "resume"}) {
    of_dag(add(verb, verb[0] == 'p' ? "start nothing more" : "go on",
               [verb](const std::string& p, const Flags& f) { return steer(p, f, verb); }));
  }
  CLI::App* clears = of_run(add("clear", "run tasks again, with all behind them", clear));
  clears->add_option("task", flags->task, "only from this task on");
  clears->add_flag("--alone", flags->alone, "without those behind it");
  CLI::App* marks = of_run(add("mark", "say what became of a task", mark));
  marks->add_option("task", flags->task, "its name")->required();
  marks->add_option("state", flags->state, "success, failed or skipped")->required();
  of_dag(add("runs", "the newest runs", runs))->add_option("--limit", flags->limit, "at most");
  CLI::App* shows_log = of_run(add("logs", "what a task printed", logs));
  shows_log->add_option("task", flags->task, "its name")->required();
  shows_log->add_option("--attempt", flags->attempt, "the newest otherwise");
  CLI::App* nexts = add("next", "what runs next", next);
  nexts->add_option("dag", flags->dag, "only this one");
  nexts->add_option("--limit", flags->limit, "times of each DAG");
}

}  // namespace cli
