// Where a project's lake lies: a folder of its data, or a place on S3 with its options.
//
// Threads: values.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/yaml.h"
#include "storage/s3_store.h"

namespace cli {

// The keys `lake` and `s3` of waybill.yaml; nullopt when the lake is a folder of the data. Refusals
// have file, line and mend.
base::Result<std::optional<storage::S3StoreOptions>> read_lake_place(const base::Yaml& yaml);

// Opens it. `folder` is the lake's without S3; `cache` is where copies go with it, a folder of this
// process alone.
base::Result<std::unique_ptr<storage::ObjectStore>> open_lake_place(
    const std::optional<storage::S3StoreOptions>& place, const base::Path& folder,
    const base::Path& cache);

}  // namespace cli
