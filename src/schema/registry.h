// The schema registry: subjects, their versions, schemas by id; who may register what.
//
// DATA/schemas.log is a journal (log/journal.h) of one JSON change per line: an answer comes when
// its change is on disk. Semantics and codes: Confluent Schema Registry 8. Threads: any; changes go
// one after the other. Invariants: an id stands for one schema for ever; a version's schema never
// changes; a schema that another one refers to cannot be deleted.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/journal.h"
#include "schema/compatibility.h"
#include "schema/registry_error.h"
#include "schema/schema_document.h"

namespace schema {

inline constexpr std::size_t kSubjectNameMax = 255;
inline constexpr std::size_t kRegistrySchemasMax = 100'000;
inline constexpr std::size_t kRegistrySubjectsMax = 100'000;  // and levels and modes of their own
// One less than the largest number, so that there is always a next one.
inline constexpr std::int32_t kSchemaIdMax = INT32_MAX - 1;
inline constexpr int kSchemaVersionMax = INT32_MAX - 1;
inline constexpr std::size_t kRegistryBytesMax = 256UL << 20;  // of all schemas' texts

enum class Level : std::uint8_t {
  kNone,
  kBackward,
  kBackwardTransitive,
  kForward,
  kForwardTransitive,
  kFull,
  kFullTransitive,
};
enum class Mode : std::uint8_t { kReadWrite, kReadOnly, kImport };

std::string_view level_name(Level level);
Answer<Level> parse_level(std::string_view name);
std::string_view mode_name(Mode mode);
Answer<Mode> parse_mode(std::string_view name);

struct SchemaVersion {
  std::string subject;
  int version = 0;
  std::int32_t id = 0;
  SchemaDocument document;
  bool deleted = false;
};

struct RegisterRequest {
  SchemaDocument document;
  bool normalize = false;
  int version = 0;      // only where the mode is IMPORT
  std::int32_t id = 0;  // the same
};

enum class Deleted : std::uint8_t { kHidden, kShown, kOnly };

class Registry final : public SchemaLookup {
 public:
  static base::Result<std::unique_ptr<Registry>> open(base::FileSystem& disk,
                                                      const base::Path& file);
  ~Registry() override;

  Answer<SchemaVersion> add(const std::string& subject, const RegisterRequest& request);
  // The version of a subject that has this schema.
  Answer<SchemaVersion> find(const std::string& subject, const RegisterRequest& request,
                             Deleted deleted) const;
  // One message for each reason and counter-example; empty: compatible. `version` as in version().
  Answer<std::vector<std::string>> check(const std::string& subject, const std::string& version,
                                         const SchemaDocument& document) const;
  // The same against all versions that the subject's level asks for.
  Answer<std::vector<std::string>> check_all(const std::string& subject,
                                             const SchemaDocument& document) const;

  std::vector<std::string> subjects(const std::string& prefix, Deleted deleted) const;
  Answer<std::vector<int>> version_numbers(const std::string& subject, Deleted deleted) const;
  // "latest", "-1" or a number.
  Answer<SchemaVersion> version(const std::string& subject, const std::string& version,
                                Deleted deleted) const;
  // Any version with this id.
  Answer<SchemaVersion> schema(std::int32_t id) const;
  std::vector<SchemaVersion> with_id(std::int32_t id, Deleted deleted) const;
  std::vector<SchemaVersion> all(const std::string& prefix, Deleted deleted, bool latest) const;
  // Ids of the schemas that refer to it.
  Answer<std::vector<std::int32_t>> referenced_by(const std::string& subject,
                                                  const std::string& version) const;
  Answer<int> remove(const std::string& subject, const std::string& version, bool permanent);
  Answer<std::vector<int>> remove(const std::string& subject, bool permanent);

  // Of a subject, or of all that have none of their own: "".
  struct Config {
    std::optional<Level> level;
    std::optional<bool> normalize;
  };
  Config config(const std::string& subject) const;  // what holds
  std::optional<Config> own_config(const std::string& subject) const;
  Answer<> set_config(const std::string& subject, const Config& config);
  Answer<Config> remove_config(const std::string& subject);
  Mode mode(const std::string& subject) const;
  std::optional<Mode> own_mode(const std::string& subject) const;
  Answer<> set_mode(const std::string& subject, Mode mode, bool force);
  Answer<Mode> remove_mode(const std::string& subject);

  base::Result<ResolvedSchema> by_id(std::int32_t id) const override;
  base::Result<std::vector<ResolvedSchema>> versions(const std::string& subject) const override;
  Answer<ResolvedSchema> resolve(const SchemaDocument& document) const;

 private:
  struct Entry {
    std::int32_t id = 0;
    SchemaDocument document;
    std::string plain;       // two documents with the same one are the same schema
    std::string normalised;  // the same for documents that differ in spelling only
  };
  struct Version {
    std::int32_t id = 0;
    bool deleted = false;
  };
  using Versions = std::map<int, Version>;

  Registry() = default;
  base::Result<> apply(const nlohmann::json& change);  // under state_ for writing
  std::vector<nlohmann::json> current() const;
  Answer<> write(const nlohmann::json& change);
  Answer<Entry> prepare(const RegisterRequest& request) const;
  // Whether a subject may have this name.
  static Answer<> check_subject(const std::string& subject);
  static nlohmann::json config_change(const std::string& subject, const Config& config);
  std::size_t names() const { return subjects_.size() + configs_.size() + modes_.size(); }
  static std::unexpected<RegistryError> too_many_names();
  // For a level or mode of its own.
  Answer<> admit_setting(const std::string& subject, bool known) const;
  Answer<> admit(const std::string& subject, const RegisterRequest& request) const;
  Answer<> resolve_into(const SchemaDocument& document, ResolvedSchema& out) const;
  Answer<std::vector<std::string>> check_against(const std::vector<SchemaVersion>& versions,
                                                 const SchemaDocument& document, Level level) const;
  SchemaVersion shown(const std::string& subject, int number, const Version& version) const;
  std::optional<SchemaVersion> find_in(const std::string& subject, const Entry& entry,
                                       bool normalize, Deleted deleted) const;
  bool is_referred_to(const std::string& subject, int version) const;

  std::mutex writing_;  // one change at a time, from its checks to the disk
  mutable std::shared_mutex state_;
  std::map<std::string, Versions> subjects_;
  std::map<std::int32_t, Entry> schemas_;
  std::map<std::string, std::int32_t> ids_;  // by Entry::plain
  std::map<std::string, Config> configs_;
  std::map<std::string, Mode> modes_;
  std::int32_t last_id_ = 0;
  std::size_t bytes_ = 0;
  std::unique_ptr<eventlog::Journal> journal_;
};

// What makes two documents the same schema: first as they stand, then after normalising; and the
// text that the registry keeps of it.
struct SchemaIdentity {
  std::string plain;
  std::string normalised;
  std::string kept;
  std::string kept_normalised;
};
base::Result<SchemaIdentity> identify(const ResolvedSchema& schema);

}  // namespace schema
