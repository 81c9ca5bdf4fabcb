// The lake's tables by name: "silver.scans" is the Delta table at silver/scans.
//
// Threads: any. A table is opened once and kept.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lake/table.h"

namespace lake {

class Catalog {
 public:
  virtual ~Catalog() = default;
  // kNotFound names the nearest tables.
  virtual base::Result<std::shared_ptr<Table>> table(const std::string& name) = 0;
  // Opens, or creates with these options when there is none.
  virtual base::Result<std::shared_ptr<Table>> open_or_create(
      const std::string& name, const Table::CreateOptions& options) = 0;
  // Every table of the store, sorted; found by its _delta_log. `refresh` lists the store again.
  virtual base::Result<std::vector<std::string>> names(bool refresh = false) = 0;
  // The table is gone: one that is made under this name is another one.
  virtual void forget(const std::string& name) = 0;
  virtual storage::ObjectStore& store() = 0;
};

// `database` writes Parquet, reads checkpoints and stages files.
std::unique_ptr<Catalog> make_catalog(storage::ObjectStore& store, sql::Database& database);

}  // namespace lake
