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

// Times of `stats_parsed`, as DuckDB prints them, become those that statistics have in JSON.
void restore_times(const Metadata& metadata, nlohmann::json& stats_parsed);

}  // namespace lake
