// Statistics and partition values of a checkpoint as columns of their own types, beside or instead
// of their JSON. Source: PROTOCOL.md, "Checkpoint Schema"; table properties
// delta.checkpoint.writeStatsAsStruct (default false) and writeStatsAsJson (default true).
//
// Threads: any. No I/O.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lake/state.h"

namespace lake {

// SQL for a checkpoint's `add` as the table's properties want it, from one that has the text
// `stats`; "add" when it stays as it is.
std::string checkpoint_add_sql(const State& state);

// The columns of times by their physical names, and whether they are instants (in UTC).
using TimeColumns = std::vector<std::pair<std::string, bool>>;
TimeColumns time_columns(const Metadata& metadata);
// Times of `stats_parsed`, as DuckDB prints them, become those that statistics have in JSON.
void restore_times(const TimeColumns& columns, nlohmann::json& stats_parsed);

}  // namespace lake
