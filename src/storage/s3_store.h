// A lake on S3: objects by key, with a bounded local cache through which DuckDB reads and writes.
#pragma once

#include <memory>

#include "base/clock.h"
#include "storage/object_store.h"
#include "storage/s3_client.h"

namespace storage {

struct S3StoreOptions {
  S3Location location = {};
  base::Path cache = {};                        // a folder of this process's own
  std::uint64_t cache_bytes_max = 10ULL << 30;  // of copies; what is in use comes on top
  S3Options client = {};
  std::string profile = {};  // of AWS's files, instead of what the environment says
  bool checks = true;  // at the opening, that the bucket can be written to in the way of commits
};

// Looks for credentials and checks that the bucket can be written to and that its server honours
// conditional writes: what is wrong with the place is told at once, with its mend.
base::Result<std::unique_ptr<ObjectStore>> s3_store(base::FileSystem& disk,
                                                    const base::Clock& clock,
                                                    const S3StoreOptions& options);
// The same over another network, for tests: nothing is checked.
base::Result<std::unique_ptr<ObjectStore>> s3_store_over(base::FileSystem& disk,
                                                         const base::Clock& clock,
                                                         const S3StoreOptions& options,
                                                         HttpClient& http, RetryWorld world,
                                                         CredentialWorld credentials);

}  // namespace storage
