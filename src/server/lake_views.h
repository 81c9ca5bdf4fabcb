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
  std::string sql = {};
};

class LakeViews {
 public:
  virtual ~LakeViews() = default;
  // Looks anew which tables there are.
  virtual base::Result<std::vector<std::string>> names() = 0;
  // The table at its newest version; nullopt when that is `known`.
  virtual base::Result<std::optional<LakeView>> view(const std::string& table,
                                                     lake::Version known) = 0;
};

// The catalog outlives it.
std::unique_ptr<LakeViews> views_of(lake::Catalog& catalog);

}  // namespace server
