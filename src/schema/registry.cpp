#include "schema/registry.h"

#include <algorithm>
#include <charconv>
#include <future>

namespace schema {

using nlohmann::json;
using enum RegistryCode;

namespace {

bool visible(bool is_deleted, Deleted wanted) {
  return wanted == Deleted::kShown || is_deleted == (wanted == Deleted::kOnly);
}

RegistryError no_subject(const std::string& subject) {
  return {kSubjectNotFound, fmt::format("Subject '{}' not found.", subject)};
}

json references_json(const std::vector<SchemaReference>& references) {
  json list = json::array();
  for (const SchemaReference& r : references)
    list.push_back({{"name", r.name}, {"subject", r.subject}, {"version", r.version}});
  return list;
}

// "latest" is 0.
Answer<int> parse_version(const std::string& text) {
  if (text == "latest" || text == "-1") return 0;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number > 0) return number;
  return refuse(kInvalidVersion,
                fmt::format("The specified version '{}' is not a valid version id. Allowed values "
                            "are between [1, 2^31-1] and the string \"latest\"",
                            text));
}

}  // namespace

Registry::~Registry() = default;

base::Result<std::unique_ptr<Registry>> Registry::open(base::FileSystem& disk,
                                                       const base::Path& file) {
  std::unique_ptr<Registry> registry(new Registry());
  Registry* self = registry.get();
  const auto change = [self](const json& each) { return self->apply(each); };
  registry->journal_ = TRY(eventlog::Journal::open(disk, file, "the schema registry", change,
                                                   [self] { return self->current(); }));
  TRY(disk.sync_directory(file.parent_path()));
  return registry;
}

// Durable first, then visible.
Answer<> Registry::write(const json& change) {
  std::promise<base::Result<>> written;
  auto result = written.get_future();
  journal_->append(change, [&](base::Result<> done) {
    if (done) {
      const std::unique_lock lock(state_);
      done = apply(change);
    }
    written.set_value(std::move(done));
  });
  auto done = result.get();
  if (done) return {};
  return refuse(kStoreError,
                fmt::format("Error while writing the schema: {}", done.error().to_string()));
}

base::Result<> Registry::apply(const json& change) {
  try {
    const std::string subject = change.at("subject").get<std::string>();
    const std::string kind = change.at("change").get<std::string>();
    if (kind == "schema") {
      Entry entry;
      entry.id = change.at("id").get<std::int32_t>();
      if (!schemas_.contains(entry.id)) {
        entry.document.type = TRY(parse_schema_type(change.at("type").get<std::string>()));
        entry.document.text = change.at("schema").get<std::string>();
        for (const json& r : change.at("references"))
          entry.document.references.push_back({r.at("name"), r.at("subject"), r.at("version")});
        entry.plain = change.at("plain").get<std::string>();
        entry.normalised = change.at("normalised").get<std::string>();
        ids_.emplace(entry.plain, entry.id);
        bytes_ += entry.document.text.size();
        schemas_.emplace(entry.id, entry);
      }
      last_id_ = std::max(last_id_, entry.id);
      subjects_[subject][change.at("version").get<int>()] = {entry.id,
                                                             change.value("deleted", false)};
    } else if (kind == "delete") {
      for (const int version : change.at("versions")) {
        if (change.at("permanent")) {
          subjects_[subject].erase(version);
        } else {
          subjects_[subject][version].deleted = true;
        }
      }
      if (subjects_[subject].empty()) subjects_.erase(subject);
    } else if (kind == "ids") {
      last_id_ = std::max(last_id_, change.at("last").get<std::int32_t>());
    } else if (kind == "config") {
      configs_.erase(subject);
      Config config;
      if (change.contains("level")) {
        const auto level = parse_level(change["level"].get<std::string>());
        if (level) config.level = *level;
      }
      if (change.contains("normalize")) config.normalize = change["normalize"].get<bool>();
      if (config.level || config.normalize) configs_[subject] = config;
    } else if (kind == "mode") {
      modes_.erase(subject);
      if (!change.contains("mode")) return {};
      if (const auto mode = parse_mode(change["mode"].get<std::string>())) modes_[subject] = *mode;
    }
    return {};
  } catch (const json::exception& error) {
    return base::fail(base::Code::kCorrupt, "a change of the schema registry: {}", error.what());
  }
}

