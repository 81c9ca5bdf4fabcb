// Changes single rows of files: finds them, then takes them out of the files (page by page where
// a file is large, by writing small ones anew) and writes their new values beside; or deletion
// vectors where the table has them.
//
// Threads: as the change.
#pragma once

#include <string>
#include <vector>

#include "lake/change.h"

namespace lake {

// What becomes of touched rows.
struct RowAction {
  bool deletes = false;
  bool only_source = false;  // its values read nothing of the table's rows
  // One value per column of the table, in order: SQL on target.… (and source.…).
  std::vector<std::string> values = {};
};

class Rewrite {
 public:
  // Of rows in these files of the change's base.
  Rewrite(Change& change, const Files& files);

  // For FROM: "(SELECT …) AS target" with every row of the files.
  std::string target() const { return "(" + scan_.sql + ") AS target"; }
  // For SELECT: where a row of target stands.
  static std::string place();

  // The rows to change: `select` gives place(), the action (from 1; 0 = none) and the number of a
  // source row, or NULL.
  base::Result<> touch(const std::string& select);
  // More of them.
  base::Result<> touch_more(const std::string& select);
  const std::string& touched() const { return touched_; }
  // These files, which are among those of the change, are written anew even if none of their rows
  // is touched; not where the table has deletion vectors.
  void fold(const Files& files) { folded_ = files; }

  // The condition that a row of `touched` is that row of target.
  static std::string same_place();

  // Does it. `source` is a table with a column kSourceColumn, or "". `inserts` is a SELECT of new
  // rows with the table's columns, or "".
  base::Result<> apply(const std::vector<RowAction>& actions, const std::string& source,
                       const std::string& inserts);

  static constexpr const char* kSourceColumn = "__waybill_source";

 private:
  struct Counted {
    std::shared_ptr<const AddFile> file;
    std::int64_t index = 0;  // in scan_.files
    std::int64_t touched = 0;
    std::int64_t deleted = 0;
    bool filtered = false;  // its other rows stand in a file that filter_file() made
  };

  base::Result<std::vector<Counted>> count(const std::vector<RowAction>& actions);
  base::Result<DeletedRows> rows_of(const Counted& file);
  base::Result<> write_vectors(const std::vector<Counted>& files);
  base::Result<> filter(std::vector<Counted>& files);
  void add_folded(std::vector<Counted>& files) const;
  std::string delete_list(const std::vector<RowAction>& actions) const;
  std::string column_names() const;
  std::string target_of(const std::vector<Counted>& files) const;
  std::string touched_in(const std::vector<Counted>& files) const;
  std::string joined(const std::string& target, const std::string& kind, const std::string& touched,
                     const std::string& source) const;
  std::string changed_values(const std::vector<RowAction>& actions, bool all_touched) const;
  std::string kept_rows(const std::vector<Counted>& files, const std::vector<RowAction>& actions,
                        const std::string& source, bool with_updates) const;
  std::string updated_rows(const std::vector<Counted>& files, const std::vector<RowAction>& actions,
                           const std::string& source) const;
  base::Result<std::string> feed_changes(const std::vector<Counted>& files,
                                         const std::vector<RowAction>& actions,
                                         const std::string& source, const std::string& inserts);
  base::Result<> stage_new(const std::vector<std::string>& selects);

  Change& change_;
  NumberedScan scan_;
  std::string touched_;
  Files folded_;
};

}  // namespace lake
