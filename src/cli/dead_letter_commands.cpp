#include "cli/dead_letter_commands.h"

#include <iostream>

#include "cli/client.h"
#include "cli/dead_letters.h"
#include "cli/print.h"

namespace cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

struct Flags {
  std::vector<std::string> ids;
  std::string id, model, reason, since, until, older_than, repair, text;
  std::int64_t limit = 100;
  std::int64_t attempts = 1;
  double rate = 0;
  bool dry_run = false, all = false, as_json = false;
};

json filter_of(const Flags& flags) {
  json filter = json::object();
  if (!flags.ids.empty()) filter["ids"] = flags.ids;
  for (const auto& [key, value] : {std::pair{"model", &flags.model},
                                   {"reason", &flags.reason},
                                   {"since", &flags.since},
                                   {"until", &flags.until}}) {
    if (!value->empty()) filter[key] = *value;
  }
  return filter;
}

Result<> list(const base::Path& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  const std::string where = TRY(DeadLetters::where(filter_of(flags)));
  const json answer = TRY(client->post(
      "/v1/sql", {{"sql", fmt::format("SELECT * FROM dead_letters WHERE {} ORDER BY time DESC, id "
                                      "LIMIT {}",
                                      where, flags.limit)},
                  {"limit", flags.limit}}));
  json letters = json::array();
  for (const json& row : answer["rows"]) {
    json& letter = letters.emplace_back(json::object());
    for (std::size_t i = 0; i < answer["columns"].size(); ++i)
      letter[answer["columns"][i]["name"].get<std::string>()] = row[i];
  }
  std::cout << (flags.as_json ? letters.dump(2) + "\n" : print_dead_letters(letters));
  return {};
}

Result<> show(const base::Path& project, const Flags& flags) {
  const auto client = TRY(Client::connect(project));
  const auto answer = TRY(client->post(
      "/v1/sql",
      {{"sql", fmt::format("SELECT *, octet_length(encode(raw)) AS bytes FROM dead_letters WHERE "
                           "id = {}",
                           sql::quote_text(flags.id))},
       {"limit", 1}}));
  if (answer["rows"].empty()) {
    return base::fail_with(Code::kNotFound, fmt::format("there is no dead letter '{}'", flags.id),
                           "see 'waybill dead-letters list'");
  }
  for (std::size_t i = 0; i < answer["columns"].size(); ++i)
    std::cout << fmt::format("{:<10} {}\n", cell(answer["columns"][i]["name"]),
                             cell(answer["rows"][0][i]));
  return {};
}

void print_redriven(const json& answer, const Flags& flags) {
  if (flags.as_json) {
    std::cout << answer.dump(2) << "\n";
    return;
  }
  if (answer.contains("examples")) {
    for (const json& example : answer["examples"])
      std::cout << fmt::format("{}\n  - {}\n  + {}\n", cell(example["id"]), cell(example["from"]),
                               cell(example["to"]));
    std::cout << fmt::format("would redrive {}\n", cell(answer["would_redrive"]));
  } else {
    std::cout << fmt::format("redriven {}\n", cell(answer["redriven"]));
  }
  if (answer["skipped"] != 0)
    std::cout << fmt::format("{} were redriven before and left alone (--attempts allows more)\n",
                             cell(answer["skipped"]));
  for (const json& id : answer["in_doubt"])
    std::cout << fmt::format("{} may have been sent already: a process ended while sending it\n",
                             cell(id));
}

Result<> redrive(const base::Path& project, const Flags& flags) {
  json body = filter_of(flags);
  if (body.empty() && !flags.all)
    return base::fail_with(Code::kInvalid, "nothing is named to be redriven",
                           "name ids, --model, --reason, --since, --until, or --all");
  if (flags.all) body["all"] = true;
  const std::string repair = flags.text.empty() ? flags.repair : sql::quote_text(flags.text);
  if (!repair.empty()) body["repair"] = repair;
  body["attempts_max"] = flags.attempts;
  body["per_second"] = flags.rate;
  body["dry_run"] = flags.dry_run;
  const auto client = TRY(Client::connect(project));
  print_redriven(TRY(client->post("/v1/dead-letters/redrives", body)), flags);
  return {};
}

Result<> repair(const base::Path& project, const Flags& flags) {
  if (flags.repair.empty() == flags.text.empty())
    return base::fail_with(Code::kInvalid, "nothing says how to repair",
                           "give --sql, an expression over raw, or --text, the new text");
  if (!flags.text.empty() && flags.ids.size() != 1)
    return base::fail_with(Code::kInvalid, "--text is the text of one dead letter", "name one id");
  return redrive(project, flags);
}

Result<> purge(const base::Path& project, const Flags& flags) {
  json body = filter_of(flags);
  if (!flags.older_than.empty())
    body["until"] = base::format_rfc3339(base::SystemClock().now_us() -
                                         TRY(base::parse_duration_us(flags.older_than)));
  if (flags.all) body["all"] = true;
  body["dry_run"] = flags.dry_run;
  const auto client = TRY(Client::connect(project));
  const json answer = TRY(client->post("/v1/dead-letters/purge", body));
  std::cout << (flags.dry_run ? fmt::format("would purge {}\n", cell(answer["would_purge"]))
                              : fmt::format("purged {}\n", cell(answer["purged"])));
  return {};
}

}  // namespace

void add_dead_letter_commands(CLI::App& app, const std::string& project,
                              std::function<Result<>()>& run) {
  auto* letters =
      app.add_subcommand("dead-letters", "rows that could not go on")->require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  using Command = Result<> (*)(const base::Path&, const Flags&);
  const auto add = [&, flags](const char* name, const char* what, Command command) {
    auto* sub = letters->add_subcommand(name, what);
    sub->add_flag("--json", flags->as_json, "for programs");
    sub->callback([&project, &run, flags, command] {
      run = [&project, flags, command] { return command(project, *flags); };
    });
    return sub;
  };
  const auto filter = [flags](CLI::App* sub) {
    sub->add_option("--model", flags->model, "only of this table");
    sub->add_option("--reason", flags->reason, "only with these words in the reason");
    sub->add_option("--since", flags->since, "only from this time on");
    sub->add_option("--until", flags->until, "only before this time");
    return sub;
  };
  filter(add("list", "the newest", list))->add_option("--limit", flags->limit, "at most");
  add("show", "one, with its bytes", show)->add_option("id", flags->id, "its id")->required();
  const auto sends = [&, flags](CLI::App* sub) {
    filter(sub)->add_option("ids", flags->ids, "their ids");
    sub->add_option("--rate", flags->rate, "letters per second at most");
    sub->add_option("--attempts", flags->attempts, "send one so often at most");
    sub->add_flag("--dry-run", flags->dry_run, "only show what would be sent");
    sub->add_flag("--all", flags->all, "every dead letter");
    return sub;
  };
  sends(add("redrive", "send them into their topic again, each once", redrive));
  auto* mend = sends(add("repair", "send them into their topic with another text", repair));
  mend->add_option("--sql", flags->repair, "an expression over raw that gives the new text");
  mend->add_option("--text", flags->text, "the new text of one");
  auto* away = filter(add("purge", "remove them for good", purge));
  away->add_option("ids", flags->ids, "their ids");
  away->add_option("--older-than", flags->older_than, "for example 90d");
  away->add_flag("--dry-run", flags->dry_run, "only say how many");
  away->add_flag("--all", flags->all, "every dead letter");
}

}  // namespace cli