static json schema_change(const std::string& subject, int version, std::int32_t id,
                          const SchemaDocument& document, const std::string& plain,
                          const std::string& normalised) {
  return {{"change", "schema"},
          {"subject", subject},
          {"version", version},
          {"id", id},
          {"type", schema_type_name(document.type)},
          {"schema", document.text},
          {"references", references_json(document.references)},
          {"plain", plain},
          {"normalised", normalised}};
}

std::vector<json> Registry::current() const {
  const std::shared_lock lock(state_);
  std::vector<json> changes;
  for (const auto& [subject, versions] : subjects_) {
    for (const auto& [number, version] : versions) {
      const Entry& entry = schemas_.at(version.id);
      json change =
          schema_change(subject, number, entry.id, entry.document, entry.plain, entry.normalised);
      change["deleted"] = version.deleted;
      changes.push_back(std::move(change));
    }
  }
  changes.push_back({{"change", "ids"}, {"subject", ""}, {"last", last_id_}});
  for (const auto& [subject, config] : configs_) changes.push_back(config_change(subject, config));
  for (const auto& [subject, mode] : modes_)
    changes.push_back({{"change", "mode"}, {"subject", subject}, {"mode", mode_name(mode)}});
  return changes;
}

SchemaVersion Registry::shown(const std::string& subject, int number,
                              const Version& version) const {
  return {subject, number, version.id, schemas_.at(version.id).document, version.deleted};
}

Answer<Registry::Entry> Registry::prepare(const RegisterRequest& request) const {
  if (request.document.text.size() > kSchemaTextMax)
    return refuse(kTooLarge, fmt::format("Schema is too large: {} bytes, at most {}",
                                         request.document.text.size(), kSchemaTextMax));
  const auto resolved = resolve(request.document);
  if (!resolved) return std::unexpected(resolved.error());
  const auto identity = identify(*resolved);
  if (!identity) {
    return refuse(kInvalidSchema, fmt::format("Invalid schema of type {}, details: {}. {}",
                                              schema_type_name(request.document.type),
                                              identity.error().message, identity.error().mend));
  }
  Entry entry;
  entry.document = request.document;
  entry.document.text = request.normalize ? identity->kept_normalised : identity->kept;
  const std::string more = request.document.references.empty()
                               ? ""
                               : references_json(request.document.references).dump();
  entry.plain = (request.normalize ? identity->normalised : identity->plain) + more;
  entry.normalised = identity->normalised + more;
  return entry;
}

std::optional<SchemaVersion> Registry::find_in(const std::string& subject, const Entry& entry,
                                               bool normalize, Deleted deleted) const {
  const auto at = subjects_.find(subject);
  if (at == subjects_.end()) return std::nullopt;
  for (auto it = at->second.rbegin(); it != at->second.rend(); ++it) {
    if (!visible(it->second.deleted, deleted)) continue;
    const Entry& known = schemas_.at(it->second.id);
    if (known.document.type != entry.document.type) continue;
    if (known.plain == entry.plain || (normalize && known.normalised == entry.normalised))
      return shown(subject, it->first, it->second);
  }
  return std::nullopt;
}

Answer<> Registry::admit(const std::string& subject, const RegisterRequest& request) const {
  if (auto good = check_subject(subject); !good) return good;
  if (request.id > kSchemaIdMax || request.version > kSchemaVersionMax)
    return refuse(kNotPermitted, fmt::format("Ids go up to {}, versions up to {}", kSchemaIdMax,
                                             kSchemaVersionMax));
  const Mode held = mode(subject);
  if (held == Mode::kReadOnly)
    return refuse(kNotPermitted, fmt::format("Subject {} is in read-only mode", subject));
  if (held == Mode::kImport && request.id <= 0)
    return refuse(kNotPermitted, fmt::format("Subject {} is in import mode: give an id", subject));
  if (held != Mode::kImport && request.id > 0)
    return refuse(kNotPermitted, fmt::format("Subject {} is not in import mode", subject));
  return {};
}

