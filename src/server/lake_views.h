// What the lake's tables are as views: their names, and for each the SELECT that gives its newest
// rows. Answered by the catalog in this process, or across a socket where SQL runs in a worker.
//
// Threads: any.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lake/catalog.h"

namespace server {

struct LakeView {
  lake::Version version = -1;
  std::optional<std::string> sql = {};  // nullopt: as at the version that is known
  bool has_rows = true;                 // or only the shape
  storage::Hold files = {};             // keeps what the SELECT reads where it is
  // What the catalogs tell of it, a JSON object: committed_us, rows, bytes, files, description,
  // required and comments (of columns), key, model. Empty for an older version.
  std::string facts = {};
};

// What the project says of a table that it writes.
struct ProjectTable {
  std::string model;  // the file
  std::vector<std::string> key;
  std::string description;
};
using ProjectTables = std::map<std::string, ProjectTable>;

// One version: by its number, or the newest one at that time.
struct TablePin {
  bool by_time = false;
  std::int64_t value = 0;  // version, or microseconds
};

class LakeViews {
 public:
  // What a view is for: to be described, which on S3 needs none of the table's files, or to be
  // read.
  enum class Need { kShape, kRows };

  virtual ~LakeViews() = default;
  // Looks anew which tables there are.
  virtual base::Result<std::vector<std::string>> names() = 0;
  // The table at its newest version; `known` is the version of the view that the asker has.
  virtual base::Result<LakeView> view(const std::string& table, lake::Version known, Need need) = 0;
  // The table as it was, with its rows. kNotFound names what can be read.
  virtual base::Result<LakeView> view_at(const std::string& table, TablePin pin) = 0;
};

// The catalog outlives it.
std::unique_ptr<LakeViews> views_of(lake::Catalog& catalog, ProjectTables project = {});

}  // namespace server
