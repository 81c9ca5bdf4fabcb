#include "batch/dag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/uuid.h"
#include "batch/capacity.h"
#include "batch/dag_template.h"
#include "batch/implicit_dags.h"
#include "batch/task_http.h"
#include "batch/task_shell.h"

namespace batch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

base::Result<Dag> parse(const std::string& text) {
  const auto yaml = base::Yaml::parse(text, "dags/d.yaml");
  if (!yaml) return std::unexpected(yaml.error());
  return parse_dag(*yaml, "d");
}

TEST(Dags, UpstreamTasksComeFirstAndDownstreamOnesAreFound) {
  const auto dag = parse(R"(
tasks:
  d: {shell: x, depends_on: [b, c]}
  b: {shell: x, depends_on: a}
  c: {shell: x}
  a: {shell: x}
)");
  ASSERT_TRUE(dag) << dag.error().to_string();
  std::vector<std::string> names;
  for (const Task& task : dag->tasks) names.push_back(task.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(dag->with_downstream("a"), ElementsAre("a", "b", "d"));
}

TEST(Dags, WhatIsWrongIsNamedWithFileAndLine) {
  const std::pair<const char*, const char*> wrong[] = {
      {"tasks:\n  a: {shell: x, depends_on: b}\n  b: {shell: x, depends_on: a}\n",
       "d.yaml:2: tasks wait for each other in a circle: a -> b -> a"},
      {"tasks:\n  a: {shell: x, depends_on: a}\n", "a -> a"},
      {"tasks:\n  a: {shell: x}\n  b: {shell: x, depends_on: aa}\n", "did you mean 'a'?"},
      {"tasks: {a: {shell: x, trigger: all_sucess}}", "no trigger rule 'all_sucess'"},
      {"tasks: {a: {depends_on: []}}", "does nothing"},
      {"tasks: {a: {train: x}}", "train"},
      {"tasks: {}", "a DAG has tasks"},
      {"schedule: 0 0 31 2 *\ntasks: {a: {shell: x}}", "no day ever fits"},
      {"catch_up: true\ntasks: {a: {shell: x}}", "'catch_up' needs a schedule"},
      {"schedule: '@daily'\ncatch_up: true\ntasks: {a: {shell: x}}", "from when"},
      {"tasks: {a: {sensor: {table: a.b, file: x}}}", "one thing"},
      {"tasks: {a: {http: {url: 'ftp://x'}}}", "http://"},
      {"tasks: {a: {shell: 'echo {{ parameters.x }}'}}", "parameters.x"},
      {"tasks: {a: {shell: 'echo {{ interval.start | dat }}'}}", "no filter 'dat'"},
      {"tasks: {a: {shell: 'echo {{ dag'}}", "no '}}'"},
      {"tasks: {a: {sql: {query: SELECT 1, into: Gold.X}}}", "is no table"},
  };
  for (const auto& [text, words] : wrong) {
    const auto dag = parse(text);
    ASSERT_FALSE(dag) << text;
    EXPECT_THAT(dag.error().to_string(), HasSubstr(words)) << text;
    EXPECT_THAT(dag.error().to_string(), HasSubstr("dags/d.yaml:")) << text;
  }
}

TEST(Dags, NamesOfModelsTablesSuitesAndPoolsAreCheckedAgainstTheProject) {
  const auto dag = parse(R"(
tasks:
  m: {model: gold.on_tim}
  v: {validate: {table: gold.on_time, suite: leg.json}}
  p: {shell: x, pool: apii}
  s: {shell: x, pool: api, slots: 3}
  w: {sql: {query: SELECT 1 AS x, into: gold.made}}
  r: {validate: {table: gold.made, suite: legs.json}}
)");
  ASSERT_TRUE(dag) << dag.error().to_string();
  const auto errors = check_dags({*dag}, {.batch_models = {"gold.on_time"},
                                          .tables = {"gold.on_time"},
                                          .suites = {"legs.json"},
                                          .pools = {{"api", 2}}});
  std::vector<std::string> texts;
  for (const auto& error : errors) texts.push_back(error.to_string());
  EXPECT_THAT(texts, ElementsAre(HasSubstr("gold.on_time"), HasSubstr("legs.json"),
                                 HasSubstr("'api'"), HasSubstr("needs 3 slots")));
}

TEST(Templates, AValueStaysOneValueWhereverItIsUsed) {
  TemplateValues values;
  values.interval = {.start_us = 0, .end_us = base::kUsPerDay};
  values.parameters["x"] = "a'b \"c\"; d";
  const auto in = [&](const char* text, TemplatePlace place) {
    return render(text, values, place).value();
  };
  EXPECT_EQ(in("'{{ parameters.x }}'", TemplatePlace::kSql), "'a''b \"c\"; d'");
  EXPECT_EQ(in("echo {{parameters.x}}", TemplatePlace::kShell), R"(echo 'a'\''b "c"; d')");
  EXPECT_EQ(in("?q={{ parameters.x }}", TemplatePlace::kUrl), "?q=a%27b%20%22c%22%3B%20d");
  EXPECT_EQ(in(R"("{{ parameters.x }}")", TemplatePlace::kJson), R"("a'b \"c\"; d")");
  EXPECT_EQ(in("{{ interval.start | date }}/{{ interval.end | epoch }}", TemplatePlace::kText),
            "1970-01-01/86400");
}

TEST(PrivateAddresses, AreThoseThatThePublicInternetDoesNotRoute) {
  for (const char* address :
       {"127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "no address"})
    EXPECT_TRUE(is_private_address(address)) << address;
  for (const char* address :
       {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"})
    EXPECT_FALSE(is_private_address(address)) << address;
}

TEST(Shell, ACommandIsEndedAsAWholeWhenItIsAskedTo) {
  const auto file = std::filesystem::temp_directory_path() / base::new_uuid();
  TaskLog log({});
  std::stop_source stop;
  std::jthread asks([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  ShellCommand command;
  command.command = fmt::format("(sleep 1; touch {}) & sleep 30", file.string());
  command.mark = "test";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run_shell(command, log, stop.get_token()).kind, TaskOutcome::Kind::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(Shell, ACommandThatFloodsItsLogIsEndedWhenItIsAskedTo) {
  TaskLog log({});
  std::stop_source stop;
  std::jthread asks([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  ShellCommand command;
  command.command = "timeout 60 yes";  // bounds the test itself
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run_shell(command, log, stop.get_token()).kind, TaskOutcome::Kind::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(Shell, AFailureTellsTheStatusAndTheLastLine) {
  TaskLog log({});
  ShellCommand command;
  command.command = "echo one; echo \"$WORD\" >&2; exit 7";
  command.environment["WORD"] = "last words";
  const TaskOutcome outcome = run_shell(command, log, {});
  EXPECT_EQ(outcome.kind, TaskOutcome::Kind::kFailed);
  EXPECT_EQ(outcome.message, "the command ended with status 7: last words");
}

TEST(CapacityShares, TheNiceValueGivesAShareAgainstABusyMachine) {
  EXPECT_EQ(nice_of(1, 2, 2), 0);  // half of two cores: as much as the others have
  EXPECT_GT(nice_of(0.5, 2, 2), 3);
  EXPECT_GT(nice_of(0.1, 2, 2), nice_of(0.5, 2, 2));
  EXPECT_EQ(nice_of(0.0001, 64, 2), 19);
}

TEST(ImplicitDags, RunModelsThatNoDagRunsByTheirScheduleAfterThoseThatTheyRead) {
  const auto model = [](const std::string& table, const std::string& mode,
                        const std::string& from) {
    return runs::parse_model(
               fmt::format("---\ntable: {}\nmode: {}\n---\nSELECT * FROM {}", table, mode, from),
               "models/" + table + ".sql")
        .value();
  };
  const std::vector<runs::Model> models{model("gold.a", "daily at 02:00", "gold.b"),
                                        model("gold.b", "daily at 02:00", "silver.x"),
                                        model("gold.c", "daily at 02:00", "silver.x"),
                                        model("gold.d", "daily at 03:30 Europe/Berlin", "gold.a")};
  const auto own = parse("tasks: {c: {model: gold.c}}").value();
  const auto database = sql::Database::open({.threads = 1}).value();
  const auto connection = database->connect().value();
  const auto dags = implicit_dags({own}, models, *connection);
  ASSERT_TRUE(dags) << dags.error().to_string();
  ASSERT_EQ(dags->size(), 2U);
  EXPECT_EQ(dags->at(0).name, "daily-0200");
  ASSERT_EQ(dags->at(0).tasks.size(), 2U);
  EXPECT_EQ(dags->at(0).tasks[0].name, "gold-b");
  EXPECT_EQ(dags->at(0).tasks[1].name, "gold-a");
  EXPECT_THAT(dags->at(0).tasks[1].depends_on, ElementsAre("gold-b"));
  EXPECT_EQ(dags->at(1).name, "daily-0330-Europe-Berlin");
  EXPECT_THAT(inputs_of(dags->at(0), models, *connection).value(), ElementsAre("silver.x"));
}

}  // namespace
}  // namespace batch