Answer<SchemaVersion> Registry::add(const std::string& subject, const RegisterRequest& given) {
  const std::scoped_lock writing(writing_);
  RegisterRequest request = given;
  request.normalize = given.normalize || config(subject).normalize.value_or(false);
  auto entry = prepare(request);
  if (!entry) return std::unexpected(entry.error());
  {
    const std::shared_lock lock(state_);
    auto known = find_in(subject, *entry, request.normalize, Deleted::kHidden);
    if (known && (request.id <= 0 || request.id == known->id)) return *std::move(known);
  }
  if (auto allowed = admit(subject, request); !allowed) return std::unexpected(allowed.error());
  if (request.id <= 0) {
    auto problems = check_all(subject, entry->document);
    if (!problems) return std::unexpected(problems.error());
    if (!problems->empty())
      return refuse(
          kIncompatible,
          fmt::format("Schema being registered is incompatible with an earlier schema for "
                      "subject \"{}\", details: [{}]",
                      subject, fmt::join(*problems, ", ")));
  }
  std::int32_t id = request.id;
  int number = request.version;
  {
    const std::shared_lock lock(state_);
    if (schemas_.size() >= kRegistrySchemasMax || bytes_ > kRegistryBytesMax)
      return refuse(kTooLarge, "The registry is full");
    const auto same = ids_.find(entry->plain);
    if (id <= 0 && same == ids_.end() && last_id_ >= kSchemaIdMax)
      return refuse(kTooLarge, fmt::format("All ids up to {} are given out", kSchemaIdMax));
    if (id <= 0) id = same == ids_.end() ? last_id_ + 1 : same->second;
    const auto taken = schemas_.find(id);
    if (taken != schemas_.end() && taken->second.plain != entry->plain)
      return refuse(kIdMismatch,
                    fmt::format("Overwrite new schema with id {} is not permitted.", id));
    const auto versions = subjects_.find(subject);
    const bool none = versions == subjects_.end();
    if (none && names() >= kRegistrySubjectsMax) return too_many_names();
    if (number <= 0 && !none && versions->second.rbegin()->first >= kSchemaVersionMax)
      return refuse(kTooLarge, fmt::format("Subject {} has no version left", subject));
    if (number <= 0) number = none ? 1 : versions->second.rbegin()->first + 1;
    if (!none && versions->second.contains(number))
      return refuse(kNotPermitted, fmt::format("Version {} of {} exists", number, subject));
  }
  const json change =
      schema_change(subject, number, id, entry->document, entry->plain, entry->normalised);
  if (auto done = write(change); !done) return std::unexpected(done.error());
  return SchemaVersion{subject, number, id, entry->document, false};
}

Answer<SchemaVersion> Registry::find(const std::string& subject, const RegisterRequest& request,
                                     Deleted deleted) const {
  {
    const std::shared_lock lock(state_);
    const auto at = subjects_.find(subject);
    const bool any = at != subjects_.end() && std::ranges::any_of(at->second, [&](const auto& v) {
                       return visible(v.second.deleted, deleted);
                     });
    if (!any) return std::unexpected(no_subject(subject));
  }
  const auto entry = prepare(request);
  if (!entry) return std::unexpected(entry.error());
  const std::shared_lock lock(state_);
  auto found = find_in(subject, *entry, request.normalize, deleted);
  if (found) return *std::move(found);
  return refuse(kSchemaNotFound, "Schema not found");
}

std::vector<std::string> Registry::subjects(const std::string& prefix, Deleted deleted) const {
  const std::shared_lock lock(state_);
  std::vector<std::string> names;
  for (const auto& [subject, versions] : subjects_) {
    if (!subject.starts_with(prefix)) continue;
    const bool all_deleted =
        std::ranges::all_of(versions, [](const auto& v) { return v.second.deleted; });
    if (visible(all_deleted, deleted)) names.push_back(subject);
  }
  return names;
}

Answer<std::vector<int>> Registry::version_numbers(const std::string& subject,
                                                   Deleted deleted) const {
  const std::shared_lock lock(state_);
  std::vector<int> numbers;
  const auto at = subjects_.find(subject);
  if (at == subjects_.end()) return std::unexpected(no_subject(subject));
  for (const auto& [number, version] : at->second) {
    if (visible(version.deleted, deleted)) numbers.push_back(number);
  }
  if (numbers.empty()) return std::unexpected(no_subject(subject));
  return numbers;
}

Answer<SchemaVersion> Registry::version(const std::string& subject, const std::string& text,
                                        Deleted deleted) const {
  const auto number = parse_version(text);
  if (!number) return std::unexpected(number.error());
  const std::shared_lock lock(state_);
  const auto at = subjects_.find(subject);
  if (at == subjects_.end()) return std::unexpected(no_subject(subject));
  bool any = false;
  for (auto it = at->second.rbegin(); it != at->second.rend(); ++it) {
    if (!visible(it->second.deleted, deleted)) continue;
    any = true;
    if (*number == 0 || *number == it->first) return shown(subject, it->first, it->second);
  }
  if (!any) return std::unexpected(no_subject(subject));
  return refuse(kVersionNotFound, fmt::format("Version {} not found.", *number));
}

