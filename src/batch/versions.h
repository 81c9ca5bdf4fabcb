// What a table's versions are: by which version of which model, from what inputs; and two of them
// side by side.
//
// Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "batch/diff.h"
#include "lake/catalog.h"
#include "state/store.h"

namespace batch {

// Newest first: [{"version","time","operation","run","mode","model_version","model_hash","inputs",
// "backfill"}]; what is not known of a version is null. Runs of `stores` tell what commits leave
// out.
base::Result<nlohmann::json> list_versions(lake::Table& table, const std::string& name,
                                           const std::vector<const state::Store*>& stores,
                                           std::size_t limit);

// A version of the table: its number, or "v3", the newest one that version 3 of its model wrote, or
// a time. kNotFound names the model's versions that there are.
base::Result<lake::Version> resolve_version(lake::Table& table, const std::string& name,
                                            const std::vector<const state::Store*>& stores,
                                            const std::string& text);

// Files that both versions have are the same rows and are not read.
base::Result<nlohmann::json> diff_versions(lake::Table& table, sql::Connection& connection,
                                           lake::Version from, lake::Version to,
                                           const std::vector<std::string>& key,
                                           std::size_t samples);

}  // namespace batch
