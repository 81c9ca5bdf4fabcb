// References, identity and compatibility of what is to be registered.
#include "schema/avro_schema.h"
#include "schema/json_schema.h"
#include "schema/protobuf_schema.h"
#include "schema/registry.h"

namespace schema {

using nlohmann::json;
using enum RegistryCode;

Answer<> Registry::resolve_into(const SchemaDocument& document, ResolvedSchema& out) const {
  for (const SchemaReference& reference : document.references) {
    const bool known = std::ranges::any_of(
        out.references, [&](const auto& had) { return had.first == reference.name; });
    if (known) continue;
    if (out.references.size() >= kReferencesMax)
      return refuse(kInvalidSchema,
                    fmt::format("Invalid schema: more than {} references", kReferencesMax));
    const auto target =
        version(reference.subject, std::to_string(reference.version), Deleted::kShown);
    if (!target)
      return refuse(kInvalidSchema,
                    fmt::format("Invalid schema, details: No schema reference found for subject "
                                "\"{}\" and version {}",
                                reference.subject, reference.version));
    if (auto inner = resolve_into(target->document, out); !inner) return inner;
    out.references.emplace_back(reference.name, target->document.text);
  }
  return {};
}

Answer<ResolvedSchema> Registry::resolve(const SchemaDocument& document) const {
  ResolvedSchema out{document.type, document.text, {}};
  if (auto done = resolve_into(document, out); !done) return std::unexpected(done.error());
  return out;
}

base::Result<ResolvedSchema> Registry::by_id(std::int32_t id) const {
  const auto found = schema(id);
  if (!found)
    return base::fail_with(base::Code::kNotFound, fmt::format("there is no schema {}", id),
                           "register it before producing records with it");
  auto resolved = resolve(found->document);
  if (!resolved) return base::fail(base::Code::kInvalid, "{}", resolved.error().message);
  return *std::move(resolved);
}

base::Result<std::vector<ResolvedSchema>> Registry::versions(const std::string& subject) const {
  std::vector<ResolvedSchema> out;
  for (const SchemaVersion& each : all(subject, Deleted::kHidden, false)) {
    if (each.subject != subject) continue;
    auto resolved = resolve(each.document);
    if (!resolved) return base::fail(base::Code::kInvalid, "{}", resolved.error().message);
    out.push_back(*std::move(resolved));
  }
  return out;
}

base::Result<SchemaIdentity> identify(const ResolvedSchema& schema) {
  SchemaIdentity identity;
  const std::string type = std::string(schema_type_name(schema.type)) + "\n";
  switch (schema.type) {
    case SchemaType::kAvro: {
      const auto avro = TRY(parse_avro(schema));
      identity.kept_normalised = avro->normalised();
      const auto text = nlohmann::ordered_json::parse(schema.text, nullptr, false);
      identity.kept = text.is_discarded() ? identity.kept_normalised : text.dump();
      identity.plain = text.is_discarded() ? identity.kept : json::parse(schema.text).dump();
      break;
    }
    case SchemaType::kJson: {
      TRY(parse_json_schema(schema));
      identity.kept = schema.text;
      identity.plain = json::parse(schema.text).dump();
      identity.kept_normalised = identity.plain;
      break;
    }
    case SchemaType::kProtobuf: {
      const auto protobuf = TRY(parse_protobuf(schema));
      identity.kept_normalised = protobuf->text();
      const bool source = schema.text.find_first_of(" ;\n") != std::string::npos;
      identity.kept = source ? schema.text : identity.kept_normalised;
      identity.plain = identity.kept_normalised;
      break;
    }
  }
  identity.plain = type + identity.plain;
  identity.normalised = type + identity.kept_normalised;
  return identity;
}

namespace {

void tell(const Verdict& verdict, bool forward, std::vector<std::string>& out) {
  // "The reader's schema" is the new one, unless the old one is to read what the new one writes.
  const auto worded = [forward](std::string text) {
    const auto replace = [&](std::string_view what, std::string_view with) {
      for (auto at = text.find(what); at != std::string::npos; at = text.find(what))
        text.replace(at, what.size(), with);
    };
    replace("reader's", forward ? "old" : "new");
    replace("writer's", forward ? "new" : "old");
    return text;
  };
  for (const Incompatibility& reason : verdict.reasons) {
    out.push_back(
        fmt::format("{{errorType:'{}', description:'{}', additionalInfo:'{}', mend:'{}'}}",
                    reason.type, worded(reason.description), reason.detail, reason.mend));
  }
  if (!verdict.example) return;
  std::string value = verdict.example->value.dump(-1, ' ', false, json::error_handler_t::replace);
  constexpr std::size_t kShownMax = 2000;
  if (value.size() > kShownMax) value = value.substr(0, kShownMax) + "…";
  out.push_back(fmt::format("{{counterExample:{}, writtenWith:'{}', readWith:'{}', problem:'{}'}}",
                            value, forward ? "new" : "old", forward ? "old" : "new",
                            verdict.example->reason));
}

}  // namespace

Answer<std::vector<std::string>> Registry::check_against(const std::vector<SchemaVersion>& versions,
                                                         const SchemaDocument& document,
                                                         Level level) const {
  std::vector<std::string> messages;
  const bool full = level == Level::kFull || level == Level::kFullTransitive;
  const bool backward = full || level == Level::kBackward || level == Level::kBackwardTransitive;
  const bool forward = full || level == Level::kForward || level == Level::kForwardTransitive;
  const auto ours = resolve(document);
  if (!ours) return std::unexpected(ours.error());
  if (const auto good = identify(*ours); !good)
    return refuse(kInvalidSchema, fmt::format("Invalid schema of type {}, details: {}. {}",
                                              schema_type_name(document.type), good.error().message,
                                              good.error().mend));
  for (auto old = versions.rbegin(); old != versions.rend(); ++old) {
    const auto theirs = resolve(old->document);
    if (!theirs) return std::unexpected(theirs.error());
    const std::size_t before = messages.size();
    for (const bool is_forward : {false, true}) {
      if (is_forward ? !forward : !backward) continue;
      const auto verdict = is_forward ? can_read(*theirs, *ours) : can_read(*ours, *theirs);
      if (!verdict) return refuse(kInvalidSchema, verdict.error().to_string());
      tell(*verdict, is_forward, messages);
    }
    if (messages.size() == before) continue;
    messages.push_back(fmt::format("{{oldSchemaVersion: {}}}", old->version));
    messages.push_back(fmt::format("{{oldSchema: '{}'}}", old->document.text));
    messages.push_back(fmt::format("{{compatibility: '{}'}}", level_name(level)));
    break;
  }
  return messages;
}

Answer<std::vector<std::string>> Registry::check(const std::string& subject,
                                                 const std::string& text,
                                                 const SchemaDocument& document) const {
  const auto old = version(subject, text, Deleted::kHidden);
  if (!old) return std::unexpected(old.error());
  return check_against({*old}, document, *config(subject).level);
}

Answer<std::vector<std::string>> Registry::check_all(const std::string& subject,
                                                     const SchemaDocument& document) const {
  const Level level = *config(subject).level;
  std::vector<SchemaVersion> versions;
  for (SchemaVersion& each : all(subject, Deleted::kHidden, false)) {
    if (each.subject == subject) versions.push_back(std::move(each));
  }
  const bool transitive = level == Level::kBackwardTransitive ||
                          level == Level::kForwardTransitive || level == Level::kFullTransitive;
  if (!transitive && versions.size() > 1) versions.erase(versions.begin(), versions.end() - 1);
  return check_against(versions, document, level);
}

}  // namespace schema
