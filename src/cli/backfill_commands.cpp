#include "cli/backfill_commands.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <thread>

#include "cli/client.h"
#include "cli/print.h"

namespace cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::size_t kCandidateBytesMax = 1UL << 20;

struct Flags {
  std::string model, from, to, expect, candidate, percent;
  std::string show, publish, undo, redo, cancel;
  int parallel = 10;
  std::size_t samples = 5;
  double tolerance = 0;
  bool dry_run = false, yes = false, list = false, as_json = false, force = false;
};

void show_rows(const std::vector<std::string>& columns, const json& rows) {
  std::vector<std::vector<std::string>> cells;
  for (const json& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (const std::string& column : columns) {
      const json value = row.value(column, json());
      line.push_back(value.is_structured() ? value.dump() : cell(value));
    }
  }
  std::cout << table(columns, cells);
}

void show_samples(const json& samples) {
  for (const json& sample : samples) {
    const json& before = sample.at("old");
    const json& after = sample.at("new");
    std::string line = fmt::format("  {}", sample.at("what").get<std::string>());
    if (!sample.value("expected", true)) line += ", not expected";
    if (before.is_object() && after.is_object()) {
      std::string same;
      std::string changed;
      for (const auto& [name, value] : after.items()) {
        const json was = before.value(name, json());
        if (was == value) {
          same += fmt::format(" {}={}", name, cell(value));
        } else {
          changed += fmt::format(" {}: {} -> {}", name, cell(was), cell(value));
        }
      }
      line += fmt::format(":{} |{}", changed, same);
    } else {
      line += ": " + (after.is_object() ? after : before).dump();
    }
    std::cout << line << "\n";
  }
}

void show_diff(const json& diff) {
  std::cout << fmt::format(
      "{} rows before, {} after: {} the same, {} added, {} removed, {} changed\n",
      diff.at("old_rows").get<std::int64_t>(), diff.at("new_rows").get<std::int64_t>(),
      diff.at("same").get<std::int64_t>(), diff.at("added").get<std::int64_t>(),
      diff.at("removed").get<std::int64_t>(), diff.at("changed").get<std::int64_t>());
  for (const json& change : diff.at("schema"))
    std::cout << "  column " << change.get<std::string>() << "\n";
  for (const auto& [column, rows] : diff.at("columns").items())
    std::cout << fmt::format("  {} differs in {} rows\n", column, rows.get<std::int64_t>());
  for (const json& total : diff.value("totals", json::array())) {
    if (total.at("old") == total.at("new")) continue;
    std::cout << fmt::format("  sum of {}: {} -> {}\n", total.at("column").get<std::string>(),
                             cell(total.at("old")), cell(total.at("new")));
  }
  show_samples(diff.at("samples"));
}

void show_job(const Flags& flags, const json& job) {
  if (flags.as_json) {
    std::cout << job.dump(2) << "\n";
    return;
  }
  std::cout << fmt::format("backfill {} of {}: {}\n", job.at("backfill").get<std::string>(),
                           job.at("model").get<std::string>(), job.at("state").get<std::string>());
  show_rows({"table", "model_version", "model_hash", "partitions", "done", "rows"},
            job.at("tables"));
  for (const json& one : job.at("tables")) {
    for (const json& failed : one.at("failed"))
      std::cout << fmt::format("  failed: {}: {}\n", failed.at("partition").get<std::string>(),
                               failed.at("error").get<std::string>());
  }
  if (job.at("report").is_object()) {
    for (const json& one : job.at("report").at("tables")) {
      std::cout << one.at("table").get<std::string>() << ": ";
      show_diff(one.at("diff"));
      if (one.contains("quality"))
        std::cout << fmt::format("  suite {}: {} of {} expectations not met, {} warnings\n",
                                 one.at("quality").at("suite").get<std::string>(),
                                 one.at("quality").at("failed").size(),
                                 one.at("quality").at("expectations").get<std::int64_t>(),
                                 one.at("quality").at("warnings").size());
    }
    for (const json& problem : job.at("report").at("problems"))
      std::cout << "  problem: " << problem.get<std::string>() << "\n";
  }
  for (const json& one : job.at("published"))
    std::cout << fmt::format("  {} version {} by {}\n", one.at("table").get<std::string>(),
                             one.at("version").get<std::int64_t>(),
                             one.at("operation").get<std::string>());
}