Answer<SchemaVersion> Registry::schema(std::int32_t id) const {
  const std::shared_lock lock(state_);
  const auto at = schemas_.find(id);
  if (at == schemas_.end()) return refuse(kSchemaNotFound, fmt::format("Schema {} not found", id));
  return SchemaVersion{"", 0, id, at->second.document, false};
}

std::vector<SchemaVersion> Registry::with_id(std::int32_t id, Deleted deleted) const {
  std::vector<SchemaVersion> found;
  for (SchemaVersion& version : all("", deleted, false)) {
    if (version.id == id) found.push_back(std::move(version));
  }
  return found;
}

std::vector<SchemaVersion> Registry::all(const std::string& prefix, Deleted deleted,
                                         bool latest) const {
  const std::shared_lock lock(state_);
  std::vector<SchemaVersion> found;
  for (const auto& [subject, versions] : subjects_) {
    if (!subject.starts_with(prefix)) continue;
    const std::size_t before = found.size();
    for (const auto& [number, version] : versions) {
      if (!visible(version.deleted, deleted)) continue;
      if (latest) found.resize(before);
      found.push_back(shown(subject, number, version));
    }
  }
  return found;
}

bool Registry::is_referred_to(const std::string& subject, int version) const {
  const auto by = referenced_by(subject, std::to_string(version));
  return by && !by->empty();
}

Answer<std::vector<std::int32_t>> Registry::referenced_by(const std::string& subject,
                                                          const std::string& text) const {
  const auto target = version(subject, text, Deleted::kShown);
  if (!target) return std::unexpected(target.error());
  std::set<std::int32_t> ids;
  for (const SchemaVersion& each : all("", Deleted::kHidden, false)) {
    for (const SchemaReference& reference : each.document.references) {
      if (reference.subject == subject && reference.version == target->version) ids.insert(each.id);
    }
  }
  return std::vector<std::int32_t>(ids.begin(), ids.end());
}

Answer<int> Registry::remove(const std::string& subject, const std::string& text, bool permanent) {
  const std::scoped_lock writing(writing_);
  if (mode(subject) == Mode::kReadOnly)
    return refuse(kNotPermitted, fmt::format("Subject {} is in read-only mode", subject));
  const auto found = version(subject, text,
                             permanent && text != "latest" ? Deleted::kShown
                             : text == "latest"            ? Deleted::kHidden
                                                           : Deleted::kShown);
  if (!found) return std::unexpected(found.error());
  if (found->deleted && !permanent)
    return refuse(kVersionSoftDeleted,
                  fmt::format("Subject '{}' Version {} was soft deleted. Set permanent=true to "
                              "delete permanently",
                              subject, found->version));
  if (!found->deleted && permanent)
    return refuse(kVersionNotSoftDeleted,
                  fmt::format("Subject '{}' Version {} was not deleted first before being "
                              "permanently deleted",
                              subject, found->version));
  if (is_referred_to(subject, found->version))
    return refuse(kReferenceExists, fmt::format("One or more references exist to the schema {}-{}",
                                                subject, found->version));
  auto done = write({{"change", "delete"},
                     {"subject", subject},
                     {"versions", {found->version}},
                     {"permanent", permanent}});
  if (!done) return std::unexpected(done.error());
  return found->version;
}

Answer<std::vector<int>> Registry::remove(const std::string& subject, bool permanent) {
  const std::scoped_lock writing(writing_);
  if (mode(subject) == Mode::kReadOnly)
    return refuse(kNotPermitted, fmt::format("Subject {} is in read-only mode", subject));
  const auto live = version_numbers(subject, Deleted::kHidden);
  const auto all_of_them = version_numbers(subject, Deleted::kShown);
  if (!all_of_them) return std::unexpected(all_of_them.error());
  if (!live && !permanent)
    return refuse(
        kSubjectSoftDeleted,
        fmt::format("Subject '{}' was soft deleted.Set permanent=true to delete permanently",
                    subject));
  if (live && permanent)
    return refuse(kSubjectNotSoftDeleted,
                  fmt::format("Subject '{}' was not deleted first before being permanently deleted",
                              subject));
  const std::vector<int>& versions = permanent ? *all_of_them : *live;
  for (const int number : versions) {
    if (is_referred_to(subject, number))
      return refuse(
          kReferenceExists,
          fmt::format("One or more references exist to the schema {}-{}", subject, number));
  }
  auto done = write({{"change", "delete"},
                     {"subject", subject},
                     {"versions", versions},
                     {"permanent", permanent}});
  if (!done) return std::unexpected(done.error());
  return versions;
}

}  // namespace schema
