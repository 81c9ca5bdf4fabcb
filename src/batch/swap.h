// Changes parts of several tables together: files out, files in, one commit a table, all or none.
//
// The record of a swap is written, synced, before its first commit: that is when it is decided.
// After a crash finish_swaps() does what is missing; a commit that took effect is found by its
// application transaction, so that nothing is done twice. Each table's commit is checked part by
// part: what others write to other parts does not disturb it.
// Threads: any; one swap at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "batch/model_run.h"
#include "state/store.h"

namespace batch {

struct PartSwap {
  Part part;
  std::vector<lake::AddFile> out;  // the part's files, all of them
  std::vector<lake::AddFile> in;
};

struct TableSwap {
  std::string table;
  PartColumn column;
  std::vector<PartSwap> parts;
  std::map<std::string, std::string> metadata;  // of the commit
  lake::Version version = -1;                   // of the commit, once it is done
};

struct Swap {
  std::int64_t number = 0;  // grows with every swap of a project
  std::string operation;    // "BACKFILL", "UNDO BACKFILL"
  std::string owner;        // whose record says that it is done
  std::vector<TableSwap> tables;
};

nlohmann::json to_json(const Swap& swap);
base::Result<Swap> swap_from_json(const nlohmann::json& saved);

// The parts whose files are no longer those of `out`, by table; empty: the swap may go on.
struct Moved {
  std::string table;
  std::size_t index = 0;  // in TableSwap::parts
  lake::Version version = 0;
  std::string label;  // "day=2013-03-09"
};
base::Result<std::vector<Moved>> moved_parts(lake::Catalog& catalog, const Swap& swap);
// kNotFound names the first file of `in` that is not there (any more).
base::Result<> check_files(lake::Catalog& catalog, const Swap& swap);

base::Result<std::int64_t> next_number(state::Store& store);

// Writes the record, then commits every table. A part that moved after the check is left as the
// other writer made it, leaves the swap and is told in `moved`, to be run again alone.
struct SwapDone {
  std::vector<Moved> moved;
};
base::Result<SwapDone> apply_swap(lake::Catalog& catalog, state::Store& store, Swap& swap);

// After a start: finishes what was decided. `done` is told of each, before its record goes.
base::Result<> finish_swaps(
    lake::Catalog& catalog, state::Store& store,
    const std::function<base::Result<>(const Swap&, const SwapDone&)>& done);
// Forgets the record; put into the change that tells of the swap elsewhere.
void forget_swap(const Swap& swap, state::WriteSet& changes);

}  // namespace batch
