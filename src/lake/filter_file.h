// A table's file without some of its rows, as a new file of the table.
//
// Threads: as the change.
#pragma once

#include <optional>

#include "lake/change.h"

namespace lake {

// Smaller files are read and written with the new rows instead, so that they do not become many:
// the table's waybill.smallFileBytes, or 1 MiB.
std::int64_t small_file_bytes(const Metadata& metadata);

// Stages the file without the rows `gone` (from 0 within the file, sorted, each once) for this
// change. Its deletion vector does not count: name its rows, too. Nothing when the file's layout is
// not known how to filter: read its rows and write them.
base::Result<std::optional<AddFile>> filter_file(Change& change, const AddFile& file,
                                                 const DeletedRows& gone);

}  // namespace lake
