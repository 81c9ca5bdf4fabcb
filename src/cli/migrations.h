// migrations/NUMBER_name.sql: changes of the lake's tables that run once each, in the order of
// their numbers, before the pipelines begin.
//
// Statements: ALTER TABLE … ADD COLUMN, UPDATE … SET … WHERE, DELETE FROM … WHERE, each ended by a
// semicolon; one about a table that there is not yet does nothing. Each is one commit of its table,
// which carries txn(waybill/migration/NAME, number of the statement) and the migration's name, so
// that one that was cut off goes on behind what is committed. DATA/migrations.json names what has
// run, with its hash. Threads: one.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "lake/catalog.h"

namespace cli {

struct Migration {
  std::string name;  // "0001_add_region"
  std::string file;
  std::string text = {};
  std::string hash = {};  // SHA-256 of the text, 16 digits of it
};

struct MigrationState {
  Migration migration;
  std::string ran_at;  // empty: it has not run
};

// In the order of their numbers. kInvalid for a name without a number, two with one number, or a
// file that was changed or taken away after it had run.
base::Result<std::vector<MigrationState>> migrations(const base::Path& project,
                                                     const base::Path& data);

// Runs those that have not run. kUnsupported for a statement that a table's history cannot take,
// with file and line.
base::Result<> run_migrations(const base::Path& project, const base::Path& data,
                              lake::Catalog& catalog, sql::Database& database,
                              const base::Clock& clock);

}  // namespace cli
