#include "cli/schemas_commands.h"

#include <curl/curl.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/migrations.h"
#include "cli/print.h"
#include "cli/project.h"

namespace cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

struct Flags {
  std::string registry, subject, version = "latest", file, type;
};

std::size_t append(char* data, std::size_t size, std::size_t count, void* into) {
  static_cast<std::string*>(into)->append(data, size * count);
  return size * count;
}

// The registry that was named, or the one of the running Waybill.
Result<std::string> registry_of(const std::string& folder, const Flags& flags) {
  if (!flags.registry.empty()) return flags.registry;
  const Project project = TRY(load_project(folder));
  const auto text = base::read_file(base::posix_file_system(), project.data / "waybill.json");
  const json run = text ? json::parse(*text, nullptr, false) : json();
  const std::string url = run.is_object() ? run.value("registry", std::string()) : "";
  if (!url.empty()) return url;
  return base::fail_with(Code::kUnavailable, "no schema registry is running for this project",
                         "start 'waybill up' with 'schema_registry: 127.0.0.1:8081' in "
                         "waybill.yaml, or name one by --registry URL");
}

Result<json> call(const std::string& url, const std::string& path, const json* body) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::string answer;
  const std::string whole = url + path;
  const std::string text = body == nullptr ? "" : body->dump();
  curl_easy_setopt(curl.get(), CURLOPT_URL, whole.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_slist* headers = nullptr;
  if (body != nullptr) {
    headers = curl_slist_append(headers, "Content-Type: application/vnd.schemaregistry.v1+json");
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(text.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, text.c_str());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  curl_slist_free_all(headers);
  if (code != CURLE_OK)
    return base::fail_with(Code::kUnavailable,
                           fmt::format("{} does not answer: {}", url, curl_easy_strerror(code)),
                           "is the registry running?");
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  json parsed = json::parse(answer, nullptr, false);
  if (status == 200) return parsed;
  const std::string message =
      parsed.is_object() ? parsed.value("message", answer) : answer.substr(0, 200);
  return base::fail_with(
      status == 404 ? Code::kNotFound : Code::kInvalid, message,
      status == 409 ? "see the reasons above: each names its mend" : "look into docs/schemas.md");
}

std::string escaped(const std::string& text) {
  const std::unique_ptr<char, void (*)(void*)> out(
      curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), curl_free);
  return out == nullptr ? "" : out.get();
}

Result<> list(const std::string& folder, const Flags& flags) {
  const std::string url = TRY(registry_of(folder, flags));
  std::vector<std::vector<std::string>> cells;
  for (const json& each : TRY(call(url, "/schemas?latestOnly=true", nullptr))) {
    cells.push_back({each.value("subject", ""), std::to_string(each.value("version", 0)),
                     std::to_string(each.value("id", 0)), each.value("schemaType", "AVRO")});
  }
  std::cout << table({"subject", "version", "id", "type"}, cells);
  return {};
}

Result<> show(const std::string& folder, const Flags& flags) {
  const std::string url = TRY(registry_of(folder, flags));
  const json found = TRY(call(
      url, fmt::format("/subjects/{}/versions/{}", escaped(flags.subject), escaped(flags.version)),
      nullptr));
  const std::string text = found.value("schema", "");
  const json parsed = json::parse(text, nullptr, false);
  std::cout << (parsed.is_discarded() ? text : nlohmann::ordered_json::parse(text).dump(2)) << "\n";
  return {};
}

// By the file's name, unless --type says it.
Result<json> body_of(const Flags& flags) {
  const std::string text = TRY(base::read_file(base::posix_file_system(), flags.file, 1UL << 20));
  std::string type = flags.type;
  if (type.empty()) {
    type = flags.file.ends_with(".proto")  ? "PROTOBUF"
           : flags.file.ends_with(".avsc") ? "AVRO"
                                           : "JSON";
  }
  return json{{"schema", text}, {"schemaType", type}};
}

Result<> check(const std::string& folder, const Flags& flags) {
  const std::string url = TRY(registry_of(folder, flags));
  const json body = TRY(body_of(flags));
  const json verdict = TRY(call(
      url, fmt::format("/compatibility/subjects/{}/versions?verbose=true", escaped(flags.subject)),
      &body));
  if (verdict.value("is_compatible", false)) {
    std::cout << "it can be registered\n";
    return {};
  }
  for (const json& message : verdict.value("messages", json::array()))
    std::cout << message.get<std::string>() << "\n";
  return base::fail_with(Code::kInvalid,
                         fmt::format("the schema breaks subject '{}'", flags.subject),
                         "see the reasons above: each names its mend");
}

Result<> register_schema(const std::string& folder, const Flags& flags) {
  const std::string url = TRY(registry_of(folder, flags));
  const json body = TRY(body_of(flags));
  const json made =
      TRY(call(url, fmt::format("/subjects/{}/versions", escaped(flags.subject)), &body));
  std::cout << fmt::format("{} version {}, id {}\n", flags.subject, made.value("version", 0),
                           made.value("id", 0));
  return {};
}

Result<> list_migrations(const std::string& folder) {
  const Project project = TRY(load_project(folder));
  std::vector<std::vector<std::string>> cells;
  for (const MigrationState& state : TRY(migrations(project.folder, project.data)))
    cells.push_back({state.migration.name, state.migration.hash,
                     state.ran_at.empty() ? "with the next start" : state.ran_at});
  std::cout << table({"migration", "hash", "ran"}, cells);
  return {};
}

}  // namespace

void add_schemas_commands(CLI::App& app, const std::string& project,
                          std::function<Result<>()>& run) {
  app.add_subcommand("migrations", "changes of tables by migrations/*.sql, and when they ran")
      ->callback([&run, &project] { run = [&project] { return list_migrations(project); }; });
  const auto flags = std::make_shared<Flags>();
  auto* schemas = app.add_subcommand("schemas", "the schema registry")->require_subcommand(1);
  schemas->add_option("--registry", flags->registry, "its address; else the running Waybill's");
  const auto add = [&](const char* name, const char* what, auto command) {
    auto* made = schemas->add_subcommand(name, what);
    made->callback([&run, &project, flags, command] {
      run = [&project, flags, command] { return command(project, *flags); };
    });
    return made;
  };
  add("list", "the newest version of each subject", list);
  auto* shown = add("show", "a schema", show);
  shown->add_option("subject", flags->subject, "for example scans-value")->required();
  shown->add_option("version", flags->version, "a number or latest");
  for (auto* made : {add("check", "whether a schema would be taken", check),
                     add("register", "register a schema", register_schema)}) {
    made->add_option("subject", flags->subject, "for example scans-value")->required();
    made->add_option("file", flags->file, "a .avsc, .json or .proto file")->required();
    made->add_option("--type", flags->type, "AVRO, JSON or PROTOBUF");
  }
}

}  // namespace cli
