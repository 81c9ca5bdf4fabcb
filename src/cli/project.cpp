#include "cli/project.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "cli/partners.h"
#include "log/kafka_url.h"
#include "stream/operator.h"
#include "stream/pattern.h"
#include "stream/plan.h"
#include "stream/task_graph.h"

namespace cli {
namespace {

// "gold.truck_latest", or a map of table, ttl and time.
base::Result<server::Lookup> read_lookup(const base::Yaml& yaml) {
  if (auto table = yaml.scalar()) return server::Lookup{.table = *std::move(table)};
  TRY(yaml.only({"table", "ttl", "time"}));
  server::Lookup lookup{.table = TRY(yaml.text("table")),
                        .ttl_us = TRY(yaml.duration_us_or("ttl", 0)),
                        .time = TRY(yaml.text_or("time", ""))};
  if (lookup.ttl_us < 0 || (lookup.ttl_us == 0) != lookup.time.empty()) {
    return yaml.fail_here("a look-up's rows live for their 'ttl' from their 'time' on",
                          "write both, such as 'ttl: 1 day' and 'time: event_time', or none");
  }
  return lookup;
}

// "redis://host:6379", or a map of redis and rows.
base::Result<server::RedisPushOptions> read_serve(const base::Yaml& yaml) {
  const auto plain = yaml.scalar();
  if (!plain) TRY(yaml.only({"redis", "rows"}));
  const std::string rows = plain ? "json" : TRY(yaml.text_or("rows", "json"));
  if (rows != "json" && rows != "hashes") {
    return yaml.fail_here(fmt::format("rows cannot be '{}'", rows),
                          "write 'rows: json' for strings or 'rows: hashes' for fields");
  }
  auto url = server::parse_redis_url(plain ? *plain : TRY(yaml.text("redis")));
  if (!url) return std::unexpected(std::move(url).error().at(yaml.file(), yaml.line()));
  return server::RedisPushOptions{.url = *std::move(url), .hashes = rows == "hashes"};
}

// Who may ask what: users, tls, workloads.
base::Result<> read_access(const base::Yaml& yaml, Project& project) {
  if (yaml.has("users")) project.access.users = TRY(server::parse_users(TRY(yaml.child("users"))));
  if (yaml.has("tls"))
    TRY(server::parse_tls(TRY(yaml.child("tls")), project.folder, project.access));
  if (yaml.has("workloads"))
    project.workloads = TRY(server::parse_workloads(TRY(yaml.child("workloads"))));
  for (const auto& [user, workload] : project.access.workloads()) {
    if (project.workloads.contains(workload)) continue;
    return TRY(yaml.child("users"))
        .fail_here(
            fmt::format("user '{}' has the workload '{}', which there is not", user, workload),
            "name one of 'workloads', or add it there");
  }
  return {};
}

// What tasks of DAGs may use.
base::Result<> read_batch(const base::Yaml& yaml, Project& project) {
  if (yaml.has("capacity"))
    project.capacity = TRY(batch::parse_capacity(TRY(yaml.child("capacity"))));
  if (!yaml.has("pools")) return {};
  const base::Yaml pools = TRY(yaml.child("pools"));
  for (const auto& [name, entry] : pools.entries()) {
    const auto slots = TRY(pools.integer_or(name, 1));
    if (slots < 1 || slots > 1000)
      return entry.fail_here("a pool has 1 to 1000 slots", fmt::format("write '{}: 2'", name));
    project.pools[name] = static_cast<int>(slots);
  }
  return {};
}

// openlineage: http://…, or {url, file, namespace, token: env:NAME}.
base::Result<> read_lineage(const base::Yaml& yaml, Project& project) {
  project.lineage.space = TRY(yaml.text("name"));
  if (!yaml.has("openlineage")) return {};
  const base::Yaml given = TRY(yaml.child("openlineage"));
  LineageSettings& lineage = project.lineage;
  if (const auto plain = given.scalar()) {
    lineage.url = *plain;
  } else {
    TRY(given.only({"url", "file", "namespace", "token"}));
    lineage.url = TRY(given.text_or("url", ""));
    lineage.space = TRY(given.text_or("namespace", lineage.space));
    if (const std::string file = TRY(given.text_or("file", "")); !file.empty())
      lineage.file = project.folder / file;
    lineage.token = TRY(given.text_or("token", ""));
  }
  if (lineage.token.starts_with("env:")) {
    const char* const found = std::getenv(lineage.token.substr(4).c_str());
    if (found == nullptr)
      return given.fail_here(fmt::format("the environment has no {}", lineage.token.substr(4)),
                             "set it");
    lineage.token = found;
  }
  const bool http = lineage.url.starts_with("http://") || lineage.url.starts_with("https://");
  if ((!http && !lineage.url.empty()) || (lineage.url.empty() && lineage.file.empty()))
    return given.fail_here("'openlineage' names no endpoint",
                           "write 'openlineage: http://127.0.0.1:5000/api/v1/lineage'");
  return {};
}

// partners: {errors: 0.05, window: 1 day}; dead_letters: {retention: 90 days}.
base::Result<> read_quality(const base::Yaml& yaml, Project& project) {
  if (yaml.has("partners")) {
    const base::Yaml partners = TRY(yaml.child("partners"));
    TRY(partners.only({"errors", "window"}));
    project.partners.errors = TRY(partners.number_or("errors", project.partners.errors));
    if (!(project.partners.errors > 0 && project.partners.errors < 1))
      return partners.fail_here("'errors' is a share between 0 and 1",
                                "write 'errors: 0.05' for an alert above 5 %");
    project.partners.window_us = TRY(partners.duration_us_or("window", project.partners.window_us));
    if (project.partners.window_us < 60 * base::kUsPerSecond ||
        project.partners.window_us > Partners::kWindowDaysMax * base::kUsPerDay)
      return partners.fail_here("a window lasts from 1 minute to 400 days",
                                "write 'window: 1 day'");
  }
  if (!yaml.has("dead_letters")) return {};
  const base::Yaml letters = TRY(yaml.child("dead_letters"));
  TRY(letters.only({"retention"}));
  if (TRY(letters.text_or("retention", "")) == "forever") {
    project.letters_keep_us = 0;
    return {};
  }
  project.letters_keep_us = TRY(letters.duration_us_or("retention", project.letters_keep_us));
  if (project.letters_keep_us < 3600 * base::kUsPerSecond)
    return letters.fail_here("dead letters are kept for at least an hour",
                             "write 'retention: 90 days' or 'retention: forever'");
  return {};
}

// How pipelines run.
base::Result<> read_epochs(const base::Yaml& yaml, Project& project) {
  project.epoch_us = TRY(yaml.duration_us_or("epoch", project.epoch_us));
  if (project.epoch_us < 50 * base::kUsPerMs || project.epoch_us > 900 * base::kUsPerSecond)
    return TRY(yaml.child("epoch"))
        .fail_here("an epoch lasts from 50 ms to 15 minutes", "write 'epoch: 1 second'");
  const std::int64_t models = TRY(yaml.integer_or("parallelism", project.parallelism));
  if (models < 1 || models > stream::kParallelismMax)
    return TRY(yaml.child("parallelism"))
        .fail_here(
            fmt::format("1 to {} models of a pipeline run side by side", stream::kParallelismMax),
            "write 'parallelism: 2', at most the number of cores");
  project.parallelism = static_cast<int>(models);
  return {};
}

base::Result<> read_settings(const base::Yaml& yaml, Project& project) {
  TRY(read_access(yaml, project));
  TRY(yaml.only({"name",
                 "log",
                 "workers",
                 "data",
                 "lake",
                 "s3",
                 "http",
                 "postgres",
                 "kafka",
                 "redis",
                 "schema_registry",
                 "epoch",
                 "parallelism",
                 "memory",
                 "fleet",
                 "lookups",
                 "serve",
                 "simulate",
                 "users",
                 "tls",
                 "workloads",
                 "capacity",
                 "pools",
                 "partners",
                 "openlineage",
                 "dead_letters"}));
  TRY(read_quality(yaml, project));
  TRY(read_lineage(yaml, project));
  TRY(read_batch(yaml, project));
  project.name = TRY(yaml.text("name"));
  project.data = project.folder / TRY(yaml.text_or("data", "data"));
  project.lake = TRY(read_lake_place(yaml));
  project.log = TRY(yaml.text_or("log", ""));
  if (!project.log.empty()) {
    if (auto url = eventlog::parse_kafka_url(project.log); !url)
      return std::unexpected(std::move(url).error().at(yaml.file(), TRY(yaml.child("log")).line()));
  }
  if (yaml.has("workers")) {
    const base::Yaml workers = TRY(yaml.child("workers"));
    TRY(workers.only({"session"}));
    project.session_us = TRY(workers.duration_us_or("session", project.session_us));
    if (project.session_us < base::kUsPerSecond || project.session_us > 300 * base::kUsPerSecond)
      return workers.fail_here("a session lasts from 1 second to 5 minutes",
                               "write 'session: 10 seconds'");
  }
  project.http = TRY(yaml.text_or("http", project.http));
  project.postgres = TRY(yaml.text_or("postgres", project.postgres));
  project.kafka = TRY(yaml.text_or("kafka", project.kafka));
  project.redis = TRY(yaml.text_or("redis", project.redis));
  project.registry = TRY(yaml.text_or("schema_registry", project.registry));
  TRY(read_epochs(yaml, project));
  project.memory = TRY(yaml.text_or("memory", project.memory));
  if (yaml.has("fleet")) project.fleet = TRY(ops::parse_fleet(TRY(yaml.child("fleet"))));
  if (yaml.has("lookups")) {
    for (const auto& [name, entry] : TRY(yaml.child("lookups")).entries())
      project.lookups[name] = TRY(read_lookup(entry));
  }
  if (yaml.has("serve")) project.serve = TRY(read_serve(TRY(yaml.child("serve"))));
  if (yaml.has("simulate"))
    project.simulate = TRY(sources::parse_simulate(TRY(yaml.child("simulate"))));
  return {};
}

base::Result<> add_patterns(const base::Path& folder, std::vector<runs::Model>& models) {
  for (runs::Model& pattern : TRY(stream::load_patterns(folder))) {
    const auto other = std::find_if(models.begin(), models.end(), [&](const runs::Model& model) {
      return model.table == pattern.table;
    });
    if (other != models.end())
      return std::unexpected(base::Error{
          .code = base::Code::kInvalid,
          .message = fmt::format("{} is written by {} as well", pattern.table, other->file),
          .mend = "rename the table of one of them"}
                                 .at(pattern.file, 1));
    models.push_back(std::move(pattern));
  }
  return {};
}

base::Error in_settings(const Project& project, std::string message, std::string mend) {
  return base::Error{
      .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
      .at((project.folder / "waybill.yaml").string(), 0);
}

}  // namespace

base::Result<Project> load_project(const base::Path& folder) {
  Project project;
  project.folder = folder;
  const base::Path file = folder / "waybill.yaml";
  auto yaml = base::Yaml::load(file);
  if (!yaml && yaml.error().code == base::Code::kNotFound) {
    return base::fail_with(
        base::Code::kNotFound,
        fmt::format("{} is no Waybill project: it has no waybill.yaml", folder.string()),
        "run 'waybill init FOLDER' to make one, or name its folder with --project");
  }
  if (!yaml) return std::unexpected(std::move(yaml).error());
  TRY(read_settings(*yaml, project));
  project.topics = TRY(schema::load_topic_schemas(folder));
  project.models = TRY(runs::load_models(folder));
  TRY(add_patterns(folder, project.models));
  project.suites = TRY(quality::load_suites(folder));
  project.monitors = TRY(quality::load_monitors(folder));
  project.dags = TRY(batch::load_dags(folder));
  return project;
}

base::Result<std::vector<std::string>> model_sources(sql::Connection& connection,
                                                     const runs::Model& model) {
  if (const auto tree = connection.parse(model.sql)) return stream::tables_of(*tree);
  return TRY(stream::plan_model(connection, model)).sources;  // a pattern is no SELECT
}

base::Result<std::vector<stream::Component>> project_components(const Project& project) {
  const auto database = TRY(sql::Database::open({.memory_limit = "512MB", .threads = 1}));
  const auto connection = TRY(database->connect());
  std::vector<runs::Model> streaming;
  std::vector<std::string> others;
  for (const runs::Model& model : project.models) {
    if (model.mode == runs::Mode::kStreaming) {
      streaming.push_back(model);
    } else {
      others.push_back(model.table);
    }
  }
  return stream::components(*connection, project.topics, streaming, others);
}

namespace {

// Operators of one pipeline, made only to see that they can be.
base::Result<> check_pipeline(sql::Connection& connection, const Project& project,
                              const stream::Component& component,
                              std::map<std::string, columns::Schema>& tables,
                              std::vector<base::Error>& errors) {
  std::map<std::string, stream::Relation> known;
  for (const schema::TopicSchema& topic : component.topics) {
    const std::string bronze = "bronze." + topic.topic.name;
    tables[bronze] = schema::bronze_schema(topic);
    known[bronze] = {.table = bronze,
                     .schema = tables[bronze],
                     .changes = false,
                     .is_static = false,
                     .key = {},
                     .topics = {topic.topic.name}};
  }
  for (const runs::Model& model : component.models) {
    const auto suite = project.suites.find(model.quality);
    if (!model.quality.empty() && suite == project.suites.end()) {
      errors.push_back(base::Error{.code = base::Code::kInvalid,
                                   .message = fmt::format("there is no quality/{}", model.quality)}
                           .at(model.file, 1));
    }
    const stream::Plan plan = TRY(stream::plan_model(connection, model));
    // A model behind one that is wrong, or behind a daily model's table, is not looked at.
    if (!std::ranges::all_of(plan.sources,
                             [&](const auto& table) { return known.contains(table); }))
      continue;
    auto made = stream::make_operator(connection, model, known,
                                      suite == project.suites.end() ? nullptr : &suite->second);
    if (!made) {
      errors.push_back(std::move(made).error());
      continue;
    }
    known[model.table] = (*made)->output();
    tables[model.table] = (*made)->schema();
    for (const auto& [name, schema] : (*made)->side_tables()) tables[name] = schema;
    if (suite == project.suites.end()) continue;
    if (auto fits = suite->second.check_columns((*made)->schema()); !fits)
      errors.push_back(std::move(fits).error());
  }
  return {};
}

base::Result<> check_daily(sql::Connection& connection, const Project& project,
                           std::map<std::string, columns::Schema>& tables,
                           std::vector<base::Error>& errors) {
  for (const auto& [name, schema] : tables) {
    TRY(connection.execute(fmt::format("CREATE SCHEMA IF NOT EXISTS {}",
                                       sql::quote_name(name.substr(0, name.find('.'))))));
    std::string create = stream::empty_table("x", schema);
    create.replace(create.find("TEMP TABLE \"x\""), 14, "TABLE " + sql::quote_table(name));
    TRY(connection.execute(create));
  }
  for (const runs::Model& model : project.models) {
    if (model.mode != runs::Mode::kDaily) continue;
    auto schema = stream::describe(connection, model, model.sql);
    if (!schema) {
      errors.push_back(std::move(schema).error());
      continue;
    }
    tables[model.table] = *schema;
    if (model.quality.empty()) continue;
    if (const auto suite = project.suites.find(model.quality); suite == project.suites.end()) {
      errors.push_back(base::Error{.code = base::Code::kInvalid,
                                   .message = fmt::format("there is no quality/{}", model.quality),
                                   .mend = "write that suite or drop 'quality'"}
                           .at(model.file, 1));
    } else if (auto fits = suite->second.check_columns(*schema); !fits) {
      errors.push_back(std::move(fits).error());
    }
  }
  return {};
}

void check_monitors(const Project& project, const std::map<std::string, columns::Schema>& tables,
                    std::vector<base::Error>& errors) {
  for (const auto& [name, monitor] : project.monitors) {
    const auto table = tables.find(monitor.table);
    if (table == tables.end()) {
      errors.push_back(base::Error{.code = base::Code::kInvalid,
                                   .message = fmt::format("no model writes {}", monitor.table),
                                   .mend = "name a table of bronze or of a model"}
                           .at(monitor.file, 1));
    } else if (auto fits = quality::check_columns(monitor, table->second); !fits) {
      errors.push_back(std::move(fits).error());
    }
  }
}

std::vector<base::Error> check_dags(const Project& project,
                                    const std::map<std::string, columns::Schema>& tables) {
  batch::DagWorld world{.batch_models = {}, .tables = {}, .suites = {}, .pools = project.pools};
  for (const auto& [name, schema] : tables) world.tables.push_back(name);
  for (const runs::Model& model : project.models) {
    if (model.mode == runs::Mode::kDaily) world.batch_models.push_back(model.table);
  }
  for (const auto& [name, suite] : project.suites) world.suites.push_back(name);
  return batch::check_dags(project.dags, world);
}

}  // namespace

std::vector<base::Error> check_project(const Project& project) {
  std::vector<base::Error> errors;
  const auto all = [&]() -> base::Result<> {
    const auto database = TRY(sql::Database::open({.memory_limit = "512MB", .threads = 1}));
    const auto connection = TRY(database->connect());
    std::map<std::string, columns::Schema> tables;
    for (const stream::Component& component : TRY(project_components(project)))
      TRY(check_pipeline(*connection, project, component, tables, errors));
    TRY(check_daily(*connection, project, tables, errors));
    check_monitors(project, tables, errors);
    for (base::Error& error : check_dags(project, tables)) errors.push_back(std::move(error));
    for (const auto& [name, lookup] : project.lookups) {
      const auto table = tables.find(lookup.table);
      if (table == tables.end()) {
        errors.push_back(in_settings(
            project,
            fmt::format("look-up '{}' names {}, which no model writes", name, lookup.table),
            "name a latest-by-key model's table"));
      } else if (lookup.ttl_us > 0 && !server::can_expire(lookup, table->second)) {
        errors.push_back(in_settings(project,
                                     fmt::format("look-up '{}': {} has no TIMESTAMP column '{}'",
                                                 name, lookup.table, lookup.time),
                                     "name the column from whose time the 'ttl' counts"));
      }
    }
    return {};
  }();
  if (!all) errors.push_back(all.error());
  if (project.fleet &&
      std::none_of(project.topics.begin(), project.topics.end(),
                   [&](const auto& t) { return t.topic.name == project.fleet->topic; })) {
    errors.push_back(in_settings(project,
                                 fmt::format("fleet: there is no topic '{}'", project.fleet->topic),
                                 "name a topic of sources/"));
  }
  return errors;
}

}  // namespace cli
