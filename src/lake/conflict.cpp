#include "lake/conflict.h"

#include <algorithm>

namespace lake {
namespace {

using base::Code;
using base::Result;

std::unexpected<base::Error> conflict(Version version, const std::string& what) {
  return base::fail_with(Code::kConflict, fmt::format("version {} {}", version, what),
                         "read the table again and repeat the change");
}

bool matches(const PartitionValues& file, const PartitionValues& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& pair) {
    const auto it = file.find(pair.first);
    return it != file.end() && it->second == pair.second;
  });
}

bool was_read(const Intent& mine, const PartitionValues& file) {
  return mine.reads_whole_table ||
         std::ranges::any_of(mine.read_partitions,
                             [&](const PartitionValues& wanted) { return matches(file, wanted); });
}

}  // namespace

Result<> check_conflict(const Intent& mine, Version winning_version, const Commit& winner) {
  if (winner.protocol) return conflict(winning_version, "changed the table's protocol");
  if (winner.metadata) return conflict(winning_version, "changed the table's schema or properties");
  for (const AppTransaction& one : winner.transactions) {
    if (mine.app_ids.contains(one.app_id)) {
      return conflict(
          winning_version,
          fmt::format("is of the same application {}, at its version {}", one.app_id, one.version));
    }
  }
  for (const AddFile& file : winner.adds) {
    const bool wanted = was_read(mine, file.partition_values) ||
                        std::ranges::any_of(mine.read_where,
                                            [&](const auto& may_match) { return may_match(file); });
    if (file.data_change && wanted) {
      return conflict(winning_version, fmt::format("added {} to what was read", file.path));
    }
  }
  for (const RemoveFile& file : winner.removes) {
    // A tombstone without partition values may be of any partition.
    const bool read = file.partition_values
                          ? was_read(mine, *file.partition_values)
                          : mine.reads_whole_table || !mine.read_partitions.empty();
    if (file.data_change && (read || mine.read_paths.contains(file.path))) {
      return conflict(winning_version, fmt::format("removed {} from what was read", file.path));
    }
  }
  for (const RemoveFile& file : winner.removes) {
    if (mine.removed_paths.contains(file.path)) {
      return conflict(winning_version, fmt::format("removed {}, too", file.path));
    }
  }
  return {};
}

}  // namespace lake
