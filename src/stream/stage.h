// The stages of a composed model: what each takes in an epoch, and gives to the next.
//
// A stage reads the rows of its inputs that an epoch brings and leaves what follows from them in a
// temporary table of the connection. Rows either only come (a stream), or come and go (changes:
// each with a weight of 1 or -1). Threads: the pipeline's. Invariant: as of operators: process()
// changes nothing that outlives the epoch.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sql/database.h"
#include "state/store.h"
#include "stream/operator.h"

namespace stream {

struct StageColumn {
  std::string name;
  std::string type;  // DuckDB's
};

// What a stage gives, or a table that a stage reads.
struct Rows {
  std::string table = {};  // this epoch's rows, on the connection; of a standing table all rows
  std::vector<StageColumn> columns = {};  // without those that begin with _wb_
  bool changes = false;                   // with kWeight
  bool standing = false;                  // no stream: looked up as it stands
  bool places = false;  // with _wb_t, _wb_p, _wb_o: the record that a row came from
  // Groups that changed are given anew without their old rows; the last stage only.
  bool upserts = false;
  // Columns that follow the watermark: how far behind it a row still to come can be.
  std::map<std::string, std::int64_t> lags = {};

  bool has(const std::string& column) const;
};

struct Tick {
  Epoch& epoch;
  base::TimestampUs watermark_us = 0;       // before this epoch's rows
  base::TimestampUs next_watermark_us = 0;  // after them
};

class Stage {
 public:
  virtual ~Stage() = default;
  const Rows& gives() const { return gives_; }
  // From now on somebody needs the rows that go, and all rows as they stand.
  virtual void be_read() {}
  virtual base::Result<> restore(const state::Store&, sql::Connection&) { return {}; }
  virtual base::Result<> process(const Tick& tick) = 0;
  virtual base::Result<> keep(const Tick&, state::WriteSet&) { return {}; }
  virtual base::Result<> committed(sql::Connection&) { return {}; }
  virtual StateSize state_size() const { return {}; }
  // The watermark that has something to do without rows; nullopt: none.
  virtual std::optional<base::TimestampUs> waits_for() const { return std::nullopt; }
  // A SELECT of all rows that it has given and not taken back; empty when it does not keep them.
  virtual std::string standing() const { return ""; }
  virtual nlohmann::json explain() const = 0;

 protected:
  Rows gives_;
};

// The columns of a SELECT as a stage gives them.
base::Result<std::vector<StageColumn>> columns_of(sql::Connection& connection,
                                                  const std::string& select);
std::string names_of(const std::vector<StageColumn>& columns, const std::string& table = "");
// Rows of the same kind added up: those whose weights cancel out are left out.
std::string net_changes(const std::string& select);
// `l.k0 IS NOT DISTINCT FROM r.k0 AND …` for prefix0 … prefixN; TRUE for none.
std::string same_numbered(std::string_view prefix, std::size_t count, const std::string& left,
                          const std::string& right);

}  // namespace stream