// Whether a person at the terminal says yes.
bool agreed() {
  if (::isatty(STDIN_FILENO) == 0) return false;
  std::cout << "publish it? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

Result<json> wait_for(Client& client, const std::string& id) {
  const bool tells = ::isatty(STDERR_FILENO) != 0;
  for (;;) {
    json job = TRY(client.get("/v1/backfills/" + id));
    const std::string state = job.at("state");
    if (state != "running" && state != "publishing") return job;
    if (tells) {
      std::int64_t done = 0;
      std::int64_t all = 0;
      for (const json& one : job.at("tables")) {
        done += one.at("done").get<std::int64_t>();
        all += one.at("partitions").get<std::int64_t>();
      }
      std::cerr << fmt::format("\r{} of {} partitions", done, all) << std::flush;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Result<> failed_with(const json& job) {
  return base::fail_with(
      Code::kInvalid,
      fmt::format("the backfill {} is {}: {}", job.at("backfill").get<std::string>(),
                  job.at("state").get<std::string>(), job.at("error").get<std::string>()),
      "mend the model and run the same command again: what is done is kept where the text is the "
      "same");
}

Result<> run_backfill(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  if (flags.list) {
    const json all = TRY(client->get("/v1/backfills"));
    if (flags.as_json) {
      std::cout << all.dump(2) << "\n";
    } else {
      show_rows({"backfill", "model", "from", "to", "state", "started_at", "error"}, all);
    }
    return {};
  }
  if (!flags.show.empty()) {
    show_job(flags, TRY(client->get("/v1/backfills/" + flags.show)));
    return {};
  }
  for (const auto& [id, verb] :
       {std::pair{flags.publish, "publish"}, std::pair{flags.undo, "undo"},
        std::pair{flags.redo, "redo"}, std::pair{flags.cancel, "cancel"}}) {
    if (id.empty()) continue;
    show_job(flags,
             TRY(client->post(fmt::format("/v1/backfills/{}/{}", id, verb), json::object())));
    return {};
  }
  if (flags.model.empty())
    return base::fail_with(Code::kInvalid, "no model is named",
                           "waybill backfill MODEL --from DAY --to DAY");
  json body{{"model", flags.model},   {"from", flags.from},         {"to", flags.to},
            {"expect", flags.expect}, {"parallel", flags.parallel}, {"dry_run", flags.dry_run}};
  const json begun = TRY(client->post("/v1/backfills", body));
  if (flags.dry_run) {
    if (flags.as_json) {
      std::cout << begun.dump(2) << "\n";
      return {};
    }
    std::cout << fmt::format(
        "{} partitions of {} with {} rows in {} bytes now, from inputs of {} bytes; about {:.1f} "
        "s\n",
        begun.at("partitions").get<std::int64_t>(),
        fmt::join(begun.at("tables").get<std::vector<std::string>>(), ", "),
        begun.at("rows_now").get<std::int64_t>(), begun.at("bytes_now").get<std::int64_t>(),
        begun.at("input_bytes").get<std::int64_t>(), begun.at("estimated_seconds").get<double>());
    return {};
  }
  const std::string id = begun.at("backfill");
  json job = TRY(wait_for(*client, id));
  show_job(flags, job);
  if (job.at("state") != "ready") return failed_with(job);
  if (!flags.yes && !agreed()) {
    std::cout << fmt::format("nothing is changed yet: waybill backfill --publish {}\n", id);
    return {};
  }
  job = TRY(client->post(fmt::format("/v1/backfills/{}/publish", id), json::object()));
  std::cout << fmt::format("published; the way back: waybill backfill --undo {}\n", id);
  return {};
}

Result<> run_versions(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  const json all = TRY(client->get(fmt::format("/v1/tables/{}/versions", flags.model)));
  if (flags.as_json) {
    std::cout << all.dump(2) << "\n";
  } else {
    show_rows({"version", "time", "operation", "mode", "model_version", "model_hash", "run",
               "inputs", "flags"},
              all);
  }
  return {};
}

Result<> run_diff(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  const json diff = TRY(client->get(fmt::format("/v1/tables/{}/diff?from={}&to={}&samples={}",
                                                flags.model, flags.from, flags.to, flags.samples)));
  if (flags.as_json) {
    std::cout << diff.dump(2) << "\n";
  } else {
    std::cout << fmt::format("{} from version {} to {}: ", flags.model,
                             diff.at("from").get<std::int64_t>(),
                             diff.at("to").get<std::int64_t>());
    show_diff(diff);
  }
  return {};
}

void show_shadow(const json& verdict) {
  std::cout << fmt::format(
      "{} rows of {}: {} the same, {} changed, {} added, {} removed; by itself the old version "
      "differs in {}\n",
      verdict.at("rows").get<std::int64_t>(), verdict.at("model").get<std::string>(),
      verdict.at("same").get<std::int64_t>(), verdict.at("changed").get<std::int64_t>(),
      verdict.at("added").get<std::int64_t>(), verdict.at("removed").get<std::int64_t>(),
      verdict.at("noise_rows").get<std::int64_t>());
  for (const json& column : verdict.at("columns")) {
    const json& match = column.at("match");
    std::cout << fmt::format(
        "  {}: {:.4f} % match ({:.4f} to {:.4f}){}\n", column.at("column").get<std::string>(),
        match.at("value").get<double>() * 100, match.at("low").get<double>() * 100,
        match.at("high").get<double>() * 100,
        column.at("beyond_noise").get<bool>() ? "" : ", no more than noise");
    for (const json& cause : column.value("causes", json::array()))
      std::cout << fmt::format(
          "    {} rows: {}, for example {} -> {}\n", cause.at("rows").get<std::int64_t>(),
          cause.at("cause").get<std::string>(), cell(cause.at("old")), cell(cause.at("new")));
    if (const json where = column.value("where", json()); where.is_object())
      std::cout << fmt::format("    {:.1f} % of them where {} is {}\n",
                               where.at("share").get<double>() * 100,
                               where.at("column").get<std::string>(), cell(where.at("value")));
  }
  std::cout << fmt::format(
      "{:.4f} % of the rows differ beyond the noise, tolerated are {:.4f} %: {}\n",
      verdict.at("beyond_noise").get<double>() * 100, verdict.at("tolerance").get<double>() * 100,
      verdict.at("halted").get<bool>() ? "halted" : "may be promoted");
}

Result<std::string> candidate_of(const Flags& flags) {
  return base::read_file(base::posix_file_system(), flags.candidate, kCandidateBytesMax);
}

Result<> run_shadow(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  const json verdict = TRY(client->post(fmt::format("/v1/models/{}/shadow", flags.model),
                                        {{"candidate", TRY(candidate_of(flags))},
                                         {"file", flags.candidate},
                                         {"from", flags.from},
                                         {"to", flags.to},
                                         {"tolerance", flags.tolerance}}));
  if (flags.as_json) {
    std::cout << verdict.dump(2) << "\n";
  } else {
    show_shadow(verdict);
  }
  if (!verdict.at("halted").get<bool>()) return {};
  return base::fail_with(Code::kConflict, "the candidate differs by more than the tolerance",
                         "look at the causes above, or state a --tolerance that holds them");
}

Result<> run_promote(const std::string& project, const Flags& flags, bool back) {
  const auto client = TRY(Client::connect(project));
  json body = json::object();
  if (!back)
    body = {
        {"candidate", TRY(candidate_of(flags))}, {"file", flags.candidate}, {"force", flags.force}};
  const json done = TRY(client->post(
      fmt::format("/v1/models/{}/{}", flags.model, back ? "rollback" : "promote"), body));
  std::cout << fmt::format("{} is version {} ({}), it was {}\n", flags.model,
                           done.at("version").get<int>(), done.at("hash").get<std::string>(),
                           done.at("was").get<int>());
  for (const json& waiting : done.at("waiting_for_a_start"))
    std::cout << fmt::format("  {} takes effect at the next start\n", waiting.get<std::string>());
  return {};
}

Result<> run_flags(const std::string& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  if (!flags.percent.empty()) {
    char* end = nullptr;
    const double percent = std::strtod(flags.percent.c_str(), &end);
    if (*end != '\0')
      return base::fail_with(Code::kInvalid, fmt::format("'{}' is no percentage", flags.percent),
                             "write 0 to 100");
    TRY(client->post("/v1/flags/" + flags.model, {{"percent", percent}}));
  }
  show_rows({"flag", "model", "candidate", "candidate_version", "key", "percent"},
            TRY(client->get("/v1/flags")));
  return {};
}

Result<> run_reload(const std::string& project) {
  const auto client = TRY(Client::connect(project));
  const json done = TRY(client->post("/v1/reload", json::object()));
  std::cout << fmt::format("taken: {}; waiting for a start: {}\n", done.at("taken").dump(),
                           done.at("waiting_for_a_start").dump());
  return {};
}

void add_backfill(CLI::App& app, const std::string& project, std::function<Result<>()>& run,
                  const std::shared_ptr<Flags>& flags) {
  auto* fill = app.add_subcommand(
      "backfill",
      "write history anew by a model's present text, beside the table, then swap it in");
  fill->add_option("model", flags->model, "its table");
  fill->add_option("--from", flags->from, "first partition, for example 2026-03-01");
  fill->add_option("--to", flags->to, "last partition, itself included");
  fill->add_option("--expect", flags->expect,
                   "what every changed row has to satisfy, over old.COLUMN and new.COLUMN");
  fill->add_option("--parallel", flags->parallel, "partitions side by side");
  fill->add_flag("--dry-run", flags->dry_run, "only tell rows, bytes and time");
  fill->add_flag("--yes", flags->yes, "publish without asking when the validation is good");
  fill->add_flag("--list", flags->list, "all backfills");
  fill->add_option("--show", flags->show, "one, with its report");
  fill->add_option("--publish", flags->publish, "swap a validated one in");
  fill->add_option("--undo", flags->undo, "bring the old rows back");
  fill->add_option("--redo", flags->redo, "publish an undone one again");
  fill->add_option("--cancel", flags->cancel, "give one up");
  fill->add_flag("--json", flags->as_json, "answers as JSON");
  fill->callback([&project, &run, flags] {
    run = [&project, flags] { return run_backfill(project, *flags); };
  });
}

void add_shadow(CLI::App& app, const std::string& project, std::function<Result<>()>& run,
                const std::shared_ptr<Flags>& flags) {
  auto* shadow = app.add_subcommand(
      "shadow", "a candidate beside the model over the same rows; writes nothing");
  shadow->add_option("model", flags->model, "its table")->required();
  shadow->add_option("--candidate", flags->candidate, "a model file")->required();
  shadow->add_option("--from", flags->from, "first partition");
  shadow->add_option("--to", flags->to, "last partition");
  shadow->add_option("--tolerance", flags->tolerance, "share of rows that may differ, 0 to 1");
  shadow->add_flag("--json", flags->as_json, "the verdict as JSON");
  shadow->callback(
      [&project, &run, flags] { run = [&project, flags] { return run_shadow(project, *flags); }; });
  auto* promote = app.add_subcommand("promote", "make a candidate the model");
  promote->add_option("model", flags->model, "its table")->required();
  promote->add_option("--candidate", flags->candidate, "a model file")->required();
  promote->add_flag("--force", flags->force, "without a shadow run that was good");
  promote->callback([&project, &run, flags] {
    run = [&project, flags] { return run_promote(project, *flags, false); };
  });
  auto* back = app.add_subcommand("rollback", "the model's text of before its last promotion");
  back->add_option("model", flags->model, "its table")->required();
  back->callback([&project, &run, flags] {
    run = [&project, flags] { return run_promote(project, *flags, true); };
  });
}

}  // namespace

void add_backfill_commands(CLI::App& app, const std::string& project,
                           std::function<Result<>()>& run) {
  const auto flags = std::make_shared<Flags>();
  add_backfill(app, project, run, flags);
  add_shadow(app, project, run, flags);
  auto* versions = app.add_subcommand("versions", "who wrote each version of a table, from what");
  versions->add_option("table", flags->model, "its name")->required();
  versions->add_flag("--json", flags->as_json, "as JSON");
  versions->callback([&project, &run, flags] {
    run = [&project, flags] { return run_versions(project, *flags); };
  });
  auto* diff = app.add_subcommand("diff", "two versions of a table, row by row");
  diff->add_option("table", flags->model, "its name")->required();
  diff->add_option("from", flags->from, "v3 (of the model) or 12 (of the table)")->required();
  diff->add_option("to", flags->to, "the other one")->required();
  diff->add_option("--samples", flags->samples, "rows shown");
  diff->add_flag("--json", flags->as_json, "as JSON");
  diff->callback(
      [&project, &run, flags] { run = [&project, flags] { return run_diff(project, *flags); }; });
  auto* roll = app.add_subcommand("flags", "versions for a part of the keys");
  roll->add_option("flag", flags->model, "one of them");
  roll->add_option("percent", flags->percent, "its new percentage");
  roll->callback(
      [&project, &run, flags] { run = [&project, flags] { return run_flags(project, *flags); }; });
  app.add_subcommand("reload", "take changed model files without a restart")
      ->callback([&project, &run] { run = [&project] { return run_reload(project); }; });
}

}  // namespace cli
