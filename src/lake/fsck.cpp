// Looks for what is wrong with a table.
#include <algorithm>
#include <set>

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

// Whether the newest checkpoint says what the log below it does, where that can still be read.
void check_checkpoint(storage::ObjectStore& store, sql::Database& database, const std::string& path,
                      LogListing listing, std::vector<Finding>& findings) {
  if (listing.checkpoints.empty()) return;
  const Checkpoint newest = listing.checkpoints.front();
  std::erase_if(listing.checkpoints,
                [&](const Checkpoint& one) { return one.version >= newest.version; });
  const auto commit = read_checkpoint(store, database, path, newest);
  const auto replayed = load_listed(store, database, path, listing, newest.version);
  if (!commit || !replayed) return;  // the one is a finding of its own, the other may be cleaned up
  const auto state = advance(State{}, newest.version, 0, *commit);
  if (!state) {
    findings.push_back({newest.keys.front(), state.error().to_string()});
    return;
  }
  std::set<std::string> lacking;
  std::set<std::string> added;
  replayed->files.each([&](const auto& file) { lacking.insert(file_key(*file)); });
  state->files.each([&](const auto& file) {
    if (lacking.erase(file_key(*file)) == 0) added.insert(file_key(*file));
  });
  if (lacking.empty() && added.empty()) return;
  findings.push_back(
      {newest.keys.front(),
       fmt::format("the checkpoint lacks {} file(s) that the log has and has {} that it lacks, "
                   "first {}",
                   lacking.size(), added.size(),
                   lacking.empty() ? *added.begin() : *lacking.begin())});
}

}  // namespace

// Whether the file is what its action says.
void StoreTable::check_file(sql::Connection& connection, const AddFile& file,
                            std::vector<Finding>& findings) {
  const std::string path = own_path(file.path);
  if (path.empty()) {
    findings.push_back({file.path, "it lies outside the folder of the table and is not read"});
    return;
  }
  const std::string key = path_ + "/" + path;
  const auto info = store_.head(key);
  if (!info) {
    findings.push_back({path, info.error().message});
    return;
  }
  if (std::cmp_not_equal(info->size, file.size)) {
    findings.push_back(
        {path, fmt::format("it has {} bytes, the log says {}", info->size, file.size)});
    return;
  }
  const auto read = [&]() -> Result<std::int64_t> {
    TRY(store_.fetch({key}));
    const auto rows = TRY(connection.query(fmt::format(
        "SELECT num_rows FROM parquet_file_metadata({})", quote_file(source_.folder, path))));
    return rows->int_at(0, 0);
  };
  const auto rows = read();
  AddFile whole = file;
  whole.deletion_vector.clear();
  if (!rows) {
    findings.push_back({path, rows.error().message.substr(0, rows.error().message.find('\n'))});
  } else if (whole.rows() >= 0 && whole.rows() != *rows) {
    findings.push_back({path, fmt::format("it has {} rows, the log says {}", *rows, whole.rows())});
  }
}

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
  check_checkpoint(store_, database_, path_, listing, findings);
  const auto snapshot = refresh();
  if (!snapshot) {
    findings.push_back({"_delta_log", snapshot.error().to_string()});
    return findings;
  }
  const auto connection = TRY(database_.connect());
  (*snapshot)->state().files.each([&](const std::shared_ptr<const AddFile>& file) {
    check_file(*connection, *file, findings);
    if (file->deletion_vector.empty()) return;
    if (const auto rows = source_.deletion_vectors->read(*file); !rows) {
      findings.push_back({file->path, rows.error().to_string()});
    }
  });
  return findings;
}

}  // namespace lake
