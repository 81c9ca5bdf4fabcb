// What the lake's tables are as views: their names, and for each the SELECT that gives its newest
// rows. Answered by the catalog in this process, or across a socket where SQL runs in a worker.
//
// Threads: any.
#pragma once

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
};

// The catalog outlives it.
std::unique_ptr<LakeViews> views_of(lake::Catalog& catalog);

}  // namespace server
