#include "cli/schemas_api.h"

#include <algorithm>

#include "quality/arguments.h"

namespace cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;
using schema::Deleted;

constexpr std::size_t kSubjectsShownMax = 10'000;

std::unexpected<base::Error> not_found(const schema::RegistryError& error,
                                       const std::string& mend) {
  return base::fail_with(Code::kNotFound, error.message, mend);
}

std::string query_of(const server::RoomCall& call, const std::string& name) {
  const auto it = call.query.find(name);
  return it == call.query.end() ? "" : it->second;
}

json version_json(const schema::SchemaVersion& version) {
  json references = json::array();
  for (const schema::SchemaReference& one : version.document.references)
    references.push_back({{"name", one.name}, {"subject", one.subject}, {"version", one.version}});
  return {{"version", version.version},
          {"id", version.id},
          {"type", schema::schema_type_name(version.document.type)},
          {"schema", version.document.text},
          {"references", std::move(references)},
          {"deleted", version.deleted}};
}

}  // namespace

bool SchemasApi::answers(const server::RoomCall& call) {
  return !call.segments.empty() && call.segments[0] == "schemas";
}

Result<json> SchemasApi::answer(const server::RoomCall& call) const {
  if (call.segments.size() == 1) return subjects();
  if (registry_ == nullptr)
    return base::fail_with(Code::kNotFound, "this Waybill has no schema registry of its own",
                           "ask the registry that the topics name");
  if (call.segments.size() == 2) return subject(call.segments[1]);
  if (call.segments.size() == 3 && call.segments[2] == "compare")
    return compare(call.segments[1], query_of(call, "from"), query_of(call, "to"));
  return base::fail_with(Code::kNotFound, "there is no such part of a subject",
                         "GET /v1/schemas/SUBJECT or /v1/schemas/SUBJECT/compare?from=1&to=2");
}

Result<SchemasApi::Readers> SchemasApi::readers() const {
  const auto connection = TRY(engine_.connect());
  Readers found;
  for (const runs::Model& model : project_.models) {
    const auto sources = model_sources(*connection, model);
    if (!sources) continue;
    for (const std::string& table : *sources) found[table].push_back(model.table);
  }
  return found;
}

Result<json> SchemasApi::subjects() const {
  json answer{{"embedded", registry_ != nullptr},
              {"listener", project_.registry},
              {"subjects", json::array()},
              {"elsewhere", json::array()}};
  for (const schema::TopicSchema& topic : project_.topics) {
    if (!topic.registry.empty() && topic.registry != "embedded")
      answer["elsewhere"].push_back(
          {{"topic", topic.topic.name}, {"subject", topic.subject}, {"registry", topic.registry}});
  }
  if (registry_ == nullptr) return answer;
  answer["level"] =
      schema::level_name(registry_->config("").level.value_or(schema::Level::kBackward));
  answer["mode"] = schema::mode_name(registry_->mode(""));
  std::vector<std::string> names = registry_->subjects("", Deleted::kShown);
  answer["truncated"] = names.size() > kSubjectsShownMax;
  names.resize(std::min(names.size(), kSubjectsShownMax));
  const Readers known = TRY(readers());
  for (const std::string& name : names) answer["subjects"].push_back(headline(name, known));
  return answer;
}

// Versions, level, and who uses it.
json SchemasApi::headline(const std::string& subject, const Readers& readers) const {
  const auto own = registry_->own_config(subject);
  json line{{"subject", subject},
            {"level", schema::level_name(
                          registry_->config(subject).level.value_or(schema::Level::kBackward))},
            {"own_level", own.has_value() && own->level.has_value()},
            {"mode", schema::mode_name(registry_->mode(subject))},
            {"topics", json::array()},
            {"models", json::array()},
            {"versions", json::array()}};
  if (const auto numbers = registry_->version_numbers(subject, Deleted::kHidden))
    line["versions"] = *numbers;
  line["deleted"] = line["versions"].empty();
  const auto latest = registry_->version(
      subject, "latest", line["deleted"].get<bool>() ? Deleted::kShown : Deleted::kHidden);
  if (latest) {
    line["type"] = schema::schema_type_name(latest->document.type);
    line["id"] = latest->id;
    if (const auto users = registry_->referenced_by(subject, std::to_string(latest->version)))
      line["referenced_by"] = *users;
  }
  for (const schema::TopicSchema& topic : project_.topics) {
    if (topic.registry != "embedded" || topic.subject != subject) continue;
    line["topics"].push_back(topic.topic.name);
    const auto models = readers.find("bronze." + topic.topic.name);
    if (models == readers.end()) continue;
    for (const std::string& model : models->second) line["models"].push_back(model);
  }
  return line;
}

Result<json> SchemasApi::subject(const std::string& name) const {
  const auto numbers = registry_->version_numbers(name, Deleted::kShown);
  if (!numbers)
    return not_found(
        numbers.error(),
        quality::nearest_of(name, registry_->subjects("", Deleted::kHidden), "the subjects"));
  json details = headline(name, TRY(readers()));
  details["versions"] = json::array();
  for (const int number : *numbers) {
    const auto version = registry_->version(name, std::to_string(number), Deleted::kShown);
    if (version) details["versions"].push_back(version_json(*version));
  }
  return details;
}

// Why `to` may not follow `from`, by the subject's level.
Result<json> SchemasApi::compare(const std::string& name, const std::string& from,
                                 const std::string& to) const {
  const auto newer = registry_->version(name, to, Deleted::kShown);
  if (!newer) return not_found(newer.error(), "see GET /v1/schemas/SUBJECT");
  const auto problems = registry_->check(name, from, newer->document);
  if (!problems) return not_found(problems.error(), "name a version that is not deleted");
  return json{{"from", from},
              {"to", to},
              {"level", schema::level_name(
                            registry_->config(name).level.value_or(schema::Level::kBackward))},
              {"compatible", problems->empty()},
              {"problems", *problems}};
}

}  // namespace cli
