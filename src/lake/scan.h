// The SELECT that gives a state's rows. Pure: builds text, opens nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lake/state.h"

namespace lake {

// Tags of files that Waybill writes: the partition columns stand in the file, too, and the file has
// exactly the columns of the schema with this tag. Such files need no look at their footers.
inline constexpr const char* kPartitionTag = "waybill.partitionColumns";
inline constexpr const char* kPartitionTagMaterialized = "materialized";
inline constexpr const char* kSchemaTag = "waybill.schema";

using PartitionFilter = std::map<std::string, std::vector<std::optional<std::string>>>;

// Whether a file can have rows of these partitions. Columns that do not partition the table filter
// nothing.
bool in_partitions(const AddFile& file, const PartitionFilter& only_partitions);

// `folder` is what DuckDB calls the table's folder, without a slash at the end.
std::string scan_sql(const State& state, const std::string& folder,
                     const PartitionFilter& only_partitions);
// The same for some files only.
std::string scan_files_sql(const State& state, const std::string& folder,
                           const std::vector<std::shared_ptr<const AddFile>>& files);

// 'text' where DuckDB takes a file name: characters of patterns escaped.
std::string quote_file(const std::string& folder, const std::string& path);

}  // namespace lake
