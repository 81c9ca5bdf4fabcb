// Looks for what is wrong with a table.
#include <algorithm>

#include "lake/checkpoint.h"
#include "lake/store_table.h"

namespace lake {
namespace {

using base::Result;

void check_log(const LogListing& listing, std::vector<Finding>& findings) {
  if (listing.commits.empty()) return;
  Version expected = listing.commits.begin()->first;
  const bool from_start =
      expected == 0 || std::ranges::any_of(listing.checkpoints, [&](const Checkpoint& one) {
        return one.version >= expected - 1;
      });
  if (!from_start) {
    findings.push_back({"_delta_log", fmt::format("no checkpoint leads to version {}", expected)});
  }
  for (const auto& [version, time] : listing.commits) {
    if (version != expected) {
      findings.push_back(
          {"_delta_log", fmt::format("versions {} to {} are missing", expected, version - 1)});
    }
    expected = version + 1;
  }
}

}  // namespace

Result<std::vector<Finding>> StoreTable::check() {
  std::vector<Finding> findings;
  const LogListing listing = TRY(list_log(store_, path_));
  check_log(listing, findings);
  for (const auto& [version, time] : listing.commits) {
    if (const auto commit = read_commit(store_, path_, version); !commit) {
      findings.push_back({commit_key(path_, version), commit.error().to_string()});
    }
  }
  for (const Checkpoint& one : listing.checkpoints) {
    const auto read = read_checkpoint(store_, database_, path_, one);
    if (!read) findings.push_back({one.keys.front(), read.error().to_string()});
  }
  const auto snapshot = TRY(refresh());
  snapshot->state().files.each([&](const std::shared_ptr<const AddFile>& file) {
    if (const std::string path = own_path(file->path); !path.empty()) {
      const auto info = store_.head(path_ + "/" + path);
      if (!info) {
        findings.push_back({path, info.error().message});
      } else if (std::cmp_not_equal(info->size, file->size)) {
        findings.push_back(
            {path, fmt::format("it has {} bytes, the log says {}", info->size, file->size)});
      }
    }
    if (file->deletion_vector.empty()) return;
    if (const auto rows = source_.deletion_vectors->read(*file); !rows) {
      findings.push_back({file->path, rows.error().to_string()});
    }
  });
  return findings;
}

}  // namespace lake
