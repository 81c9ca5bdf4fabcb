// One run of a model's SELECT over pinned versions of its inputs, whole or part by part. The one
// path of daily runs, backfills and shadow runs: pin, bind, stage, check.
//
// A part is all rows of a table whose first partition column has one value; a table without
// partitions is one part. Threads: free functions, each on its caller's connection.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lake/catalog.h"
#include "quality/suite.h"
#include "runs/ledger.h"
#include "runs/model.h"
#include "sql/database.h"

namespace batch {

inline constexpr std::size_t kPartsMax = 10'000;  // of one run

// What a run reads, each table at one version.
struct Inputs {
  std::map<std::string, std::shared_ptr<const lake::Snapshot>> tables;
  std::map<std::string, std::string> instead;  // a SELECT in the place of a table
  std::string flags;                           // what they decided (batch/flags.h)

  std::vector<runs::Interval> intervals() const;
  nlohmann::json versions() const;  // {"silver.legs": 12}
  std::string text() const;         // "silver.legs@12, silver.hubs@3"
};

// The newest versions of what the model reads, or those of `at` where it names the table. kInvalid
// with file and line.
base::Result<Inputs> pin_inputs(lake::Catalog& catalog, sql::Connection& connection,
                                const runs::Model& model, const nlohmann::json& at = {});
// Lets the connection read them by their names; the holds keep the files while it does.
base::Result<std::vector<storage::Hold>> bind_inputs(sql::Connection& connection,
                                                     const Inputs& inputs);

std::unexpected<base::Error> at_model(const runs::Model& model, base::Error error);

// The first partition column, and the type that its values have.
struct PartColumn {
  std::string name;  // "": the table has no partitions
  columns::Type type = columns::Type::kString;
};
// kUnsupported for a type that does not count in steps: dates, text and whole numbers do.
base::Result<PartColumn> part_column(const runs::Model& model, const columns::Schema& schema);

struct Part {
  std::optional<std::string> value;  // as the log has it; of a table without partitions nothing
  std::string label(const PartColumn& column) const;  // "day=2013-03-01"
};
// SQL over the model's output: true for the rows of this part.
std::string part_condition(const PartColumn& column, const Part& part);
// The same for the parts from one value to another, both included; the second for a value of the
// log.
std::string interval_condition(const PartColumn& column, const std::string& from,
                               const std::string& to);
bool in_interval(const PartColumn& column, const std::optional<std::string>& value,
                 const std::string& from, const std::string& to);
// kInvalid when the first of two values, as the log has them, comes after the second.
base::Result<> check_interval(const PartColumn& column, const std::string& from,
                              const std::string& to);
// What the file's rows have in the column; nullopt: NULL.
std::optional<std::string> value_in(const lake::AddFile& file, const PartColumn& column);
// The snapshot's files of one part.
std::vector<lake::AddFile> files_of(const lake::Snapshot& snapshot, const PartColumn& column,
                                    const Part& part);
// A SELECT of these files' rows, with the columns of the snapshot.
std::string rows_of(const lake::Snapshot& snapshot, const std::vector<lake::AddFile>& files);
// A value of the column as the log has it, from any text that DuckDB takes for one; kInvalid for
// others. What is asked for is compared as text with the log and as values with rows.
base::Result<std::string> part_value(sql::Connection& connection, const PartColumn& column,
                                     const std::string& text);
// The parts between two values, both included: every day of dates; of others those that the table
// (nullptr: there is none) or the bound model has. kLimit above kPartsMax.
base::Result<std::vector<Part>> parts_between(sql::Connection& connection, const runs::Model& model,
                                              const lake::Snapshot* table, const PartColumn& column,
                                              const std::string& from, const std::string& to);
// All parts that the table or the bound model has, that of NULL as well.
base::Result<std::vector<Part>> all_parts(sql::Connection& connection, const runs::Model& model,
                                          const lake::Snapshot* table, const PartColumn& column);

// Whether parts of the table can be written by the model: kInvalid names what stands against it.
base::Result<> check_target(const runs::Model& model, const lake::Metadata& table,
                            const columns::Schema& schema);
// The table that the model writes, with the model's columns: made when there is none, grown by new
// columns. With `whole` the columns may change in any way, since every row is written anew;
// otherwise kInvalid names a column that the table has in another type or the model lacks.
base::Result<std::shared_ptr<lake::Table>> open_target(lake::Catalog& catalog,
                                                       const runs::Model& model,
                                                       const columns::Schema& schema, bool whole);

struct Staged {
  Staged() = default;
  explicit Staged(std::vector<lake::AddFile> staged);

  std::vector<lake::AddFile> files;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
};
// Runs the bound model for one part (nullptr: for all rows) and writes its rows beside the table's
// files; nobody sees them. Errors name the model's file and line.
base::Result<Staged> stage_part(lake::Table& table, sql::Connection& connection,
                                const runs::Model& model, const columns::Schema& schema,
                                const PartColumn& column, const Part* part);

// What a quality suite says of rows as a whole: which of its expectations are not met. Those that
// only warn are told and do not count.
struct QualityVerdict {
  std::int64_t expectations = 0;
  std::vector<std::string> failed;
  std::vector<std::string> warnings;
};
base::Result<QualityVerdict> check_quality(sql::Connection& connection, const quality::Suite& suite,
                                           const std::string& rows);

// What a commit says of the run that made it (commitInfo's userMetadata).
std::map<std::string, std::string> run_metadata(const runs::Model& model, const std::string& run,
                                                const std::string& mode, const Inputs& inputs);

nlohmann::json to_json(const std::vector<lake::AddFile>& files);
base::Result<std::vector<lake::AddFile>> files_from_json(const nlohmann::json& json);

}  // namespace batch
