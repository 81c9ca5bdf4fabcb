#include "server/registry_api.h"

#include <charconv>

#include "base/json_nesting.h"
#include "schema/protobuf_schema.h"

namespace server {

using nlohmann::json;
using schema::Deleted;
using schema::refuse;
using schema::RegistryCode;
using enum schema::RegistryCode;

namespace {

constexpr std::size_t kBodyNestingMax = 200;
constexpr const char* kContentType = "application/vnd.schemaregistry.v1+json";

bool flag(const Request& request, const std::string& name) {
  return request.query_or(name, "false") == "true";
}

Deleted deleted_of(const Request& request) {
  if (flag(request, "deletedOnly")) return Deleted::kOnly;
  return flag(request, "deleted") ? Deleted::kShown : Deleted::kHidden;
}

// Subjects may come qualified by the default context: ":.:name".
std::string subject_of(const std::string& segment) {
  return segment.starts_with(":.:") ? segment.substr(3) : segment;
}

schema::Answer<json> body_of(const Request& request) {
  if (base::nests_deeper(request.body, kBodyNestingMax))
    return refuse(kInvalidSchema,
                  fmt::format("the body is nested deeper than {} levels", kBodyNestingMax));
  json body = json::parse(request.body, nullptr, false);
  if (body.is_object()) return body;
  return std::unexpected(
      schema::RegistryError{static_cast<RegistryCode>(400), "the body is not a JSON object"});
}

std::string text_in(const json& body, const char* key, const std::string& otherwise) {
  const auto at = body.find(key);
  return at != body.end() && at->is_string() ? at->get<std::string>() : otherwise;
}

int number_in(const json& body, const char* key) {
  const auto at = body.find(key);
  if (at == body.end() || !at->is_number_integer()) return 0;
  const auto number = at->get<std::int64_t>();
  return number > 0 && number <= INT32_MAX ? static_cast<int>(number) : 0;
}

schema::Answer<schema::RegisterRequest> request_of(const Request& request) {
  const auto body = body_of(request);
  if (!body) return std::unexpected(body.error());
  schema::RegisterRequest out;
  const auto type = schema::parse_schema_type(text_in(*body, "schemaType", "AVRO"));
  if (!type) return refuse(kInvalidSchema, type.error().message);
  out.document.type = *type;
  out.document.text = text_in(*body, "schema", "");
  if (out.document.text.empty()) return refuse(kInvalidSchema, "Empty schema");
  for (const json& each : body->value("references", json::array())) {
    if (!each.is_object()) return refuse(kInvalidSchema, "a reference is no object");
    out.document.references.push_back({text_in(each, "name", ""),
                                       subject_of(text_in(each, "subject", "")),
                                       number_in(each, "version")});
  }
  out.normalize = flag(request, "normalize");
  out.version = number_in(*body, "version");
  out.id = number_in(*body, "id");
  return out;
}

std::optional<std::int32_t> id_of(const std::string& text) {
  std::int32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return id;
}

json references_of(const schema::SchemaDocument& document) {
  json list = json::array();
  for (const auto& r : document.references)
    list.push_back({{"name", r.name}, {"subject", r.subject}, {"version", r.version}});
  return list;
}

schema::Answer<json> not_found() {
  return std::unexpected(
      schema::RegistryError{static_cast<RegistryCode>(404), "HTTP 404 Not Found"});
}

schema::Answer<json> wrong_method() {
  return std::unexpected(
      schema::RegistryError{static_cast<RegistryCode>(405), "HTTP 405 Method Not Allowed"});
}

template <class T>
schema::Answer<json> as_json(const schema::Answer<T>& answer) {
  if (!answer) return std::unexpected(answer.error());
  return json(*answer);
}

}  // namespace

Response RegistryApi::answer(const Request& request) {
  const Reply reply = route(request);
  Response response =
      json_response(reply ? *reply
                          : json{{"error_code", static_cast<int>(reply.error().code)},
                                 {"message", reply.error().message}});
  response.content_type = kContentType;
  if (!reply) response.status = reply.error().status();
  const bool text = reply && reply->is_string() && request.segments.back() == "schema";
  if (text) response.body = reply->get<std::string>();
  return response;
}

RegistryApi::Reply RegistryApi::route(const Request& request) {
  const auto& s = request.segments;
  if (s.empty() || (s.size() == 1 && s[0].empty())) return json::object();
  if (s[0] == "subjects") return subjects(request);
  if (s[0] == "schemas") return schemas(request);
  if (s[0] == "config" && s.size() <= 2) return config(request);
  if (s[0] == "mode" && s.size() <= 2) return mode(request);
  if (s[0] == "compatibility") return compatibility(request);
  if (s[0] == "contexts" && s.size() == 1) return json::array({"."});
  if (request.path == "/v1/metadata/id")
    return json{{"scope", {{"path", json::array()}}}, {"id", ""}};
  if (request.path == "/v1/metadata/version") return json{{"version", "8.0.0"}, {"commitId", ""}};
  return not_found();
}

json RegistryApi::shown(const schema::SchemaVersion& version) const {
  json out{{"subject", version.subject},
           {"version", version.version},
           {"id", version.id},
           {"schema", version.document.text}};
  if (version.document.type != schema::SchemaType::kAvro)
    out["schemaType"] = schema::schema_type_name(version.document.type);
  if (!version.document.references.empty()) out["references"] = references_of(version.document);
  return out;
}

std::string RegistryApi::text_of(const schema::SchemaDocument& document,
                                 const std::string& format) const {
  if (document.type != schema::SchemaType::kProtobuf || format != "serialized")
    return document.text;
  const auto resolved = registry_.resolve(document);
  if (!resolved) return document.text;
  const auto parsed = schema::parse_protobuf(*resolved);
  return parsed ? (*parsed)->serialized() : document.text;
}

RegistryApi::Reply RegistryApi::subjects(const Request& request) {
  const auto& s = request.segments;
  if (s.size() == 1) {
    if (request.method != Method::kGet) return wrong_method();
    std::string prefix = request.query_or("subjectPrefix", "");
    if (prefix.starts_with(":*:")) prefix = prefix.substr(3);
    return json(registry_.subjects(subject_of(prefix), deleted_of(request)));
  }
  const std::string subject = subject_of(s[1]);
  if (s.size() == 2) {
    if (request.method == Method::kPost) return lookup(request, subject);
    if (request.method == Method::kDelete)
      return as_json(registry_.remove(subject, flag(request, "permanent")));
    return wrong_method();
  }
  if (s[2] != "versions") return not_found();
  if (s.size() == 3) return versions(request, subject);
  if (s.size() <= 5) return version(request, subject, s[3]);
  return not_found();
}

RegistryApi::Reply RegistryApi::lookup(const Request& request, const std::string& subject) {
  const auto given = request_of(request);
  if (!given) return std::unexpected(given.error());
  const auto found = registry_.find(subject, *given, deleted_of(request));
  if (!found) return std::unexpected(found.error());
  return shown(*found);
}

RegistryApi::Reply RegistryApi::versions(const Request& request, const std::string& subject) {
  if (request.method == Method::kGet)
    return as_json(registry_.version_numbers(subject, deleted_of(request)));
  if (request.method != Method::kPost) return wrong_method();
  const auto given = request_of(request);
  if (!given) return std::unexpected(given.error());
  const auto added = registry_.add(subject, *given);
  if (!added) return std::unexpected(added.error());
  return shown(*added);
}

RegistryApi::Reply RegistryApi::version(const Request& request, const std::string& subject,
                                        const std::string& number) {
  const auto& s = request.segments;
  if (s.size() == 4 && request.method == Method::kDelete)
    return as_json(registry_.remove(subject, number, flag(request, "permanent")));
  if (request.method != Method::kGet) return wrong_method();
  if (s.size() == 5 && s[4] == "referencedby")
    return as_json(registry_.referenced_by(subject, number));
  auto found = registry_.version(subject, number, deleted_of(request));
  if (!found) return std::unexpected(found.error());
  found->document.text = text_of(found->document, request.query_or("format", ""));
  if (s.size() == 4) return shown(*found);
  if (s[4] == "schema") return json(found->document.text);
  return not_found();
}

RegistryApi::Reply RegistryApi::schemas(const Request& request) {
  const auto& s = request.segments;
  if (request.method != Method::kGet) return wrong_method();
  if (s.size() == 2 && s[1] == "types") return json::array({"JSON", "PROTOBUF", "AVRO"});
  if (s.size() >= 3 && s.size() <= 4 && s[1] == "ids") return by_id(request);
  if (s.size() != 1) return not_found();
  json list = json::array();
  std::string prefix = request.query_or("subjectPrefix", "");
  if (prefix.starts_with(":*:")) prefix = prefix.substr(3);
  for (const auto& version :
       registry_.all(subject_of(prefix), deleted_of(request), flag(request, "latestOnly")))
    list.push_back(shown(version));
  return list;
}

RegistryApi::Reply RegistryApi::by_id(const Request& request) {
  const auto& s = request.segments;
  const auto id = id_of(s[2]);
  if (!id) return not_found();
  const auto found = registry_.schema(*id);
  if (!found) return std::unexpected(found.error());
  const std::string text = text_of(found->document, request.query_or("format", ""));
  if (s.size() == 3) {
    json out{{"schema", text}};
    if (found->document.type != schema::SchemaType::kAvro)
      out["schemaType"] = schema::schema_type_name(found->document.type);
    if (!found->document.references.empty()) out["references"] = references_of(found->document);
    if (flag(request, "fetchMaxId")) out["maxId"] = *id;
    return out;
  }
  if (s[3] == "schema") return json(text);
  const auto versions = registry_.with_id(*id, deleted_of(request));
  json list = json::array();
  for (const auto& version : versions) {
    if (s[3] == "subjects" && (list.empty() || list.back() != version.subject))
      list.push_back(version.subject);
    if (s[3] == "versions")
      list.push_back({{"subject", version.subject}, {"version", version.version}});
  }
  if (s[3] != "subjects" && s[3] != "versions") return not_found();
  return list;
}

RegistryApi::Reply RegistryApi::config(const Request& request) {
  const std::string subject = request.segments.size() == 2 ? subject_of(request.segments[1]) : "";
  const auto show = [](const schema::Registry::Config& config, const char* key) {
    json out = json::object();
    if (config.level) out[key] = schema::level_name(*config.level);
    if (config.normalize) out["normalize"] = *config.normalize;
    return out;
  };
  if (request.method == Method::kGet) {
    const auto own = registry_.own_config(subject);
    if (subject.empty() || flag(request, "defaultToGlobal")) {
      auto held = registry_.config(subject);
      if (held.normalize == false) held.normalize.reset();
      return show(held, "compatibilityLevel");
    }
    if (own) return show(*own, "compatibilityLevel");
    return refuse(
        kNoSubjectConfig,
        fmt::format("Subject '{}' does not have subject-level compatibility configured", subject));
  }
  if (request.method == Method::kDelete) {
    const auto had = registry_.remove_config(subject);
    if (!had) return std::unexpected(had.error());
    return show(*had, "compatibilityLevel");
  }
  if (request.method != Method::kPut) return wrong_method();
  const auto body = body_of(request);
  if (!body) return std::unexpected(body.error());
  schema::Registry::Config config;
  if (const std::string name =
          text_in(*body, "compatibility", text_in(*body, "compatibilityLevel", ""));
      !name.empty()) {
    const auto level = schema::parse_level(name);
    if (!level) return std::unexpected(level.error());
    config.level = *level;
  }
  if (const auto at = body->find("normalize"); at != body->end() && at->is_boolean())
    config.normalize = at->get<bool>();
  if (!config.level && !config.normalize) return std::unexpected(schema::parse_level("").error());
  if (auto set = registry_.set_config(subject, config); !set) return std::unexpected(set.error());
  return show(config, "compatibility");
}

RegistryApi::Reply RegistryApi::mode(const Request& request) {
  const std::string subject = request.segments.size() == 2 ? subject_of(request.segments[1]) : "";
  const auto show = [](schema::Mode mode) { return json{{"mode", schema::mode_name(mode)}}; };
  if (request.method == Method::kGet) {
    if (subject.empty() || flag(request, "defaultToGlobal") || registry_.own_mode(subject))
      return show(registry_.mode(subject));
    return refuse(kNoSubjectMode,
                  fmt::format("Subject '{}' does not have subject-level mode configured", subject));
  }
  if (request.method == Method::kDelete) {
    const auto had = registry_.remove_mode(subject);
    if (!had) return std::unexpected(had.error());
    return show(*had);
  }
  if (request.method != Method::kPut) return wrong_method();
  const auto body = body_of(request);
  if (!body) return std::unexpected(body.error());
  const auto mode = schema::parse_mode(text_in(*body, "mode", ""));
  if (!mode) return std::unexpected(mode.error());
  if (auto set = registry_.set_mode(subject, *mode, flag(request, "force")); !set)
    return std::unexpected(set.error());
  return show(*mode);
}

RegistryApi::Reply RegistryApi::compatibility(const Request& request) {
  const auto& s = request.segments;
  if (s.size() < 4 || s.size() > 5 || s[1] != "subjects" || s[3] != "versions") return not_found();
  if (request.method != Method::kPost) return wrong_method();
  const auto given = request_of(request);
  if (!given) return std::unexpected(given.error());
  const std::string subject = subject_of(s[2]);
  const auto problems = s.size() == 5 ? registry_.check(subject, s[4], given->document)
                                      : registry_.check_all(subject, given->document);
  if (!problems) return std::unexpected(problems.error());
  json out{{"is_compatible", problems->empty()}};
  if (flag(request, "verbose")) out["messages"] = *problems;
  return out;
}

}  // namespace server
