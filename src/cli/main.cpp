// The waybill binary: the list of its commands.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "base/logging.h"
#include "cli/backfill_commands.h"
#include "cli/commands.h"
#include "cli/dags_commands.h"
#include "cli/dead_letter_commands.h"
#include "cli/kafka_commands.h"
#include "cli/patterns_commands.h"
#include "cli/quality_commands.h"
#include "cli/schemas_commands.h"
#include "cli/tables_commands.h"
#include "server/sql_worker.h"

namespace {

struct Arguments {
  std::string project = ".";
  std::string log_level = "info";
  cli::UpOptions up;
  cli::SimulateFlags simulate;
  std::string folder, sql, format = "table", model, from, to;
  std::int64_t limit = 100;
  std::int64_t query = 0;
};

using Run = std::function<base::Result<>()>;

void add_project_commands(CLI::App& app, Arguments& a, Run& run) {
  auto* init = app.add_subcommand("init", "make a project folder from the logistics project");
  init->add_option("folder", a.folder, "the new folder")->required();
  init->callback([&] { run = [&] { return cli::init(a.folder); }; });
  app.add_subcommand("check", "check the project without running it")->callback([&] {
    run = [&] { return cli::check(a.project); };
  });
  auto* up = app.add_subcommand("up", "run the platform until Ctrl-C");
  up->add_option("--http", a.up.http, "address of the page and API, overrides waybill.yaml");
  up->add_option("--postgres", a.up.postgres,
                 "address of the PostgreSQL protocol, overrides waybill.yaml");
  up->add_option("--worker", a.up.worker, "name of this worker among several on one Kafka");
  up->add_option("--redis", a.up.redis,
                 "address for Redis clients, or none; overrides waybill.yaml");
  up->add_option("--schema-registry", a.up.registry,
                 "address of the schema registry, or none; overrides waybill.yaml");
  up->add_option("--kafka", a.up.kafka,
                 "address of the Kafka protocol, overrides waybill.yaml; 'none' for none");
  up->add_option("--web", a.up.web, "folder of the built page");
  up->add_option("--simulate", a.up.simulate, "trucks of the simulated fleet; 0 for none");
  up->callback([&] {
    run = [&] {
      a.up.project = a.project;
      return cli::up(a.up);
    };
  });
}

void add_question_commands(CLI::App& app, Arguments& a, Run& run) {
  auto* sql = app.add_subcommand("sql", "ask the lake");
  sql->add_option("query", a.sql, "a SELECT")->required();
  sql->add_option("--format", a.format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}));
  sql->add_option("--limit", a.limit, "rows at most");
  sql->callback([&] { run = [&] { return cli::sql_query(a.project, a.sql, a.format, a.limit); }; });
  app.add_subcommand("status", "pipelines and tables")->callback([&] {
    run = [&] { return cli::status(a.project); };
  });
  auto* runs = app.add_subcommand("runs", "the newest runs and where their rows went");
  runs->add_option("--limit", a.limit, "runs at most");
  runs->add_option("--model", a.model, "only of this table");
  runs->callback([&] { run = [&] { return cli::runs(a.project, a.limit, a.model); }; });
  app.add_subcommand("audit", "prove that no row is missing or doubled")->callback([&] {
    run = [&] { return cli::audit(a.project); };
  });
  auto* model = app.add_subcommand("run", "run a daily model now, whole or for some partitions");
  model->add_option("model", a.model, "its table")->required();
  model->add_option("--from", a.from, "first partition, for example 2026-03-01");
  model->add_option("--to", a.to, "last partition, itself included; otherwise --from alone");
  model->callback([&] { run = [&] { return cli::run_model(a.project, a.model, a.from, a.to); }; });
  auto* explain = app.add_subcommand("explain", "plan, state and bounds of a streaming model");
  explain->add_option("model", a.model, "its table")->required();
  explain->callback([&] { run = [&] { return cli::explain_model(a.project, a.model); }; });
  auto* models = app.add_subcommand("models", "steer streaming models")->require_subcommand(1);
  for (const auto& [command, what] :
       {std::pair{"pause", "stop a model; its input waits in the lake"},
        std::pair{"resume", "let a paused model go on with all that it missed"},
        std::pair{"rewind", "build a model's table anew, and those behind it"}}) {
    auto* steer = models->add_subcommand(command, what);
    steer->add_option("model", a.model, "its table")->required();
    steer->callback([&a, &run, command] {
      run = [&a, command] { return cli::steer_model(a.project, a.model, command); };
    });
  }
  auto* queries = app.add_subcommand("queries", "what clients' SQL runs now");
  queries->callback([&run, &a, queries] {
    if (queries->get_subcommands().empty()) run = [&a] { return cli::queries(a.project); };
  });
  auto* kill = queries->add_subcommand("kill", "end one");
  kill->add_option("id", a.query, "its id")->required();
  kill->callback([&] { run = [&] { return cli::kill_query(a.project, a.query); }; });
  app.add_subcommand("alerts", "what needs attention")->callback([&] {
    run = [&] { return cli::alerts(a.project); };
  });
}

void add_simulate_command(CLI::App& app, Arguments& a, Run& run) {
  auto* simulate = app.add_subcommand("simulate", "a simulated fleet as load on any Waybill");
  simulate->add_option("--to", a.simulate.to, "its HTTP address");
  simulate->add_option("--trucks", a.simulate.trucks, "trucks");
  simulate->add_option("--rate", a.simulate.rate, "events, for example 10000/s, or max");
  simulate->add_option("--duration", a.simulate.duration,
                       "for example 60s; until Ctrl-C otherwise");
  simulate->add_option("--seed", a.simulate.seed, "the same seed gives the same fleet");
  simulate->add_option("--connections", a.simulate.connections, "connections side by side");
  simulate->add_option("--truth", a.simulate.truth, "file for the injected faults");
  simulate->add_option("--ack-log", a.simulate.ack_log, "file for what was acknowledged");
  simulate->callback([&] { run = [&] { return cli::simulate(a.simulate); }; });
}

}  // namespace

int main(int argc, char** argv) {
  // A process of SqlWorkers: no command for people.
  if (argc == 2 && std::string_view(argv[1]) == "sql-worker") {
    base::start_logging("warn");
    return server::run_sql_worker();
  }
  Arguments arguments;
  if (const char* folder = std::getenv("WAYBILL_PROJECT")) arguments.project = folder;
  Run run;
  CLI::App app("Waybill: the logistics data platform in one binary");
  app.set_version_flag("--version", "waybill 0.1.0");
  app.add_option("--project", arguments.project, "the project folder (or WAYBILL_PROJECT)");
  app.add_option("--log-level", arguments.log_level, "debug, info, warn or error");
  app.require_subcommand(1);
  add_project_commands(app, arguments, run);
  add_question_commands(app, arguments, run);
  cli::add_dead_letter_commands(app, arguments.project, run);
  cli::add_tables_commands(app, arguments.project, run);
  cli::add_patterns_commands(app, arguments.project, run);
  cli::add_schemas_commands(app, arguments.project, run);
  cli::add_backfill_commands(app, arguments.project, run);
  cli::add_quality_commands(app, arguments.project, run);
  cli::add_dags_commands(app, arguments.project, run);
  add_simulate_command(app, arguments, run);
  cli::KafkaArguments kafka;
  kafka.add_to(app, arguments.project, run);
  CLI11_PARSE(app, argc, argv);
  const bool serves = app.got_subcommand("up");
  base::start_logging(serves ? arguments.log_level : "warn");
  const auto result = run();
  if (result) return 0;
  std::cerr << "waybill: " << result.error().to_string() << "\n";
  return 1;
}
