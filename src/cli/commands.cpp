#include "cli/commands.h"

#include <filesystem>
#include <iostream>

#include "base/percent.h"
#include "cli/client.h"
#include "cli/print.h"
#include "sources/load_client.h"

namespace cli {
namespace {

std::string url_part(std::string_view text) {
  return base::percent_encode(text, base::kUnreserved);
}

void print(const std::string& text) { std::cout << text << std::flush; }

// Where files that ship with the binary are: beside it in the source tree, or installed.
base::Result<base::Path> shipped(const base::Path& what) {
  std::error_code error;
  const base::Path self = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const base::Path& root : {self / "../..", self / "../share/waybill", self / "../../.."}) {
    if (std::filesystem::exists(root / what)) return std::filesystem::weakly_canonical(root / what);
  }
  return base::fail_with(base::Code::kNotFound,
                         fmt::format("'{}' is not installed beside the binary", what.string()),
                         "run the binary from the place where it was built or installed");
}

}  // namespace

base::Result<base::Path> shipped_web() { return shipped("web/dist"); }

base::Result<> init(const base::Path& folder) {
  if (std::filesystem::exists(folder / "waybill.yaml")) {
    return base::fail_with(base::Code::kAlreadyExists,
                           fmt::format("{} is a Waybill project already", folder.string()),
                           "name another folder");
  }
  const base::Path source = TRY(shipped("projects/logistics"));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::filesystem::copy(source, folder, std::filesystem::copy_options::recursive, error);
  if (error)
    return base::fail(base::Code::kIo, "cannot copy the project to {}: {}", folder.string(),
                      error.message());
  print(fmt::format("made the project {}; start it with: waybill --project {} up\n",
                    folder.string(), folder.string()));
  return {};
}

base::Result<> check(const base::Path& folder) {
  const Project project = TRY(load_project(folder));
  const std::vector<base::Error> errors = check_project(project);
  for (const base::Error& error : errors) print(error.to_string() + "\n");
  if (!errors.empty())
    return base::fail(base::Code::kInvalid, "{} problem{} found", errors.size(),
                      errors.size() == 1 ? "" : "s");
  print(fmt::format("{}: {} topics, {} models, {} suites: all good\n", project.name,
                    project.topics.size(), project.models.size(), project.suites.size()));
  return {};
}

base::Result<> sql_query(const base::Path& project, const std::string& sql,
                         const std::string& format, std::int64_t limit) {
  const auto client = TRY(Client::connect(project));
  print(print_sql(TRY(client->post("/v1/sql", {{"sql", sql}, {"limit", limit}})), format));
  return {};
}

base::Result<> status(const base::Path& project) {
  const auto client = TRY(Client::connect(project));
  print(print_status(TRY(client->get("/v1/status"))));
  return {};
}

base::Result<> runs(const base::Path& project, std::int64_t limit, const std::string& model) {
  const auto client = TRY(Client::connect(project));
  print(print_runs(
      TRY(client->get(fmt::format("/v1/runs?limit={}&model={}", limit, url_part(model))))));
  return {};
}

base::Result<> audit(const base::Path& project) {
  const auto client = TRY(Client::connect(project));
  const nlohmann::json audit = TRY(client->get("/v1/audit"));
  print(print_audit(audit));
  if (!audit["balanced"].get<bool>())
    return base::fail(base::Code::kCorrupt, "the ledger does not balance");
  return {};
}

base::Result<> run_model(const base::Path& project, const std::string& model,
                         const std::string& from, const std::string& to) {
  if (from.empty() && !to.empty())
    return base::fail_with(base::Code::kInvalid, fmt::format("--to {} stands without --from", to),
                           "name the first partition, too, or neither for the whole table");
  const auto client = TRY(Client::connect(project));
  nlohmann::json body = nlohmann::json::object();
  if (!from.empty()) body = {{"from", from}, {"to", to.empty() ? from : to}};
  print(print_runs(
      nlohmann::json::array({TRY(client->post("/v1/models/" + url_part(model) + "/run", body))})));
  return {};
}

base::Result<> explain_model(const base::Path& project, const std::string& model) {
  const auto client = TRY(Client::connect(project));
  print(print_plan(TRY(client->get("/v1/models/" + url_part(model) + "/plan"))));
  return {};
}

base::Result<> steer_model(const base::Path& project, const std::string& model,
                           const std::string& command) {
  const auto client = TRY(Client::connect(project));
  const auto plan =
      TRY(client->post("/v1/models/" + url_part(model) + "/" + command, nlohmann::json::object()));
  print(fmt::format("{}: {}\n", model, cell(plan["state_of_work"])));
  return {};
}

base::Result<> alerts(const base::Path& project) {
  const auto client = TRY(Client::connect(project));
  std::vector<std::vector<std::string>> rows;
  for (const auto& a : TRY(client->get("/v1/alerts"))) {
    rows.push_back({cell(a["severity"]), cell(a["since"]),
                    a.contains("resolved_at") ? cell(a["resolved_at"]) : "open", cell(a["id"]),
                    cell(a["summary"])});
  }
  print(table({"severity", "since", "resolved", "id", "summary"}, rows));
  return {};
}

base::Result<> queries(const base::Path& project) {
  const auto client = TRY(Client::connect(project));
  std::vector<std::vector<std::string>> rows;
  for (const auto& q : TRY(client->get("/v1/queries"))) {
    rows.push_back(
        {cell(q["id"]), cell(q["workload"]), cell(q["user"]), cell(q["client"]), cell(q["state"]),
         fmt::format("{:.1f}", static_cast<double>(q["running_ms"]) / 1000.0),
         fmt::format("{}", static_cast<std::uint64_t>(q["memory_bytes"]) >> 20), cell(q["sql"])});
  }
  print(table({"id", "workload", "user", "client", "state", "seconds", "MB", "query"}, rows));
  return {};
}

base::Result<> kill_query(const base::Path& project, std::int64_t id) {
  const auto client = TRY(Client::connect(project));
  TRY(client->post(fmt::format("/v1/queries/{}/kill", id), nlohmann::json::object()));
  print(fmt::format("query {} is killed\n", id));
  return {};
}

base::Result<> simulate(const SimulateFlags& flags) {
  sources::LoadOptions options;
  options.to = flags.to;
  options.trucks = flags.trucks;
  options.events_per_second = TRY(sources::parse_rate(flags.rate));
  if (!flags.duration.empty()) options.duration_us = TRY(base::parse_duration_us(flags.duration));
  options.seed = flags.seed;
  options.connections = flags.connections;
  options.truth_file = flags.truth;
  options.ack_log = flags.ack_log;
  const base::SystemClock clock;
  const auto report =
      TRY(sources::run_simulate(options, clock, {}, [](const sources::LoadReport& so_far) {
        std::cerr << so_far.to_string() << "\n";
      }));
  print(report.to_string() + "\n");
  for (const auto& [topic, events] : report.by_topic)
    print(fmt::format("  {} {}\n", topic, events));
  return {};
}

}  // namespace cli
